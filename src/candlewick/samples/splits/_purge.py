"""Purge and embargo, derived from when every row looks back and when its label is known."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from candlewick.core.clock import iso
from candlewick.core.errors import DataError, LeakError
from candlewick.samples.dataset import Dataset

_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, eq=False)
class Timeline:
    """Labelled rows of all instruments in time order.

    Attributes:
        row: int64 (m,), position in the dataset.
        start, t, known_at: int64 (m,), ns: the window is [start, t], the label interval (t, known_at].
    """

    row: np.ndarray
    start: np.ndarray
    t: np.ndarray
    known_at: np.ndarray

    @classmethod
    def of(cls, data: Dataset) -> "Timeline":
        """The labelled rows of a dataset.

        Raises:
            DataError: no row has both a whole window and a label.
            LeakError: a label is known before its row, or a window begins after it.
        """
        row = np.flatnonzero(data.labelled)
        if len(row) == 0:
            raise DataError(
                f"no row can be a sample: of {len(data)} rows {int(data.ready.sum())} have a whole window and none of "
                "these has a label. Give more bars, a shorter length or a shorter horizon."
            )
        row = row[np.argsort(data.t[row], kind="stable")]
        line = cls(row, data.start[row], data.t[row], data.known_at[row])
        wrong = (line.known_at <= line.t) | (line.start > line.t)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise LeakError(
                f"row {row[at]} has its window from {iso(line.start[at])}, its close at {iso(line.t[at])} "
                f"and its label known at {iso(line.known_at[at])}. They must stand in this order, the label later. "
                "Mend known_at of the label."
            )
        return line

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, positions: np.ndarray) -> "Timeline":
        """Some of the rows; `positions` must increase."""
        return Timeline(self.row[positions], self.start[positions], self.t[positions], self.known_at[positions])

    @cached_property
    def edges(self) -> np.ndarray:
        """int64 (steps + 1,): rows of time step k stand at positions edges[k] .. edges[k + 1]."""
        first = np.flatnonzero(np.diff(self.t, prepend=self.t[:1] - 1))
        return np.append(first, len(self.t))

    @property
    def steps(self) -> int:
        """Distinct moments."""
        return len(self.edges) - 1

    @cached_property
    def _newest_label(self) -> np.ndarray:
        # Labels need not become known in the order of their rows (triple barriers do not).
        return np.maximum.accumulate(self.known_at)

    def newest_label(self, before: np.ndarray) -> np.ndarray:
        """int64: latest `known_at` among the rows with t < before; far in the past where there are none."""
        if len(self) == 0:
            return np.full(len(before), _NEVER)
        count = np.searchsorted(self.t, before, side="left")
        return np.where(count > 0, self._newest_label[count - 1], _NEVER)


def meets(rows: Timeline, others: Timeline) -> np.ndarray:
    """bool per row: its label interval (t, known_at] shares a moment with that of one of `others`."""
    return others.newest_label(before=rows.known_at) > rows.t


def reaches_back(rows: Timeline, others: Timeline) -> np.ndarray:
    """bool per row: it comes after one of `others`, and its window [start, t] reaches that row or its label."""
    return others.newest_label(before=rows.t) >= rows.start
