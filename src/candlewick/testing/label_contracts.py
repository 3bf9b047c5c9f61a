"""What every label must keep; a broken contract raises AssertionError with a sentence."""

import json
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from candlewick.core.errors import ConfigError, DataError
from candlewick.data.bars import Bars
from candlewick.data.interval import parse_duration
from candlewick.features import FEATURES
from candlewick.labels._base import UNKNOWN, Label, LabelRows
from candlewick.testing.odd_markets import negative, odd_markets, ordinary, replaced_after, with_bar
from candlewick.testing.settings import Result, judge, moved, require, settings

L = TypeVar("L", bound=Label)
LabelContract = Callable[[Label], None]

_KINDS = ("number", "variance", "classes")


def describes_itself(label: Label) -> None:
    """Kind and classes agree, and its plain data builds it again."""
    require(label.kind in _KINDS, f"kind must be one of {', '.join(_KINDS)}, was {label.kind!r}.")
    named = len(label.classes) > 1 if label.kind == "classes" else not label.classes
    require(named, f"kind {label.kind} goes with {'two or more' if label.kind == 'classes' else 'no'} classes.")
    data = json.loads(json.dumps(label.to_dict()))
    del data["name"]
    again = type(label).model_validate(data)
    require((again, again.content_id) == (label, label.content_id), "to_dict does not build an equal spec.")


def values_are_of_their_kind(label: Label) -> None:
    """Arrays of the right types; known rows hold a value of the kind, known later than t; others hold NaN."""
    for name, bars in {"ordinary": _market(label), **_odd(label)}.items():
        rows, n = label.run(bars), len(bars)
        types = {"value": np.float64, "known_at": np.int64, "crosses_gap": np.bool_}
        for array, dtype in types.items():
            came = getattr(rows, array)
            require(came.shape == (n,) and came.dtype == dtype, f"{array} must be {dtype.__name__} ({n},).")
        known = rows.known_at != UNKNOWN
        require(not (rows.crosses_gap & ~known).any(), f"market {name!r}: a gap in a label that nothing answers.")
        _require_kind(label, rows.value[known & ~rows.crosses_gap], name)
        require(
            np.isnan(rows.value[~known | rows.crosses_gap]).all(),
            f"market {name!r}: a row that is not known, or crosses a gap, has a value. Give NaN.",
        )
        require((rows.known_at > bars.t).all(), f"market {name!r}: a label is known at or before its own bar.")
        require(np.isin(rows.known_at[known], bars.t).all(), f"market {name!r}: known_at is not the close of a bar.")


def known_by_the_horizon(label: Label) -> None:
    """`known_at` is `horizon` bars after t, earlier only where it depends on the path; the last bar's is not known."""
    bars = _market(label)
    rows = label.run(bars)
    known = rows.known_at != UNKNOWN
    late = np.searchsorted(bars.t, rows.known_at[known]) - np.flatnonzero(known)
    require(known.any(), "no bar of an ordinary market has a label.")
    require(late.max() <= label.horizon, f"a label is known {late.max()} bars later, the horizon is {label.horizon}.")
    require(
        label.path_dependent or late.min() == label.horizon,
        f"a label is known {late.min()} bars later, before its horizon of {label.horizon}. Say path_dependent = True.",
    )
    require(not known[-1], "the last bar has a label, but nothing comes after it.")


