"""One instrument's rows on their way to bars: numbers and closes, not yet checked."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of one instrument as they came.

    Attributes:
        symbol: the instrument.
        rows: int64 (n,), where the source counts each row.
        stamp: int64 (n,), ns, the stamps as they were written.
        t: int64 (n,), ns UTC, the closes.
        values: float64 (n,) a column.
        interval_ns: nominal length of a bar.
    """

    symbol: str
    rows: np.ndarray
    stamp: np.ndarray
    t: np.ndarray
    values: dict[str, np.ndarray]
    interval_ns: int

    def __len__(self) -> int:
        return len(self.t)

    def where(self, keep: np.ndarray) -> "Table":
        """The rows of which `keep` is true."""
        values = {name: column[keep] for name, column in self.values.items()}
        return Table(self.symbol, self.rows[keep], self.stamp[keep], self.t[keep], values, self.interval_ns)
