"""What every feature must keep; a broken contract raises AssertionError with a sentence."""

import json
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from candlewick.core.clock import iso
from candlewick.core.errors import ConfigError, DataError
from candlewick.data.bars import Bars
from candlewick.features._base import STEP, Feature, scan
from candlewick.features._set import FeatureSet, LiveFeatures
from candlewick.testing.odd_markets import negative, odd_markets, ordinary, replaced_after, scaled, with_bar
from candlewick.testing.settings import Result, judge, moved, require, settings

F = TypeVar("F", bound=Feature)
FeatureContract = Callable[[Feature], None]

_SCALE = 1e8


def describes_itself(feature: Feature) -> None:
    """Names, sizes and parameters are what the scan and the sets take them for; its plain data builds it again."""
    names = feature.outputs
    require(
        len(names) > 0 and len(set(names)) == len(names), f"outputs must be one or more different names, was {names}."
    )
    require(feature.warmup >= 1 and feature.state_size >= 0, "warmup must be 1 or more, state_size 0 or more.")
    require(0 <= feature.fade_bound < np.inf, f"fade_bound must be 0 or more, was {feature.fade_bound}.")
    params = feature.params()
    require(
        params.dtype == np.float64 and params.ndim == 1 and np.isfinite(params).all(), "params: finite float64 (k,)."
    )
    signatures = getattr(type(feature).step, "signatures", [])
    require(STEP.args in signatures, "step must be a static method under @compiled(STEP).")
    data = json.loads(json.dumps(feature.to_dict()))
    del data["name"]
    again = type(feature).model_validate(data)
    require(again == feature and again.content_id == feature.content_id, "to_dict does not build an equal spec.")


def history_equals_live(feature: Feature) -> None:
    """`run`, the scan in pieces of any size, and single live steps of two markets by turns give the same bits."""
    bars, other = _market(feature), _market(feature, seed=1)
    history, other_history = feature.run(bars), feature.run(other)
    for size in (1, 7, 64):
        _assert_same(history, _in_pieces(feature, bars, size), bars, f"run and the scan in pieces of {size} bars")
    live, other_live = FeatureSet((feature,)).begin(bars.columns), FeatureSet((feature,)).begin(other.columns)
    out, other_out = np.empty_like(history), np.empty_like(history)
    for i in range(len(bars)):
        out[i] = live.step(int(bars.t[i]), bars.values[i])
        other_out[i] = other_live.step(int(other.t[i]), other.values[i])
    _assert_same(history, out, bars, "run and live steps")
    _assert_same(other_history, other_out, other, "run and live steps beside another instrument")


def future_moves_nothing(feature: Feature) -> None:
    """Other bars after a moment, or none, leave every output up to that moment as it was, bit for bit."""
    bars = _market(feature)
    history = feature.run(bars)
    for row in _cuts(feature, bars):
        changed = feature.run(replaced_after(bars, row, seed=2))[: row + 1]
        _assert_same(history[: row + 1], changed, bars, f"with and without other bars after row {row}, values up to it")
        cut = feature.run(bars[: row + 1])
        _assert_same(history[: row + 1], cut, bars, f"with and without the bars after row {row}, values up to it")


def warmup_is_exact(feature: Feature) -> None:
    """NaN in every output before `warmup` bars, finite numbers in every output from there on."""
    bars = _market(feature)
    known = np.isfinite(feature.run(bars))
    for name, column in zip(feature.outputs, known.T, strict=True):
        first = int(column.argmax()) + 1 if column.any() else 0
        require(first == feature.warmup, f"{name} gives its first number at bar {first}, warmup says {feature.warmup}.")
        require(column[feature.warmup - 1 :].all(), f"{name} is not finite somewhere after its warm-up.")


def memory_is_as_declared(feature: Feature) -> None:
    """After `warmup` bars, what came before moves no bit (fade_bound 0), or at most `fade_bound`, which is small."""
    bars = _market(feature)
    begin = len(bars) // 3
    alone = feature.run(bars[begin:])[feature.warmup - 1 :]
    for what, before in _pasts(bars, begin).items():
        after = feature.run(before)[begin + feature.warmup - 1 :]
        if feature.fade_bound == 0:
            _assert_same(alone, after, bars[begin + feature.warmup - 1 :], f"with another past ({what}), values")
        moved_by = float(np.abs(alone - after).max())
        require(
            moved_by <= feature.fade_bound,
            f"another past ({what}) moves values by {moved_by:.3g} after {feature.warmup} bars, "
            f"fade_bound allows {feature.fade_bound:.3g}. Raise warmup, or find the right bound.",
        )
    spread = float(alone.std(axis=0).min())
    require(
        feature.fade_bound <= 0.01 * spread,
        f"fade_bound is {feature.fade_bound:.3g} where values vary by {spread:.3g}: it bounds nothing. Raise warmup.",
    )