def nothing_after_known_at_matters(label: Label) -> None:
    """Other bars after `known_at`, or none, leave the row as it was; cut before it, the row is not known."""
    bars = _market(label)
    rows = label.run(bars)
    for cut in range(len(bars) // 4, len(bars) - 1, 7):
        known = rows.known_at <= bars.t[cut]
        known[cut + 1 :] = False
        for what, part in (
            ("other bars after known_at", _head(label.run(replaced_after(bars, cut, seed=4)), cut + 1)),
            ("no bars after known_at", label.run(bars[: cut + 1])),
        ):
            changed = np.flatnonzero(known[: cut + 1] & ~_equal(_head(rows, cut + 1), part))
            require(
                not len(changed),
                f"{what} change {len(changed)} labels, first that of row {changed[:1]} which says it is known at "
                f"row {cut} or before. known_at is too early.",
            )
        early = np.flatnonzero(~known[: cut + 1] & (part.known_at != UNKNOWN))
        require(not len(early), f"cut at row {cut}, row {early[:1]} is known, but it says it is known later.")


def the_bar_at_known_at_matters(label: Label) -> None:
    """Another bar at `known_at` changes the answer or its moment: `known_at` is not too late."""
    bars = _market(label)
    rows = label.run(bars)
    sample = np.flatnonzero((rows.known_at != UNKNOWN) & ~np.isnan(rows.value))[::9]
    for row in sample:
        end = int(np.searchsorted(bars.t, rows.known_at[row]))
        moved_by = [label.run(with_bar(bars, end, values)) for values in _other_bars(bars, end)]
        if all(_equal(rows, other)[row] for other in moved_by):
            raise AssertionError(
                f"no other bar at row {end} moves the label of row {row}, known there. It is too late."
            )


def gaps_give_no_label(label: Label) -> None:
    """With `max_gap`, the rows whose interval holds a longer step say so and have no value; others are as without."""
    bars = odd_markets(_length(label), extra=label.columns)["gaps"]
    free = label.model_copy(update={"max_gap": None})
    bound = label.model_copy(update={"max_gap": "3h"})
    without, rows = free.run(bars), bound.run(bars)
    require(not without.crosses_gap.any(), "crosses_gap is set although no max_gap is asked for.")
    wide = bars.t[1:][np.diff(bars.t) > parse_duration("3h")]
    expected = np.zeros(len(bars), dtype=bool)
    for gap_end in wide:
        expected |= (bars.t < gap_end) & (gap_end <= without.known_at) & (without.known_at != UNKNOWN)
    require(expected.any(), "the market has no gap inside a label.")
    require((rows.crosses_gap == expected).all(), "crosses_gap is not what (t, known_at] holds.")
    require(np.isnan(rows.value[expected]).all(), "a label that crosses a gap has a value. Give NaN.")
    require(_equal(without, rows)[~expected].all(), "max_gap changes a label that crosses no gap.")


def odd_markets_are_answered(label: Label) -> None:
    """Prices below zero give labels of their kind or an error, and a market of one bar gives one unknown row."""
    one = label.run(_market(label)[:1])
    require(np.isnan(one.value).all() and (one.known_at == UNKNOWN).all(), "a single bar has a label.")
    try:
        rows = label.run(negative(_length(label), extra=label.columns))
    except DataError:
        return
    _require_kind(label, rows.value[(rows.known_at != UNKNOWN) & ~rows.crosses_gap], "negative")


def echo_states_the_last_known_value(label: Label) -> None:
    """The echo feature gives, at `known_at`, the value of the label that becomes known there."""
    if label.echo is None:
        return
    bars = _market(label)
    rows = label.run(bars)
    echo = FEATURES.build(label.echo).run(bars)
    require(echo.shape[1] == 1, f"the echo must give one number, gives {echo.shape[1]}.")
    known = np.flatnonzero(~np.isnan(rows.value))
    stated = echo[np.searchsorted(bars.t, rows.known_at[known]), 0]
    same = np.isclose(stated, rows.value[known], rtol=1e-9, atol=1e-15)
    require(same.all(), f"the echo {label.echo} differs from the label in {int((~same).sum())} of {len(known)} rows.")


def every_parameter_matters(label_class: type[Label]) -> None:
    """Every field, moved on its own from some setting, moves some row in some market."""
    bases = settings(label_class)
    for name in label_class.model_fields:
        if not any(_differ(base, other) for base in bases for other in moved(base, name)):
            raise AssertionError(f"the parameter {name} changes no label. Use it, or remove it.")


LABEL_CONTRACTS: tuple[LabelContract, ...] = (
    describes_itself,
    values_are_of_their_kind,
    known_by_the_horizon,
    nothing_after_known_at_matters,
    the_bar_at_known_at_matters,
    gaps_give_no_label,
    odd_markets_are_answered,
    echo_states_the_last_known_value,
)
"""Contracts of one setting; `every_parameter_matters` is the one of the whole class."""


def check_label(label_class: type[L]) -> list[Result]:
    """Every contract over the defaults and over every parameter moved: nothing is skipped, nothing raises.

    >>> from candlewick.labels import LABELS
    >>> all(result.passed for result in check_label(LABELS.member("direction")))
    True
    """
    try:
        specs = settings(label_class)
    except (AssertionError, ConfigError) as error:
        return [Result("settings", False, str(error))]
    results = [judge(contract.__name__, contract, specs) for contract in LABEL_CONTRACTS]
    return [*results, judge(every_parameter_matters.__name__, every_parameter_matters, [label_class])]


def _length(label: Label) -> int:
    return 200 + 3 * label.horizon


def _market(label: Label) -> Bars:
    return ordinary(_length(label), extra=label.columns)


def _odd(label: Label) -> dict[str, Bars]:
    return odd_markets(_length(label), extra=label.columns)


def _require_kind(label: Label, values: np.ndarray, market: str) -> None:
    require(np.isfinite(values).all(), f"market {market!r}: a known label is not finite.")
    if label.kind == "variance":
        require((values >= 0).all(), f"market {market!r}: a variance below zero.")
    if label.kind == "classes":
        allowed = np.isin(values, np.arange(len(label.classes)))
        require(allowed.all(), f"market {market!r}: a class other than 0 .. {len(label.classes) - 1}.")


def _head(rows: LabelRows, n: int) -> LabelRows:
    return LabelRows(rows.value[:n], rows.known_at[:n], rows.crosses_gap[:n])


def _equal(one: LabelRows, other: LabelRows) -> np.ndarray:
    same_value = (one.value == other.value) | (np.isnan(one.value) & np.isnan(other.value))
    equal: np.ndarray = same_value & (one.known_at == other.known_at) & (one.crosses_gap == other.crosses_gap)
    return equal


def _other_bars(bars: Bars, row: int) -> list[np.ndarray]:
    """A bar far above, one far below, one that has not moved since the bar before, and one wider than all."""
    now, wide = bars.values[row], bars.values[row].copy()
    resting = np.where(np.array(bars.columns) == "volume", now, bars.column("close")[row - 1])
    wide[bars.columns.index("high")] *= 1.7
    wide[bars.columns.index("low")] /= 1.7
    return [now * 1.6, now / 1.6, resting, wide]


def _differ(one: Label, other: Label) -> bool:
    n = max(_length(one), _length(other))
    extra = (*one.columns, *other.columns)
    return any(
        not _equal(one.run(bars), other.run(bars)).all()
        for bars in (ordinary(n, extra=extra), odd_markets(n, extra=extra)["gaps"])
    )
