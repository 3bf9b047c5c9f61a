"""All rows of all instruments in one matrix; a sample is a window of it, never a copy."""

from dataclasses import dataclass, replace

import numpy as np

from candlewick.core.errors import ConfigError, DataError


@dataclass(frozen=True, eq=False)
class Dataset:
    """Feature rows and labels of a panel, instruments one after the other, each in time order.

    Attributes:
        x: float32 (n, width), features as computed (NaN in warm-up), or scaled by a fold's scaler (NaN became 0).
        columns: names of the feature columns.
        t: int64 (n,), close of each row's bar, ns UTC.
        symbol: int64 (n,), position in `symbols`.
        symbols: names of the instruments.
        y: float64 (n,), label, NaN where unknown.
        known_at: int64 (n,), when the label is known.
        echo: float64 (n,), the label's last known value at t in label units; NaN where there is none.
        start: int64 (n,), close of the earliest bar that the row's sample may depend on (window and feature warm-up).
        length: rows of a window.
        ready: bool (n,), the window is whole and free of NaN, so a forecast can be made.
    """

    x: np.ndarray
    columns: tuple[str, ...]
    t: np.ndarray
    symbol: np.ndarray
    symbols: tuple[str, ...]
    y: np.ndarray
    known_at: np.ndarray
    echo: np.ndarray
    start: np.ndarray
    length: int
    ready: np.ndarray

    def __len__(self) -> int:
        return len(self.t)

    @property
    def labelled(self) -> np.ndarray:
        """bool (n,), ready and with a label: the rows that splits may use."""
        return self.ready & ~np.isnan(self.y)

    def with_x(self, x: np.ndarray) -> "Dataset":
        """The same rows with another feature matrix."""
        return replace(self, x=x)


@dataclass(frozen=True, eq=False)
class Samples:
    """Some samples of a dataset, as a model receives them.

    Attributes:
        data: the dataset, with scaled `x`.
        index: int64 (m,), the rows whose label is asked for, increasing.

    Raises:
        DataError: a row has no whole window, so that one taken for it would reach into another instrument.
    """

    data: Dataset
    index: np.ndarray

    def __post_init__(self) -> None:
        bad = self.index[~self.data.ready[self.index]]
        if len(bad):
            raise DataError(
                f"{len(bad)} of {len(self.index)} rows are not ready, the first is row {bad[0]}: a window of "
                f"{self.data.length} rows and the warm-up before it do not fit. Take rows where `ready` is true."
            )

    def __len__(self) -> int:
        return len(self.index)

    @property
    def last(self) -> np.ndarray:
        """float32 (m, width): the newest feature row of each sample."""
        return self.data.x[self.index]

    @property
    def y(self) -> np.ndarray:
        """float64 (m,): labels."""
        return self.data.y[self.index]

    @property
    def windows(self) -> np.ndarray:
        """float32 view (n - length + 1, length, width) of ALL windows; that of row i stands at i - length + 1."""
        view = np.lib.stride_tricks.sliding_window_view(self.data.x, self.data.length, axis=0)
        return view.transpose(0, 2, 1)

    def batch(self, positions: np.ndarray) -> np.ndarray:
        """float32 (len(positions), length, width): a copy of the windows of `index[positions]`, made for one batch."""
        return self.windows[self.index[positions] - self.data.length + 1]

    def echo_window(self, length: int) -> np.ndarray:
        """float64 (m, length): the label's last known values at the sample's newest `length` rows, oldest first.

        Raises:
            ConfigError: it would reach back beyond the sample's window, into rows that were not purged for it.
        """
        if length > self.data.length:
            raise ConfigError(
                f"the model reads {length} rows of the label's past, but a sample holds {self.data.length}. "
                f"Set the samples' length to {length} or more, or let the model read fewer."
            )
        view = np.lib.stride_tricks.sliding_window_view(self.data.echo, length)
        return view[self.index - length + 1]