def oldest_bar_matters(feature: Feature) -> None:
    """The oldest bar of the warm-up moves some value: the warm-up of a finite memory is not too long."""
    if feature.fade_bound > 0 or feature.warmup == 1:
        return
    bars, other = _market(feature), _market(feature, seed=3)
    for row in _cuts(feature, bars):
        oldest = row - feature.warmup + 1
        changed = feature.run(with_bar(bars, oldest, other.values[oldest]))
        if changed[row].tobytes() != feature.run(bars)[row].tobytes():
            return
    raise AssertionError(f"the oldest of the {feature.warmup} bars of warmup moves nothing. Declare a shorter warmup.")


def state_is_all_there_is(feature: Feature) -> None:
    """The state, written as JSON and read into a fresh feature at any bar, goes on with the same bits."""
    bars = _market(feature)
    history = feature.run(bars)
    features = FeatureSet((feature,))
    for row in (0, feature.warmup // 2, *_cuts(feature, bars)):
        live = features.begin(bars.columns)
        for i in range(row + 1):
            live.step(int(bars.t[i]), bars.values[i])
        saved = json.dumps(live.state.tolist())
        restored = features.begin(bars.columns)
        restored.out[:] = -1.5
        restored.state[:] = json.loads(saved)
        after = _follow(restored, bars, row + 1, min(row + 60, len(bars)))
        _assert_same(history[row + 1 : row + 1 + len(after)], after, bars[row + 1 :], "run and a restored state")


def scale_is_as_declared(feature: Feature) -> None:
    """Prices times 1e8, or volume times 1e8, leave a scale-free feature as it was to 1e-9; another is moved."""
    bars = _market(feature)
    history = feature.run(bars)
    factors = ((_SCALE, 1.0), (1.0, _SCALE))
    same = [
        np.allclose(history, feature.run(scaled(bars, *pair)), rtol=1e-9, atol=1e-9, equal_nan=True) for pair in factors
    ]
    if feature.scale_free:
        require(
            all(same),
            f"{'volume' if same[0] else 'prices'} times 1e8 change it. Declare scale_free = False, or mend it.",
        )
    else:
        require(not all(same), "no scale changes it. Declare scale_free = True.")


def odd_markets_are_answered(feature: Feature) -> None:
    """Flat, stopped, gapped, jumping, huge, tiny and one-bar markets: a row a bar, finite after the warm-up."""
    for name, bars in odd_markets(_length(feature), extra=feature.columns).items():
        try:
            out = feature.run(bars)
        except DataError as error:
            raise AssertionError(f"market {name!r}: {error} Define what it gives there.") from error
        require(out.shape == (len(bars), feature.width), f"market {name!r}: {len(bars)} bars gave {out.shape}.")
        require(np.isfinite(out[feature.warmup - 1 :]).all(), f"market {name!r}: not finite after the warm-up.")
        _assert_same(
            out, _follow(FeatureSet((feature,)).begin(bars.columns), bars, 0, len(bars)), bars, f"{name}: live"
        )


def bad_input_is_refused(feature: Feature) -> None:
    """A live NaN is refused and changes nothing; prices below zero give numbers or an error, never a silent NaN."""
    below = negative(_length(feature), extra=feature.columns)
    try:
        out = feature.run(below)
    except DataError:
        pass
    else:
        bad = int((~np.isfinite(out[feature.warmup - 1 :])).sum())
        require(bad == 0, f"prices below zero give {bad} silent NaN. Leave `run` as the base has it.")
    bars = _market(feature)
    live = FeatureSet((feature,)).begin(bars.columns)
    live.step(int(bars.t[0]), bars.values[0])
    for name in feature.columns:
        row, before = bars.values[1].copy(), live.state.tobytes()
        row[bars.columns.index(name)] = np.nan
        try:
            live.step(int(bars.t[1]), row)
        except DataError:
            require(live.state.tobytes() == before, f"a refused NaN in {name} has changed the state.")
        else:
            raise AssertionError(f"a NaN in {name} was taken in silence.")


def every_parameter_matters(feature_class: type[Feature]) -> None:
    """Every field, moved on its own from some setting, moves some value in some market."""
    bases = settings(feature_class)
    for name in feature_class.model_fields:
        if not any(_differ(base, other) for base in bases for other in moved(base, name)):
            raise AssertionError(f"the parameter {name} changes no value. Use it, or remove it.")


FEATURE_CONTRACTS: tuple[FeatureContract, ...] = (
    describes_itself,
    history_equals_live,
    future_moves_nothing,
    warmup_is_exact,
    memory_is_as_declared,
    oldest_bar_matters,
    state_is_all_there_is,
    scale_is_as_declared,
    odd_markets_are_answered,
    bad_input_is_refused,
)
"""Contracts of one setting; `every_parameter_matters` is the one of the whole class."""


def check_feature(feature_class: type[F]) -> list[Result]:
    """Every contract over the defaults and over every parameter moved: nothing is skipped, nothing raises.

    >>> from candlewick.features import FEATURES
    >>> all(result.passed for result in check_feature(FEATURES.member("candle_shape")))
    True
    """
    try:
        specs = settings(feature_class)
    except (AssertionError, ConfigError) as error:
        return [Result("settings", False, str(error))]
    results = [judge(contract.__name__, contract, specs) for contract in FEATURE_CONTRACTS]
    return [*results, judge(every_parameter_matters.__name__, every_parameter_matters, [feature_class])]


def _length(feature: Feature) -> int:
    return 3 * feature.warmup + 150


def _market(feature: Feature, seed: int = 0) -> Bars:
    return ordinary(_length(feature), seed, extra=feature.columns)


def _cuts(feature: Feature, bars: Bars) -> tuple[int, ...]:
    return feature.warmup, len(bars) // 2, len(bars) - 20


def _in_pieces(feature: Feature, bars: Bars, size: int) -> np.ndarray:
    columns, state = bars.indices(feature.columns), np.zeros(feature.state_size)
    out, row = np.empty((len(bars), feature.width)), np.empty(len(feature.columns))
    for i in range(0, len(bars), size):
        part = slice(i, i + size)
        scan(type(feature).step, feature.params(), bars.t[part], bars.values[part], columns, row, state, out[part])
    return out


def _follow(live: LiveFeatures, bars: Bars, first: int, last: int) -> np.ndarray:
    return np.array([live.step(int(bars.t[i]), bars.values[i]).copy() for i in range(first, last)])


def _pasts(bars: Bars, begin: int) -> dict[str, Bars]:
    def before(change: Callable[[np.ndarray], np.ndarray]) -> Bars:
        columns = {name: bars.column(name).copy() for name in bars.columns}
        for column in columns.values():
            column[:begin] = change(column[:begin])
        return Bars.of(bars.symbol, bars.t, columns, interval_ns=bars.interval_ns)

    return {
        "as it was": bars,
        "1.5 times as high": before(lambda x: 1.5 * x),
        "twice as wild": before(lambda x: x[-1] * (x / x[-1]) ** 2),
        "half as wild": before(lambda x: x[-1] * (x / x[-1]) ** 0.5),
    }


def _differ(one: Feature, other: Feature) -> bool:
    n = max(_length(one), _length(other))
    extra = (*one.columns, *other.columns)
    markets = [ordinary(n, extra=extra), odd_markets(n, extra=extra)["stops"]]
    return any(one.run(bars).tobytes() != other.run(bars).tobytes() for bars in markets)


def _assert_same(expected: np.ndarray, got: np.ndarray, bars: Bars, what: str) -> None:
    if expected.tobytes() == got.tobytes():
        return
    differs = ~((expected == got) | (np.isnan(expected) & np.isnan(got)))
    rows = np.flatnonzero(differs.any(axis=1))
    where = f", first at {iso(bars.t[rows[0]])}: {expected[rows[0]]} and {got[rows[0]]}" if len(rows) else ""
    raise AssertionError(f"{what} must be equal bit for bit; {len(rows)} of {len(expected)} rows differ{where}.")
