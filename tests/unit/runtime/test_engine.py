"""Bars in, forecasts out: what the lab forecasts, whatever else happens to the engine."""

import gc
import logging
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from small_exports import DIRECTION, HOUR, RETURN, VOLATILITY, FadingSum, Small, market, small

from candlewick.core.errors import ConfigError, DataError
from candlewick.core.forecast import Forecast
from candlewick.data.bars import Bars, Panel
from candlewick.runtime.engine import STAGES, Engine
from candlewick.runtime.estimator_session import EstimatorSession
from candlewick.runtime.exported import Exported

SYMBOLS = ("A", "B", "C")


@cache
def linear() -> Small:
    return small(market(SYMBOLS), {"name": "linear", "lags": 4})


@cache
def streaming() -> Exported:
    """A model of carried state over 16 rows; what it forecasts is of no matter."""
    return replace(linear().exported, streams=True, warmup=16)


def engine_of(exported: Exported, symbols: tuple[str, ...] = ("A",), **options: object) -> Engine:
    inputs, outputs = exported.features.width, exported.head.outputs
    session = FadingSum(inputs, outputs) if exported.streams else EstimatorSession(exported)
    return Engine(exported, symbols, session, **options)  # type: ignore[arg-type]


def rows_of(bars: Bars, columns: tuple[str, ...]) -> np.ndarray:
    return bars.values[:, bars.indices(columns)]


def walk(engine: Engine, bars: Bars, rows: slice = slice(None)) -> list[Forecast]:
    """Forecasts of one instrument's bars."""
    values = rows_of(bars, engine.exported.columns)
    return [engine.step(t, row)[0] for t, row in zip(bars.t[rows].tolist(), values[rows], strict=True)]


def slices(panel: Panel, columns: tuple[str, ...]) -> list[tuple[int, np.ndarray, np.ndarray]]:
    order = panel.bars[0].indices(columns)
    return [(t, values[:, order], present) for t, values, present in panel.slices()]


# Forecasts


@pytest.mark.parametrize(
    ("asks", "model", "head"),
    [
        (VOLATILITY, {"name": "har", "lags": [1, 3, 6]}, None),
        (VOLATILITY, {"name": "linear", "lags": 4}, None),
        (VOLATILITY, {"name": "gradient_boosting", "rounds": 20}, None),
        (RETURN, "linear", {"head": "gaussian"}),
        (RETURN, "linear", {"head": "quantile", "levels": [0.1, 0.5, 0.9]}),
        (DIRECTION, "linear", None),
    ],
    ids=["har", "linear", "trees", "gaussian", "quantile", "classes"],
)
def test_every_forecast_is_the_labs(asks, model, head):
    panel = market(SYMBOLS, 200)
    case = small(panel, model, asks=asks, **({"head": head} if head else {}))
    told = {}
    engine = engine_of(case.exported, SYMBOLS)
    for t, rows, present in slices(panel, case.exported.columns):
        told |= {(f.symbol, f.t): f for f in engine.step(t, rows, present) if f.status == "ok"}
    index = np.flatnonzero(case.data.ready)
    belief = case.forecast(index)
    keys = [(case.data.symbols[case.data.symbol[row]], int(case.data.t[row])) for row in index]
    assert sorted(told) == sorted(keys)
    assert len(keys) > 400
    forecasts = [told[key] for key in keys]
    if belief.probabilities is not None:
        np.testing.assert_allclose([f.probabilities for f in forecasts], belief.probabilities, rtol=1e-12)
        mean_class = belief.probabilities @ np.arange(belief.probabilities.shape[1])
        np.testing.assert_allclose([f.value for f in forecasts], mean_class, rtol=1e-12)
        return
    np.testing.assert_allclose([f.value for f in forecasts], belief.value, rtol=1e-12)
    if belief.quantiles is not None:
        np.testing.assert_allclose([[q for _, q in f.quantiles] for f in forecasts], belief.quantiles, rtol=1e-12)
        assert {tuple(level for level, _ in f.quantiles) for f in forecasts} == {belief.levels}


def test_scaled_rows_have_the_bits_of_the_datasets():
    case = linear()
    bars = market(SYMBOLS)["A"]
    scaled = case.experiment.scaler.apply(case.fitted.scaler, case.data)[: len(bars)]
    engine = engine_of(case.exported)
    walk(engine, bars)
    np.testing.assert_array_equal(engine.snapshot()["x"][0], scaled[-case.data.length :])


