"""Folds, recomputed without the code that made them: overlapping answers, windows that reach back."""

from collections.abc import Sequence

import numpy as np

from candlewick.core.clock import iso
from candlewick.lab.audit.report import Check
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold


def split_check(data: Dataset, folds: Sequence[Fold]) -> Check:
    """No answer of a training or validation row overlaps one of the test, and no later window looks into the test."""
    for fold in folds:
        fault = _fold_fault(data, fold)
        if fault:
            return Check("split", False, f"fold {fold.id}: {fault}", {"fold": fold.id})
    tested = sum(len(fold.test) for fold in folds)
    return Check(
        "split", True, f"{len(folds)} folds: no answer overlaps a test row's, no row has two roles",
        {"folds": len(folds), "test_rows": tested, "purged": sum(fold.purged for fold in folds)},
    )  # fmt: skip


def _fold_fault(data: Dataset, fold: Fold) -> str | None:
    roles = {"training": fold.train.index, "validation": fold.validation.index, "test": fold.test.index}
    for name, rows in roles.items():
        if len(np.unique(rows)) != len(rows):
            return f"a {name} row stands twice. Make rows unique and increasing."
        if not data.labelled[rows].all():
            return f"a {name} row has no label or no whole window. Take labelled rows only."
    for one, other in (("training", "test"), ("validation", "test"), ("training", "validation")):
        shared = np.intersect1d(roles[one], roles[other])
        if len(shared):
            return (
                f"row {shared[0]} ({iso(data.t[shared[0]])}) is both {one} and {other} row, and {len(shared)} in all "
                "are. A row has one role."
            )
        row = _overlapping(data, roles[one], roles[other])
        if row is not None:
            return (
                f"the label of {one} row {row} ({data.symbols[data.symbol[row]]}, {iso(data.t[row])}, known at "
                f"{iso(data.known_at[row])}) overlaps the label of a {other} row. Purge it: leave out rows whose "
                "(t, known_at] meets one, as the splits of candlewick do."
            )
    for name in ("training", "validation"):
        row = _looking_back(data, roles[name], roles["test"])
        if row is not None:
            return (
                f"the window of {name} row {row} ({iso(data.t[row])}) begins at {iso(data.start[row])} and so reaches "
                "into a test row before it or its label. Embargo such rows, as the splits of candlewick do."
            )
    return None


def _overlapping(data: Dataset, rows: np.ndarray, others: np.ndarray) -> int | None:
    """A row whose label interval (t, known_at] shares a moment with the union of the others' intervals."""
    begin, end = _union(data.t[others], data.known_at[others])
    if len(begin) == 0 or len(rows) == 0:
        return None
    # The only interval of the union that can meet (t, known_at] without ending before it begins.
    first = np.searchsorted(end, data.t[rows], side="right")
    reachable = np.minimum(first, len(begin) - 1)
    meets = (first < len(begin)) & (begin[reachable] < data.known_at[rows])
    return int(rows[np.argmax(meets)]) if meets.any() else None


def _union(begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half-open intervals (begin, end] merged into disjoint ones, in order."""
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], np.maximum.accumulate(end[order])
    fresh = np.concatenate([[True], begin[1:] >= end[:-1]]) if len(begin) else np.zeros(0, dtype=bool)
    last = np.append(np.flatnonzero(fresh)[1:] - 1, len(begin) - 1) if len(begin) else np.zeros(0, dtype=np.int64)
    return begin[fresh], end[last]


def _looking_back(data: Dataset, rows: np.ndarray, test: np.ndarray) -> int | None:
    """A row after some test row whose window still holds that row or a moment of its label."""
    order = np.argsort(data.t[test], kind="stable")
    t, known = data.t[test][order], np.maximum.accumulate(data.known_at[test][order])
    before = np.searchsorted(t, data.t[rows], side="left")
    reached = np.where(before > 0, known[np.maximum(before - 1, 0)], np.iinfo(np.int64).min)
    bad = reached >= data.start[rows]
    return int(rows[np.argmax(bad)]) if bad.any() else None
