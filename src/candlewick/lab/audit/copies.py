"""Copies of one event in training and in test: the same bars again, to the bit or with a little noise."""

from collections.abc import Sequence

import numpy as np

from candlewick.core.clock import iso
from candlewick.data.bars import Bars, Panel
from candlewick.lab.audit.report import Check
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold

COPIED_NUMBERS = 64
"""So many prices in a row (16 bars of four) that are the same to the bit elsewhere are a copy, not chance."""

STRETCH, PROBES = 64, 40
LIKENESS = 0.95
"""Correlation of `STRETCH` returns with others at which they are a copy with noise: by chance .95 never comes."""

LARGEST_MOVE = 3.0
"""In median moves; larger ones are cut, so that no few of them decide how like two stretches are."""


def duplicates_check(panel: Panel, data: Dataset, folds: Sequence[Fold]) -> Check:
    """No stretch of bars in training stands again in the test: copies of one event are one event."""
    prints = np.concatenate([_fingerprints(bars) for bars in panel.bars])
    returns = np.concatenate([_returns(bars) for bars in panel.bars])
    for fold in folds:
        learnt = np.concatenate([fold.train.index, fold.validation.index])
        for how, pair in (
            ("bit for bit", _same(prints, learnt, fold.test.index)),
            ("up to a little noise", _alike(returns, data.symbol, learnt, fold.test.index)),
        ):
            if pair is not None:
                row, twin = pair
                return Check(
                    "duplicates", False, f"fold {fold.id}: the bars up to test row {row} "
                    f"({data.symbols[data.symbol[row]]}, {iso(data.t[row])}) are those up to training row {twin} "
                    f"({data.symbols[data.symbol[twin]]}, {iso(data.t[twin])}), {how}. Keep one copy of each event.",
                    {"row": row, "twin": twin},
                )  # fmt: skip
    return Check("duplicates", True, "no stretch of bars stands in training and again in the test")


def _same(prints: np.ndarray, learnt: np.ndarray, test: np.ndarray) -> tuple[int, int] | None:
    learnt = learnt[prints[learnt] != 0]
    copies = test[np.isin(prints[test], prints[learnt]) & (prints[test] != 0)]
    return (int(copies[0]), int(learnt[prints[learnt] == prints[copies[0]]][0])) if len(copies) else None


def _alike(returns: np.ndarray, symbol: np.ndarray, learnt: np.ndarray, test: np.ndarray) -> tuple[int, int] | None:
    """(test row, training row) at the ends of two stretches of returns that go together; None where none do."""
    ends = np.zeros(len(returns), dtype=bool)
    ends[learnt] = True
    places = np.unique(np.linspace(0, len(test) - 1, PROBES).astype(np.int64)) if len(test) else test
    sums, squares = (_trailing(values) for values in (returns, returns**2))
    spread = np.sqrt(np.maximum(squares - sums**2 / STRETCH, 0.0))
    for row in test[places]:
        if row < STRETCH or symbol[row - STRETCH] != symbol[row]:
            continue
        probe = returns[row - STRETCH + 1 : row + 1]
        if np.count_nonzero(probe) < STRETCH // 2:  # a market that hardly moves is like itself everywhere
            continue
        probe = probe - probe.mean()
        with np.errstate(divide="ignore", invalid="ignore"):
            likeness = _products(returns, probe) / (spread * np.sqrt(np.sum(probe**2)))
        # A stretch that shares bars with the probe is like it without being a copy.
        likeness[max(0, row - STRETCH) : row + STRETCH] = 0.0
        found = np.flatnonzero(ends & np.isfinite(likeness) & (likeness > LIKENESS) & (spread > 1e-9 * spread.max()))
        if len(found):
            return int(row), int(found[0])
    return None


def _products(values: np.ndarray, probe: np.ndarray) -> np.ndarray:
    """float64 (n,): the sum of `probe` times the stretch of `values` that ends at each row; 0 in the first rows."""
    from scipy.signal import correlate

    out = np.zeros(len(values))
    out[len(probe) - 1 :] = correlate(values, probe, mode="valid", method="fft")
    return out


def _trailing(values: np.ndarray) -> np.ndarray:
    """float64 (n,): sums over the newest `STRETCH` values; 0 in the first rows."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    out = np.zeros(len(values))
    out[STRETCH - 1 :] = total[STRETCH:] - total[:-STRETCH]
    return out


def _returns(bars: Bars) -> np.ndarray:
    """float64 (n,): moves of the close in units of their own size around, so that no single move decides."""
    close = bars.column("close") if "close" in bars.columns else bars.values[:, 0]
    moves = np.diff(np.log(close) if np.all(close > 0) else close, prepend=np.nan)
    moves[0] = 0.0
    return np.asarray(np.clip(moves / (np.median(np.abs(moves)) or 1.0), -LARGEST_MOVE, LARGEST_MOVE))


def _fingerprints(bars: Bars) -> np.ndarray:
    """uint64 (n,): a hash of the newest `COPIED_NUMBERS` prices; 0 where too few of them move to tell."""
    prices = [k for k, name in enumerate(bars.columns) if name in ("open", "high", "low", "close")]
    bits = np.ascontiguousarray(bars.values[:, prices or slice(None)]).view(np.uint64)
    length, n = max(1, COPIED_NUMBERS // bits.shape[1]), len(bars)
    out = np.zeros(n, dtype=np.uint64)
    if n < length:
        return out
    row = np.zeros(n, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in bits.T:
            row = (row ^ column) * np.uint64(0x9E3779B97F4A7C15)
            row ^= row >> np.uint64(29)
        for back in range(length):
            out[length - 1 :] = out[length - 1 :] * np.uint64(0xBF58476D1CE4E5B9) + row[back : n - length + 1 + back]
    moves = np.concatenate([[0], np.cumsum(row[1:] != row[:-1])])
    lively = moves[length - 1 :] - moves[: n - length + 1] >= length // 2
    out[length - 1 :][~lively] = 0
    return out
