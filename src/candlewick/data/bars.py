"""Bars of one instrument, and a panel of several. numpy only: the serving path reads this module."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from candlewick.core.clock import iso
from candlewick.core.errors import DataError

OHLCV = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, eq=False)
class Bars:
    """Closed bars of one instrument in time order.

    Attributes:
        symbol: the instrument.
        t: int64 (n,), the close of each bar in ns UTC, strictly increasing: the moment the bar is known.
        values: float64 (n, columns), C-contiguous, finite, read-only.
        columns: names of the columns of `values`: those of OHLCV that exist, in that order, then extras.
        interval_ns: nominal length of a bar; the median step where it was not told.
    """

    symbol: str
    t: np.ndarray
    values: np.ndarray
    columns: tuple[str, ...]
    interval_ns: int

    @classmethod
    def of(
        cls, symbol: str, t: np.ndarray, columns: Mapping[str, np.ndarray], *, interval_ns: int | None = None
    ) -> "Bars":
        """Bars from one array a column; they are copied, ordered as `columns` says and frozen.

        Raises:
            DataError: lengths differ, an object or text dtype, a value that is not finite, stamps that do not increase.
        """
        t = np.array(t, dtype=np.int64)
        names = tuple(name for name in OHLCV if name in columns) + tuple(n for n in columns if n not in OHLCV)
        values = np.empty((len(t), len(names)))
        for index, name in enumerate(names):
            column = np.asarray(columns[name])
            if column.dtype.kind not in "fiub":
                raise DataError(f"{symbol}: column {name} has dtype {column.dtype}. Convert it to numbers first.")
            if column.shape != t.shape:
                raise DataError(f"{symbol}: column {name} has shape {column.shape}, the stamps have {t.shape}.")
            values[:, index] = column
        if len(t) == 0 or not names:
            raise DataError(f"{symbol}: there are no bars. Give at least one row and one column.")
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column_index = bad[0]
            raise DataError(
                f"{symbol}: {names[column_index]} at row {row} ({iso(t[row])}) is {values[row, column_index]}, "
                f"and {len(bad)} values in all are not finite. Drop or mend those rows."
            )
        steps = np.diff(t)
        if np.any(steps <= 0):
            row = int(np.argmax(steps <= 0)) + 1
            raise DataError(
                f"{symbol}: the stamp at row {row} ({iso(t[row])}) does not come after the one before "
                f"({iso(t[row - 1])}). Sort the rows and remove duplicates."
            )
        if interval_ns is None:
            interval_ns = int(np.median(steps)) if len(steps) else 0
        t.flags.writeable = values.flags.writeable = False
        return cls(symbol, t, values, names, int(interval_ns))

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, rows: slice) -> "Bars":
        """The bars of a contiguous slice, as a view."""
        return Bars(self.symbol, self.t[rows], self.values[rows], self.columns, self.interval_ns)

    def indices(self, names: Sequence[str], *, wanted_by: str = "this") -> np.ndarray:
        """int64 positions of `names` among the columns.

        Raises:
            DataError: a column is missing; the message names who wanted it.
        """
        missing = [name for name in names if name not in self.columns]
        if missing:
            raise DataError(
                f"{wanted_by} needs the column{'s' * (len(missing) > 1)} {', '.join(missing)}, "
                f"but {self.symbol} has {', '.join(self.columns)}."
            )
        return np.array([self.columns.index(name) for name in names], dtype=np.int64)

    def column(self, name: str) -> np.ndarray:
        """float64 (n,), a read-only view of one column."""
        return self.values[:, self.indices((name,))[0]]

    def with_values(self, values: np.ndarray) -> "Bars":
        """The same bars with other values of the same shape."""
        return Bars.of(
            self.symbol, self.t, dict(zip(self.columns, values.T, strict=True)), interval_ns=self.interval_ns
        )


@dataclass(frozen=True, eq=False)
class Panel:
    """Several instruments (or one), each with its own bars; an event is the slice of all bars closed at `t`."""

    bars: tuple[Bars, ...]

    def __post_init__(self) -> None:
        symbols = [bars.symbol for bars in self.bars]
        if not symbols or len(set(symbols)) != len(symbols):
            raise DataError(f"a panel needs one or more instruments with different names, was {symbols}.")

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the instruments, in order."""
        return tuple(bars.symbol for bars in self.bars)

    def __getitem__(self, symbol: str) -> Bars:
        if symbol not in self.symbols:
            raise DataError(f"no instrument is called {symbol!r}. There are: {', '.join(self.symbols)}.")
        return self.bars[self.symbols.index(symbol)]

    def __len__(self) -> int:
        """Bars of all instruments together."""
        return sum(len(bars) for bars in self.bars)

    @cached_property
    def content_hash(self) -> str:
        """sha256 over symbols, columns, stamps and values: the data hash of the ledger."""
        digest = hashlib.sha256()
        for bars in self.bars:
            digest.update(f"{bars.symbol}|{','.join(bars.columns)}|{len(bars)}|".encode())
            digest.update(np.ascontiguousarray(bars.t).tobytes())
            digest.update(np.ascontiguousarray(bars.values).tobytes())
        return digest.hexdigest()

    def slices(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Events in time order: (t, values (instruments, columns), present (instruments,)).

        Rows of absent instruments hold NaN and are False in `present`. All instruments need the same columns.
        """
        columns = self.bars[0].columns
        if any(bars.columns != columns for bars in self.bars):
            raise DataError("slices need the same columns in every instrument.")
        cursor = [0] * len(self.bars)
        for t in np.unique(np.concatenate([bars.t for bars in self.bars])):
            values = np.full((len(self.bars), len(columns)), np.nan)
            present = np.zeros(len(self.bars), dtype=bool)
            for index, bars in enumerate(self.bars):
                if cursor[index] < len(bars) and bars.t[cursor[index]] == t:
                    values[index], present[index] = bars.values[cursor[index]], True
                    cursor[index] += 1
            yield int(t), values, present
