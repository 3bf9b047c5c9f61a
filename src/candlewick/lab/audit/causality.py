"""Features, labels and the echo: other bars after t, and nothing known at t may move; and no price level."""

from collections.abc import Callable, Iterator

import numpy as np

from candlewick.core.clock import iso
from candlewick.core.errors import CandlewickError
from candlewick.data.bars import Bars, Panel
from candlewick.features._base import Feature
from candlewick.features._set import FeatureSet
from candlewick.lab.audit.futures import first_difference, other_future
from candlewick.lab.audit.report import Check
from candlewick.labels._base import Label, LabelRows

SCALE = 1024.0
"""A power of two: ratios of scaled prices keep their bits, logarithms all but the last."""

SCALE_TOLERANCE = 1e-9


def features_check(features: FeatureSet, panel: Panel, cuts: np.ndarray) -> Check:
    """Every feature row up to a cut keeps its bits when the bars after it are others, or are not there yet."""
    for bars in panel.bars:
        fault = _moved(features, bars, cuts)
        if fault:
            return Check("features", False, fault, {"cuts": len(cuts)})
    return Check(
        "features", True, f"{len(features.outputs)} columns keep every bit at {len(cuts)} cuts, whatever comes after",
        {"cuts": len(cuts), "columns": len(features.outputs)},
    )  # fmt: skip


def echo_check(label: Label, panel: Panel, cuts: np.ndarray) -> Check:
    """The label's last known value is known when it says so."""
    if label.echo is None:
        return Check("echo", True, "the label has no echo")
    echo = FeatureSet.of((label.echo,))
    for bars in panel.bars:
        fault = _moved(echo, bars, cuts)
        if fault:
            return Check("echo", False, f"the label's echo looks ahead: {fault}", {"cuts": len(cuts)})
    return Check("echo", True, f"the echo keeps every bit at {len(cuts)} cuts", {"cuts": len(cuts)})


def labels_check(label: Label, panel: Panel, cuts: np.ndarray) -> Check:
    """`known_at` is true: what is known at a cut stays, and what is not yet known does depend on what comes."""
    moved = asked = 0
    for bars in panel.bars:
        whole = label.run(bars)
        for number, (cut, end) in enumerate(_inside(bars, cuts)):
            other = label.run(other_future(bars, cut, extreme=bool(number % 2)))
            fault = _label_fault(label, bars, whole, other, cut)
            if fault is None:
                fault = _label_fault(label, bars[:end], _head(whole, end), label.run(bars[:end]), cut)
            if fault:
                return Check("labels", False, fault, {"cuts": len(cuts)})
            open_ = np.flatnonzero((whole.known_at[:end] > cut) & ~np.isnan(whole.value[:end]))
            asked += len(open_)
            moved += int(np.sum(whole.value[open_] != other.value[open_]))
    if asked and not moved:
        return Check(
            "labels", False, f"label {label.spec_name()} is already known at t: of {asked} labels that were "
            "open at a cut none changed with the bars after it. It forecasts the past. Take it from bars after t.",
            {"asked": asked},
        )  # fmt: skip
    return Check(
        "labels", True, f"known_at is true at {len(cuts)} cuts", {"cuts": len(cuts), "open_labels_moved": moved}
    )


def scale_check(features: FeatureSet, panel: Panel, adjusted: frozenset[str]) -> Check:
    """Prices times a constant change no feature that calls itself scale-free, and no other reads adjusted prices.

    `adjusted` are columns of prices that were adjusted for later splits or dividends: their level tells of them.
    """
    worst = 0.0
    for bars in panel.bars:
        scaled = bars.with_values(bars.values * SCALE)
        for feature in features.features:
            if not feature.scale_free:
                continue
            a, b = feature.run(bars), feature.run(scaled)
            gap = np.abs(a - b) / np.maximum(1.0, np.abs(a))
            worst = max(worst, float(np.nanmax(gap, initial=0.0)))
            if worst > SCALE_TOLERANCE:
                row, column = np.unravel_index(int(np.nanargmax(gap)), gap.shape)
                return Check("scale", False, _level(feature, bars, int(row), int(column)), {"largest_change": worst})
    for feature in features.features:
        read = sorted(adjusted & set(feature.columns))
        if read and not feature.scale_free:
            return Check(
                "scale", False, f"feature {feature.outputs[0]} keeps the price level of {', '.join(read)}, which was "
                "adjusted for splits or dividends that came later: the level tells of them. Use a ratio or a return.",
            )  # fmt: skip
    levels = [feature.outputs[0] for feature in features.features if not feature.scale_free]
    note = f"; {', '.join(levels)} keep a level, which is safe only on prices that nobody adjusts" if levels else ""
    return Check("scale", True, f"prices times {SCALE:g} change nothing{note}", {"largest_change": worst})