def test_a_carried_state_begins_warmup_rows_before_the_first_forecast():
    case, exported = linear(), streaming()
    bars = market(SYMBOLS)["A"]
    told = walk(engine_of(exported), bars)
    scaled = case.experiment.scaler.apply(case.fitted.scaler, case.data)[: len(bars)]
    asked = exported.anchor
    assert [f.status for f in told[: asked + 1]] == ["abstain"] * asked + ["ok"]
    state = np.zeros(exported.features.width, np.float32)
    for row in scaled[asked - exported.warmup : asked + 1]:
        state = np.float32(0.9) * state + row
    raw = np.array([[state.sum()]]) / 100
    assert told[asked].value == exported.head.decode(raw, exported.scale).value[0]


def test_the_engine_says_how_far_it_is_from_its_first_forecast():
    engine = engine_of(linear().exported)
    told = walk(engine, market(SYMBOLS)["A"][:30])
    anchor = linear().exported.anchor
    assert [f.reason for f in told[:2]] == [f"warming up: 1 of {anchor} bars", f"warming up: 2 of {anchor} bars"]
    assert all(np.isnan(f.value) and f.quantiles == () for f in told[:anchor])
    assert {(f.status, f.reason) for f in told[anchor:]} == {("ok", "")}
    assert [f.seq for f in told] == list(range(30))


def test_a_forecast_says_when_its_truth_can_be_known_and_how_old_it_is():
    bars = market(SYMBOLS)["A"][:30]
    (last,) = walk(engine_of(linear().exported, interval_ns=HOUR, clock=lambda: int(bars.t[-1]) + 77), bars)[-1:]
    assert (last.known_at, last.age_ns) == (last.t + 2 * HOUR, 77)
    assert walk(engine_of(linear().exported), bars)[-1].known_at is None


def test_the_truth_of_a_label_that_depends_on_the_path_has_no_time():
    barrier = {**RETURN, "label": {"name": "triple_barrier", "horizon": 5}}
    exported = small(market(), {"name": "naive", "rule": "prior"}, asks=barrier).exported
    assert walk(engine_of(exported, interval_ns=HOUR), market()["A"][:30])[-1].known_at is None


# Bars that cannot be used


@pytest.fixture
def warm():
    engine = engine_of(streaming(), SYMBOLS)
    for t, rows, present in slices(market(SYMBOLS, 120), engine.exported.columns):
        engine.step(t, rows, present)
    return engine


def assert_same_state(one: Engine, other: dict[str, np.ndarray]) -> None:
    for name, array in one.snapshot().items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bar_that_is_not_finite_is_refused_by_name_and_changes_nothing(warm, bad):
    before = warm.snapshot()
    rows = np.full((3, len(warm.exported.columns)), 100.0)
    rows[1, 1] = bad
    with pytest.raises(DataError, match=rf"B: {warm.exported.columns[1]} is {bad} at 2001-09-09.*Skip the bar"):
        warm.step(10**18, rows)
    assert_same_state(warm, before)
    assert len(warm.step(10**18, rows, np.array([True, False, True]))) == 2


def test_a_bar_that_does_not_come_later_is_refused_and_changes_nothing(warm):
    before = warm.snapshot()
    rows = np.full((3, len(warm.exported.columns)), 100.0)
    with pytest.raises(DataError, match=r"A: a bar that closed at .* came after one that closed at"):
        warm.step(int(before["marks"][0, 1]), rows)
    assert_same_state(warm, before)


@pytest.mark.parametrize("present", [np.ones(2, bool), np.ones(3), None])
def test_shapes_that_do_not_fit_are_refused(warm, present):
    rows = np.ones((3 if present is not None else 2, len(warm.exported.columns)))
    with pytest.raises(DataError, match=r"A, B, C|3 instruments"):
        warm.step(10**18, rows, present)


def test_text_and_objects_are_refused(warm):
    for dtype in (object, str, bool):
        with pytest.raises(DataError, match="as numbers"):
            warm.step(10**18, np.ones((3, len(warm.exported.columns))).astype(dtype))


def test_a_stamp_that_is_no_whole_number_of_nanoseconds_is_refused_and_changes_nothing(warm):
    before, rows = warm.snapshot(), np.ones((3, len(warm.exported.columns)))
    with pytest.raises(TypeError):
        warm.step(1.5e18, rows)
    with pytest.raises(DataError, match="must be in ns since 1970"):
        warm.step(10**20, rows)
    assert_same_state(warm, before)


