"""Other futures: the same past with other bars, rows or labels after a cut."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from candlewick.data.bars import Bars, Panel
from candlewick.samples.dataset import Dataset

_PRICES = ("open", "high", "low", "close")
_MODERATE, _EXTREME = (3.0, 2.0), (1e4, 8.0)
"""How far another future lies from the real one: its level, and the power its moves are raised to."""


def cuts_of(moments: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the sorted `moments` (all where there are fewer), one drawn from each of as many equal parts.

    The last moment is none of them: nothing comes after it.
    """
    inner = moments[:-1]
    edges = np.linspace(0, len(inner), min(count, len(inner)) + 1).astype(np.int64)
    return np.array([inner[rng.integers(a, b)] for a, b in pairwise(edges)], dtype=np.int64)


def moments_of(panel: Panel) -> np.ndarray:
    """int64, sorted: the distinct closes of all instruments."""
    return np.unique(np.concatenate([bars.t for bars in panel.bars]))


def other_future(bars: Bars, cut: int, *, extreme: bool) -> Bars:
    """`bars` with everything after `cut` changed: level, volatility, direction, extras, and the stamps themselves.

    Prices are mirrored around their own mean, so that rises become falls and highs become lows, and every bar
    stays a valid one.
    """
    first = int(np.searchsorted(bars.t, cut, side="right"))
    if first == len(bars):
        return bars
    values, t = bars.values.copy(), bars.t.copy()
    after = values[first:]
    level, power = _EXTREME if extreme else _MODERATE
    prices = [bars.columns.index(name) for name in _PRICES if name in bars.columns]
    if prices:
        after[:, prices] = _mirrored(after[:, prices], level, power)
        if {"high", "low"} <= set(bars.columns):
            high, low = bars.columns.index("high"), bars.columns.index("low")
            after[:, [high, low]] = after[:, [low, high]]
    others = [k for k in range(len(bars.columns)) if k not in prices]
    after[:, others] = level * after[::-1][:, others] + (0.0 if _volume_only(bars, others) else 1.0)
    # Twice the distance from the cut: what measures time to a later bar moves, and the order stays.
    t[first:] = cut + 2 * (t[first:] - cut)
    return Bars.of(bars.symbol, t, dict(zip(bars.columns, values.T, strict=True)), interval_ns=bars.interval_ns)


def _mirrored(prices: np.ndarray, level: float, power: float) -> np.ndarray:
    if np.any(prices <= 0):
        return level * (2 * prices.mean() - prices)
    logs = np.log(prices)
    middle = logs.mean()
    swing = np.clip(power * (middle - logs), -40, 40)
    return np.asarray(np.exp(middle + np.log(level) + swing))


def _volume_only(bars: Bars, others: list[int]) -> bool:
    return all(bars.columns[k] == "volume" for k in others)


def until(panel: Panel, cut: int) -> Panel:
    """The panel as it was at `cut`: instruments that had not begun are absent."""
    ends = [int(np.searchsorted(bars.t, cut, side="right")) for bars in panel.bars]
    return Panel(tuple(bars[:end] for bars, end in zip(panel.bars, ends, strict=True) if end))


def with_other_rows(data: Dataset, *, x: np.ndarray, answers: np.ndarray, echo: np.ndarray, classes: int) -> Dataset:
    """`data` with other features in the rows where `x`, other labels and label times where `answers`, and other
    echoes where `echo` is True (each bool (n,)). NaN stays NaN; `classes` is 0 for labels that are numbers."""
    y = data.y.copy()
    y[answers] = (y[answers] + 1) % classes if classes else _other(data.y)[answers]
    return replace(
        data,
        x=np.where(x[:, None], _other(data.x), data.x),
        y=y,
        known_at=np.where(answers, data.known_at // 2 + int(data.t[-1]) // 2 + 1, data.known_at),
        echo=np.where(echo, _other(data.echo), data.echo),
    )


def _other(values: np.ndarray) -> np.ndarray:
    """Larger than any of them where they are finite, so that no mean, rank or extreme of them stays."""
    finite = np.where(np.isfinite(values), values, 0.0)
    return (3 * np.abs(values) + 2 * np.abs(finite).max(axis=0) + 1e-6).astype(values.dtype)


def first_difference(a: np.ndarray, b: np.ndarray) -> tuple[int, int] | None:
    """(row, column) of the first value that is not the same number, NaN being the same as NaN; None where all are."""
    if a.size == 0:
        return None
    if a.size == 0:
        return None
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return None
    row = int(np.argmin(same.all(axis=1)))
    return row, int(np.argmin(same[row]))