def memory_fault(features: FeatureSet, panel: Panel, starts: int) -> tuple[str | None, float]:
    """What is wrong with the declared warm-up (None if nothing), and the largest change that a later start made."""
    worst = 0.0
    for bars in panel.bars:
        room = len(bars) - features.warmup
        for k in np.unique(np.linspace(0, room, starts + 2).astype(np.int64)[1:-1]) if room > 0 else ():
            for feature in features.features:
                fault, change = _remembers(feature, bars, int(k))
                worst = max(worst, change)
                if fault:
                    return fault, worst
    return None, worst


def _remembers(feature: Feature, bars: Bars, start: int) -> tuple[str | None, float]:
    skip = feature.warmup - 1
    whole, late = feature.run(bars)[start + skip :], feature.run(bars[start:])[skip:]
    gap = np.abs(whole - late)
    change = float(np.nanmax(gap, initial=0.0))
    if change <= feature.fade_bound and np.array_equal(np.isnan(whole), np.isnan(late)):
        return None, change
    row, column = np.unravel_index(int(np.nanargmax(gap)), gap.shape) if change > 0 else (0, 0)
    at = bars.t[start + skip + row]
    return (
        f"feature {feature.outputs[column]} of {bars.symbol} at {iso(at)} differs by {change:.3g} when history begins "
        f"at {iso(bars.t[start])}, though its warm-up of {feature.warmup} bars is over (allowed: "
        f"{feature.fade_bound:.3g}). It remembers more than it declares, so live it would differ from "
        "history. Let it read its window only, or declare the warm-up and fade_bound it needs."
    ), change


def _moved(features: FeatureSet, bars: Bars, cuts: np.ndarray) -> str | None:
    for feature in features.features:
        whole = feature.run(bars)
        for number, (cut, end) in enumerate(_inside(bars, cuts)):
            for how, after in _futures(bars, cut, end, extreme=bool(number % 2)):
                future = after()
                try:
                    other = feature.run(future)
                except CandlewickError as error:
                    return f"feature {feature.spec_name()} refuses bars of {bars.symbol} that {how} {iso(cut)}: {error}"
                if len(other) != len(future):
                    return (
                        f"feature {feature.spec_name()} gave {len(other)} rows for {len(future)} bars that {how} "
                        f"{iso(cut)}. It does not compute from the bars it is given: keep nothing between runs."
                    )
                place = first_difference(whole[:end], other[:end])
                if place:
                    row, column = place
                    return (
                        f"feature {feature.outputs[column]} of {bars.symbol} at {iso(bars.t[row])} (row {row}) was "
                        f"{whole[row, column]:.9g} and is {other[row, column]:.9g} with bars that {how} {iso(cut)}. "
                        "It reads bars after its own. Compute it from the bars up to its row, as Feature.step does."
                    )
    return None


def _inside(bars: Bars, cuts: np.ndarray) -> Iterator[tuple[int, int]]:
    """(cut, rows up to it) of the cuts that leave bars on both sides."""
    for cut in cuts:
        end = int(np.searchsorted(bars.t, cut, side="right"))
        if 0 < end < len(bars):
            yield int(cut), end


def _futures(bars: Bars, cut: int, end: int, *, extreme: bool) -> Iterator[tuple[str, Callable[[], Bars]]]:
    yield "are others after", lambda: other_future(bars, cut, extreme=extreme)
    yield "end at", lambda: bars[:end]


def _head(rows: LabelRows, end: int) -> LabelRows:
    return LabelRows(rows.value[:end], rows.known_at[:end], rows.crosses_gap[:end])


def _label_fault(label: Label, bars: Bars, whole: LabelRows, other: LabelRows, cut: int) -> str | None:
    known = np.flatnonzero((whole.known_at <= cut) | (other.known_at <= cut))
    for what, a, b in (("value", whole.value, other.value), ("known_at", whole.known_at, other.known_at)):
        place = first_difference(a[known], b[known])
        if place:
            row = int(known[place[0]])
            return (
                f"label {label.spec_name()} of {bars.symbol} at {iso(bars.t[row])} (row {row}) is said to be known at "
                f"{iso(min(whole.known_at[row], other.known_at[row]))}, but its {what} moved from {a[row]:.9g} "
                f"to {b[row]:.9g} when bars after {iso(cut)} changed. Give the close of the last bar it "
                "reads as known_at."
            )
    return None


def _level(feature: Feature, bars: Bars, row: int, column: int) -> str:
    return (
        f"feature {feature.outputs[column]} calls itself scale-free, but changed at {iso(bars.t[row])} (row {row}) of "
        f"{bars.symbol} when all prices were {SCALE:g} times as large. A price level tells of later splits where "
        "prices are adjusted, and of the period everywhere. Use a ratio or a return, or set scale_free = False."
    )