@pytest.mark.parametrize("exported", [linear, streaming], ids=["windows", "streams"])
def test_features_that_fail_give_no_forecast_and_are_remembered_as_long_as_they_matter(exported):
    model = exported().exported if exported is linear else exported()
    bars = market(SYMBOLS)["A"]
    hole, anchor = 60, model.anchor
    values = bars.values.copy()
    values[hole, bars.indices(("close",))] = -1.0
    values[hole + 1, bars.indices(("close",))] = 1e300
    engine = engine_of(model)
    clean, told = walk(engine_of(model), bars), walk(engine, bars.with_values(values))
    assert told[hole].status == "abstain"
    assert "log_return_3 = nan" in told[hole].reason
    recovered = hole + 4 + anchor  # the return over three bars fails while the negative close is in it
    assert {f.status for f in told[hole + 4 : recovered]} == {"degraded"}
    assert "gave no features" in told[recovered - 1].reason
    assert {f.status for f in told[recovered:]} == {"ok"}
    assert all(np.isfinite(f.value) for f in told[hole + 4 :])
    assert np.isfinite(engine.snapshot()["x"]).all()
    values = [[f.value for f in forecasts[recovered + 100 :]] for forecasts in (clean, told)]
    if exported is linear:
        assert values[0] == values[1]
    else:
        np.testing.assert_allclose(*values, rtol=1e-4)


HIGH_ITSELF = """
from typing import ClassVar

import numpy as np

from candlewick.core.compiled import compiled
from candlewick.features._base import STEP, Feature


class HighItself(Feature):
    columns: ClassVar = ("high",)
    scale_free: ClassVar = False
    outputs: ClassVar = ("high_itself",)
    warmup: ClassVar = 1
    state_size: ClassVar = 0

    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        out[0] = row[0]

    def params(self):
        return np.zeros(0)
"""


@pytest.mark.parametrize("scaler", ["standard", "none"])
def test_a_feature_too_large_for_float32_gives_no_forecast_and_stays_in_no_window(tmp_path, scaler):
    (tmp_path / "mine.py").write_text(HIGH_ITSELF)
    asks = {"features": ["log_return", f"{tmp_path}/mine.py:HighItself"], "label": RETURN["label"]}
    exported = small(market(), {"name": "linear", "lags": 6}, asks=asks, length=6, scaler=scaler).exported
    bars = market()["A"]
    values = bars.values.copy()
    values[60, bars.indices(("high",))] = 1e39
    told = walk(engine_of(exported), bars.with_values(values))
    assert told[60].status == "abstain"
    assert "high_itself is 1e+39 at" in told[60].reason
    assert [f.status for f in told[61 : 62 + exported.anchor]] == ["degraded"] * exported.anchor + ["ok"]
    assert all(np.isfinite(f.value) for f in told[61:])


def test_an_unknown_past_of_the_label_gives_no_forecast_and_no_warning(caplog):
    asks = {**VOLATILITY, "features": ["log_return"]}
    exported = small(market(), {"name": "har", "lags": [1, 3, 6]}, asks=asks).exported
    bars = market()["A"]
    values = bars.values.copy()
    values[60, bars.indices(("high",))] = -1.0
    with caplog.at_level(logging.WARNING, "candlewick"):
        told = walk(engine_of(exported), bars.with_values(values))
    unknown = [k for k, f in enumerate(told) if f.status == "abstain" and k >= exported.anchor]
    assert unknown == list(range(60, 60 + 2 + exported.length - 1))
    assert "past is not known since" in told[70].reason
    assert caplog.records == []


def test_an_output_that_is_not_finite_is_no_forecast():
    exported = streaming()
    engine = engine_of(exported)
    bars = market(SYMBOLS)["A"]
    walk(engine, bars[:100])
    arrays = engine.snapshot()
    with pytest.raises(DataError, match=r"state.0 holds values that are not finite"):
        engine.restore(arrays | {"state.0": np.full_like(arrays["state.0"], np.nan)})
    engine._lanes.state[0][:] = np.nan
    (told,) = walk(engine, bars, slice(100, 101))
    assert (told.status, told.reason) == ("abstain", "the model's output is not finite")


def test_an_engine_whose_session_failed_says_so_until_it_is_restored(warm):
    before = warm.snapshot()
    rows = np.full((3, len(warm.exported.columns)), 100.0)
    warm._lanes.fails = True
    with pytest.raises(RuntimeError, match="broke off"):
        warm.step(10**18, rows)
    warm._lanes.fails = False
    for use in (lambda: warm.step(10**18 + 1, rows), warm.snapshot, warm.fork):
        with pytest.raises(DataError, match=r"not whole.*Restore a snapshot"):
            use()
    warm.restore(before)
    assert_same_state(warm, before)
    assert len(warm.step(10**18, rows)) == 3


def test_instruments_are_named_once_and_known_to_the_scaler():
    for symbols in ((), ("A", "A")):
        with pytest.raises(ConfigError, match="different names"):
            engine_of(linear().exported, symbols)
    with pytest.raises(DataError, match=r"has not seen Z in training. It knows A, B, C"):
        engine_of(linear().exported, ("A", "Z"))


# State


