"""Estimators serve what the lab forecasts, and trees what scikit-learn does."""

import logging
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from small_exports import DIRECTION, RETURN, VOLATILITY, Small, market, small

from candlewick.core.errors import ConfigError
from candlewick.models._trees import flatten, walk
from candlewick.runtime.estimator_session import EstimatorSession
from candlewick.samples.dataset import Samples

CASES = {
    "naive": (VOLATILITY, "naive", {}),
    "har": (VOLATILITY, {"name": "har", "lags": [1, 3, 6]}, {}),
    "linear lags": (VOLATILITY, {"name": "linear", "lags": 4}, {}),
    "linear classes": (DIRECTION, "linear", {}),
    "linear gaussian": (RETURN, "linear", {"head": {"head": "gaussian"}}),
    "trees": (VOLATILITY, {"name": "gradient_boosting", "rounds": 20, "lags": 3}, {}),
    "trees quantiles": (
        RETURN,
        {"name": "gradient_boosting", "rounds": 20},
        {"head": {"head": "quantile", "levels": [0.1, 0.5, 0.9]}},
    ),
}


@cache
def case_of(name: str) -> Small:
    asks, model, changes = CASES[name]
    return small(market(), model, asks=asks, **changes)


def raw_of_the_lab(case: Small, index: np.ndarray) -> np.ndarray:
    x = case.experiment.scaler.apply(case.fitted.scaler, case.data, index)
    samples = Samples(case.data.with_x(x), index)
    exported = case.exported
    return exported.model.predict(exported.weights, samples, head=exported.head, scale=exported.scale)


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_lanes_give_the_labs_own_raw_outputs(name: str, lanes: int) -> None:
    case = case_of(name)
    index = np.flatnonzero(case.data.ready)[-60:]
    data, length = case.data, case.data.length
    scaled = case.experiment.scaler.apply(case.fitted.scaler, data, index)
    own = EstimatorSession(case.exported).begin(lanes)
    raw = np.empty((len(index), case.exported.head.outputs))
    for begin in range(0, len(index), lanes):
        for lane, row in enumerate(index[begin : begin + lanes]):
            own.x[lane] = scaled[row - length + 1 : row + 1]
            if own.echo.size:
                own.echo[lane] = data.echo[row - length + 1 : row + 1]
        own.step(lanes)
        raw[begin : begin + lanes] = own.raw
    np.testing.assert_allclose(raw, raw_of_the_lab(case, index), rtol=1e-12, atol=1e-12)


def test_a_step_leaves_the_lanes_behind_as_they_were() -> None:
    lanes = EstimatorSession(case_of("linear lags").exported).begin(3)
    lanes.x[:] = 0.5
    lanes.raw[:] = 7.0
    lanes.step(2)
    assert (lanes.raw[2] == 7.0).all()
    assert (lanes.raw[:2] != 7.0).all()


def test_only_models_that_read_echoes_are_given_any() -> None:
    assert EstimatorSession(case_of("linear lags").exported).begin(2).echo.shape == (2, 0)
    assert EstimatorSession(case_of("har").exported).begin(2).echo.shape == (2, 12)


def test_a_network_is_refused() -> None:
    from dataclasses import replace

    from candlewick.models.lstm import Lstm

    with pytest.raises(ConfigError, match="network lstm"):
        EstimatorSession(replace(case_of("naive").exported, model=Lstm()))


@pytest.mark.parametrize("loss", ["squared_error", "gamma", "quantile"])
def test_trees_equal_scikit_learn_also_where_a_value_is_the_threshold_itself(loss: str) -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    rng = np.random.default_rng(3)
    x = np.round(rng.standard_normal((600, 3)), 1)  # few values, so that thresholds lie beside and between them
    y = np.exp(x[:, 0] + rng.standard_normal(600) / 4)
    options = {"quantile": 0.3} if loss == "quantile" else {}
    trees = HistGradientBoostingRegressor(loss=loss, max_iter=30, early_stopping=False, **options).fit(x, y)
    weights = flatten([trees], [30])
    inner = weights["left"] >= 0
    on, feature = np.unique(weights["threshold"][inner]), weights["feature"][inner]
    assert len(feature) > 100
    met = np.stack([np.resize(on, 400), np.resize(on[::-1], 400), rng.choice(on, 400)], axis=1)
    around = np.concatenate([x, met, np.nextafter(met, np.inf), np.nextafter(met, -np.inf)])
    np.testing.assert_allclose(walk(weights, around)[:, 0], trees._raw_predict(around)[:, 0], rtol=0, atol=1e-12)


def test_serving_an_estimator_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    from candlewick.runtime.replay import replay

    case = case_of("har")
    with caplog.at_level(logging.WARNING, "candlewick"):
        found = replay(case.exported, EstimatorSession(case.exported), market(bars=120))
    assert len(found.t) > 50
    assert caplog.records == []


def test_no_heavy_library_is_loaded_while_an_estimator_serves() -> None:
    code = """
import sys
import numpy as np
from candlewick.features._set import FeatureSet
from candlewick.labels import LABELS
from candlewick.models._heads import HeadScale, Point
from candlewick.models.linear import Linear
from candlewick.runtime.engine import Engine
from candlewick.runtime.estimator_session import EstimatorSession
from candlewick.runtime.exported import Exported

exported = Exported(
    features=FeatureSet.of(["log_return"]), label=LABELS.build("forward_return"), length=2, model=Linear(),
    weights={"matrix": np.ones((1, 1)), "intercept": np.zeros(1), "spread": np.empty(0)},
    scaler={"center": np.zeros((1, 1)), "scale": np.ones((1, 1)), "clip": np.array([9.0]),
            "symbols": np.empty(0, np.uint8)},
    head=Point(), scale=HeadScale(0.0, 1.0), streams=False, warmup=0,
)
engine = Engine(exported, ("A",), EstimatorSession(exported))
last = [engine.step(t, np.array([100.0 + t % 3]))[0] for t in range(1, 9)][-1]
assert last.status == "ok", last
print({"torch", "sklearn", "polars", "pandas", "onnx", "onnxruntime", "joblib"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
