"""What every model must keep, estimator or network; a broken contract raises AssertionError with a sentence.

Statistical contracts use planted data with a fixed seed and four standard errors.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from safetensors.numpy import load, save

from candlewick.core import random
from candlewick.core.errors import ConfigError
from candlewick.models import Model, Network
from candlewick.models._base import LayerCount, Weights
from candlewick.models._heads import Point
from candlewick.runtime.choose import Setting, open_session
from candlewick.samples.dataset import Dataset
from candlewick.testing.model_trial import BARS, CUT, HEADS, LENGTH, TEST, WIDTH, Trial, planted
from candlewick.testing.network_contracts import NETWORK_CONTRACTS
from candlewick.testing.served import served
from candlewick.testing.settings import Result, judge

STANDARD_ERRORS = 4.0

ModelContract = Callable[[Trial], None]


def forecasts_are_finite_and_shaped(trial: Trial) -> None:
    """One row of finite float64 raw outputs a sample, which the head can decode; no row for no sample."""
    wanted = (BARS - 1 - TEST, trial.head.outputs)
    raw = trial.raw
    if raw.shape != wanted or raw.dtype != np.float64:
        raise AssertionError(f"predict must give float64 {wanted}, was {raw.dtype} {raw.shape}.")
    value = trial.head.decode(raw, trial.scale(trial.data)).value
    if not np.isfinite(raw).all() or not np.isfinite(value).all():
        raise AssertionError(f"{np.sum(~np.isfinite(raw).all(axis=1))} of {len(raw)} forecasts are not finite.")


def same_seed_gives_the_same_bits(trial: Trial) -> None:
    """Fitting and forecasting twice with one seed gives equal weights and equal forecasts, bit for bit."""
    _expect_equal(trial.weights, trial.fit(trial.data), "a second fit with the same seed")
    if trial.predict(trial.weights, trial.data).tobytes() != trial.raw.tobytes():
        raise AssertionError("a second forecast with the same weights differs. Draw nothing while forecasting.")


def fit_sees_its_rows_alone(trial: Trial) -> None:
    """Changing features, echoes and labels after the last training row moves no bit of the weights."""
    after = np.arange(len(trial.data)) >= CUT
    unseen = _changed(trial.data, after, labels=after)
    _expect_equal(trial.weights, trial.fit(unseen), "changing the rows after the last training row")


def forecasts_see_no_later_row(trial: Trial) -> None:
    """Changing all rows after a bar, and every label of the test rows, moves no forecast up to that bar."""
    position = 200
    after = np.arange(len(trial.data)) > TEST + position
    unasked = np.arange(len(trial.data)) >= CUT
    seen = trial.predict(trial.weights, _changed(trial.data, after, labels=unasked))
    moved = np.flatnonzero((seen != trial.raw)[: position + 1].any(axis=1))
    if len(moved):
        raise AssertionError(
            f"{len(moved)} of {position + 1} forecasts moved when only later rows and labels changed. "
            "Read the window that ends at the sample's row and nothing else."
        )


def a_forecast_stands_alone(trial: Trial) -> None:
    """A few samples asked for alone get the forecasts they had among all (to 1e-5)."""
    some = np.array([3, 40, 41, 300])
    alone = trial.predict(trial.weights, trial.data, TEST + some)
    apart = float(np.max(np.abs(alone - trial.raw[some])))
    if not apart <= 1e-5:
        raise AssertionError(
            f"forecasts depend on which other samples are asked for: they move by {apart:.3g}. "
            "Fit every statistic on training rows and keep it in the weights."
        )


def planted_signal_is_found(trial: Trial) -> None:
    """The test loss is below that of the best constant by more than four standard errors."""
    skill = trial.skill(trial.data, trial.raw)
    if skill < STANDARD_ERRORS:
        raise AssertionError(
            f"a planted signal was not found: {skill:.1f} standard errors better than the best constant, "
            f"at least {STANDARD_ERRORS:.0f} are needed."
        )


def nothing_is_found_in_shuffled_labels(trial: Trial) -> None:
    """Where labels are dealt out at random, the test loss is not below the best constant's by four errors."""
    data = planted(trial.head, trial.seed, shuffled=True)
    weights = trial.fit(data)
    skill = trial.skill(data, trial.predict(weights, data))
    if skill > STANDARD_ERRORS:
        raise AssertionError(
            f"labels dealt out at random were forecast {skill:.1f} standard errors better than by the "
            "best constant. The answer reaches the model."
        )


def weights_survive_safetensors(trial: Trial) -> None:
    """Weights written as safetensors and read back give the same forecasts, bit for bit."""
    read = load(save({name: np.ascontiguousarray(array) for name, array in trial.weights.items()}))
    if trial.predict(read, trial.data).tobytes() != trial.raw.tobytes():
        raise AssertionError("forecasts differ after the weights were saved and read. Keep all that is fitted in them.")