@pytest.mark.parametrize("exported", [linear, streaming], ids=["windows", "streams"])
def test_absent_instruments_do_not_move_by_one_bit(exported):
    model = exported().exported if exported is linear else exported()
    panel = market(SYMBOLS, 150)
    together = engine_of(model, SYMBOLS)
    alone = {symbol: engine_of(model, (symbol,)) for symbol in SYMBOLS}
    for t, rows, present in slices(panel, model.columns):
        for forecast in together.step(t, rows, present):
            own = alone[forecast.symbol].step(t, rows[SYMBOLS.index(forecast.symbol)])[0]
            np.testing.assert_allclose(own.value, forecast.value, rtol=1e-12)
            assert own.status == forecast.status
    for k, symbol in enumerate(SYMBOLS):
        whole, one = together.snapshot(), alone[symbol].snapshot()
        for name in whole.keys() - {"model", "arithmetic", "symbols", "seq"}:
            np.testing.assert_array_equal(whole[name][k], one[name][0], err_msg=f"{name} of {symbol}")


@pytest.mark.parametrize("exported", [linear, streaming], ids=["windows", "streams"])
def test_a_restored_engine_goes_on_to_the_same_bits(exported):
    model = exported().exported if exported is linear else exported()
    bars = market(SYMBOLS)["A"]
    engine = engine_of(model)
    for stop in (3, 20, 150):
        walk(engine, bars, slice(engine.seq, stop))
        other = engine_of(model)
        other.restore(engine.snapshot())
        assert walk(other, bars, slice(stop, 200)) == walk(engine.fork(), bars, slice(stop, 200))


def test_a_fork_leaves_its_parent_alone(warm):
    before, fork = warm.snapshot(), warm.fork()
    rows = np.full((3, len(warm.exported.columns)), 100.0)
    fork.step(10**18, rows)
    assert_same_state(warm, before)
    assert not np.array_equal(fork.snapshot()["state.0"], before["state.0"])


@pytest.mark.parametrize(("name", "value"), [("kernel", "onnxruntime"), ("precision", "int8")])
def test_a_snapshot_of_another_arithmetic_is_refused(warm, name, value):
    other = engine_of(streaming(), SYMBOLS)
    setattr(other.session, name, value)
    with pytest.raises(DataError, match="snapshot's arithmetic is 'compiled fp32', the engine's is"):
        other.restore(warm.snapshot())


def test_a_snapshot_of_another_model_or_of_other_instruments_is_refused(warm):
    arrays = warm.snapshot()
    other = replace(streaming(), weights={"matrix": np.ones(1)})
    with pytest.raises(DataError, match="snapshot's model is"):
        engine_of(other, SYMBOLS).restore(arrays)
    with pytest.raises(DataError, match=r"snapshot's symbols is 'A\\nB\\nC', the engine's is 'A\\nC\\nB'"):
        engine_of(streaming(), ("A", "C", "B")).restore(arrays)
    for wrong in (
        {k: v for k, v in arrays.items() if k != "x"},
        arrays | {"more": np.zeros(1)},
        arrays | {"x": arrays["x"].astype(np.float64)},
        arrays | {"marks": arrays["marks"][:2]},
    ):
        before = warm.snapshot()
        with pytest.raises(DataError, match="snapshot"):
            warm.restore(wrong)
        assert_same_state(warm, before)


# Time and memory


def test_every_slice_is_timed_by_stage():
    engine = engine_of(linear().exported)
    walk(engine, market(SYMBOLS)["A"][:50])
    assert tuple(engine.latency) == STAGES
    assert {times.count for times in engine.latency.values()} == {50}
    parts = sum(engine.latency[stage].max for stage in STAGES[:-1])
    assert 0 < engine.latency["total"].quantile(0.5) <= engine.latency["total"].max <= parts * 1.001


@pytest.mark.parametrize("exported", [linear, streaming], ids=["windows", "streams"])
def test_memory_does_not_grow(exported):
    engine = engine_of(exported().exported if exported is linear else exported(), SYMBOLS)
    rng = np.random.default_rng(0)
    rows = 100 * np.exp(rng.standard_normal((64, 3, len(engine.exported.columns))) / 100)
    everyone, some = np.ones(3, bool), np.array([True, False, True])

    def bars(first: int, count: int) -> None:
        for k in range(first, first + count):
            engine.step(k, rows[k % 64], some if k % 3 else everyone)

    def blocks() -> int:
        gc.collect()  # numpy's window views are cycles, which wait for the collector
        return sys.getallocatedblocks()

    bars(1, 2_000)
    before = blocks()
    bars(2_001, 8_000)
    # The interpreter keeps some thousand freed tuples for later.
    assert blocks() - before < 2_000, "less than an object for four bars"