def serving_gives_the_same_forecasts(trial: Trial) -> None:
    """Windows stepped by the runtime give the raw outputs of `predict`: to 1e-12, networks by their graph to 1e-5."""
    exported = served(trial)
    setting = Setting("onnxruntime" if exported.graphs else "estimator")
    lanes = open_session(exported, setting).begin(2)
    allowed = 1e-5 if exported.graphs else 1e-12
    for position in range(0, 40, 2):
        for lane in range(2):
            window = slice(TEST + position + lane - LENGTH + 1, TEST + position + lane + 1)
            lanes.x[lane] = trial.data.x[window]
            if lanes.echo.size:
                lanes.echo[lane] = trial.data.echo[window]
        lanes.step(2)
        expected = trial.raw[position : position + 2]
        apart = float(np.max(np.abs(lanes.raw - expected) / np.maximum(np.abs(expected), 1.0)))
        if not apart <= allowed:
            raise AssertionError(
                f"a served forecast is {apart:.3g} from that of predict, at most {allowed:g} is allowed. Forecast from "
                "the windows of features and echoes alone: a live bar has no row, no stamp and no label."
            )


def cost_is_counted(trial: Trial) -> None:
    """`count` gives at least one layer, with names of their own and whole numbers that are not negative."""
    layers = trial.model.count(WIDTH, trial.head, LENGTH)
    if not layers or not all(isinstance(layer, LayerCount) for layer in layers):
        raise AssertionError(f"count must give a tuple of LayerCount, was {layers!r}.")
    numbers = [number for layer in layers for number in (layer.parameters, layer.multiply_adds)]
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise AssertionError(f"counts are whole numbers from 0, was {numbers}.")
    if len({layer.layer for layer in layers}) < len(layers):
        raise AssertionError("two layers of count have one name. Name each after its module.")


MODEL_CONTRACTS: tuple[ModelContract, ...] = (
    forecasts_are_finite_and_shaped,
    same_seed_gives_the_same_bits,
    fit_sees_its_rows_alone,
    forecasts_see_no_later_row,
    a_forecast_stands_alone,
    planted_signal_is_found,
    nothing_is_found_in_shuffled_labels,
    weights_survive_safetensors,
    serving_gives_the_same_forecasts,
    cost_is_counted,
)


def check_model(model: type[Model] | Model, *, seed: int = 0) -> tuple[Result, ...]:
    """All contracts on a model: a class, tried with its `tiny` parameters, or a spec as it is.

    An estimator is tried with every head that it does not refuse with a ConfigError, a network with one number.
    """
    spec = model(**model.tiny) if isinstance(model, type) else model
    trials = _trials(spec, seed)
    results = [
        judge(f"{contract.__name__}[{trial.head.to_dict()['head']}]", contract, [trial])
        for trial in trials
        for contract in MODEL_CONTRACTS
    ]
    if not trials:
        results.append(Result("takes_a_head", False, "every head was refused with a ConfigError. Take one."))
    if isinstance(spec, Network):
        from candlewick.train.device import reproducible

        with reproducible(threads=1):
            results += [judge(contract.__name__, contract, [spec]) for contract in NETWORK_CONTRACTS]
    return tuple(results)


def _trials(spec: Model, seed: int) -> list[Trial]:
    if isinstance(spec, Network):
        return [Trial(spec, Point(), seed)]
    trials = [Trial(spec, head, seed) for head in HEADS]
    return [trial for trial in trials if not _refused(trial)]


def _refused(trial: Trial) -> bool:
    try:
        trial.fit(trial.data)
    except ConfigError:
        return True
    except Exception:  # the contracts meet it again and report it
        return False
    return False


def _changed(data: Dataset, rows: np.ndarray, *, labels: np.ndarray) -> Dataset:
    rng = random.stream(0, "changed rows")
    x = np.where(rows[:, None], 5.0 + 3.0 * rng.standard_normal(data.x.shape), data.x).astype(np.float32)
    echo = np.where(rows, np.exp(rng.standard_normal(len(data))), data.echo)
    # A label that is a class stays one: the class after it.
    other = np.where(np.isnan(data.y), np.nan, np.roll(data.y, 7))
    return replace(data, x=x, echo=echo, y=np.where(labels, other, data.y))


def _expect_equal(before: Weights, after: Weights, what: str) -> None:
    moved = [name for name in before if name not in after or before[name].tobytes() != after[name].tobytes()]
    if moved or set(after) - set(before):
        raise AssertionError(
            f"{what} changes the weights {', '.join(moved) or 'by name'}. "
            "Draw from the given seed and read the given samples alone."
        )
