"""What a scaler is: arrays fitted on training rows, and the one way they are applied."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from candlewick.core.errors import DataError, LeakError
from candlewick.core.spec import Spec
from candlewick.core.words import some
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import TrainRows

Fitted = dict[str, np.ndarray]


class Scaler(Spec):
    """A frozen spec that fits `(x - center) / scale` on training rows.

    Everything that scaling needs is in the fitted arrays, so a serving engine needs no spec:

    * `center`, `scale`: float64 (k, width), one row an instrument, or one row for all of them; NaN for an
      instrument without training rows;
    * `clip`: float64 (1,), results are kept within +- clip;
    * `constant`: bool (k, width), columns that did not move in training: centred, divided by 1;
    * `symbols`: uint8, the instruments of the rows as UTF-8, a line each; empty where one row serves all.
    """

    def fit(self, data: Dataset, rows: TrainRows) -> Fitted:
        """Arrays fitted on the newest feature row of each training sample.

        Raises:
            LeakError: `rows` are not `TrainRows`.
            DataError: there are no rows, or one holds a value that is not finite.
        """
        if not isinstance(rows, TrainRows):
            raise LeakError(
                f"scaler {self.spec_name()} was given {type(rows).__name__} to fit on. Only TrainRows are allowed: "
                "statistics of any other row would let the test into training. Give it the fold's train rows."
            )
        if len(rows) == 0:
            raise DataError(f"scaler {self.spec_name()} was given no training rows. It needs at least one.")
        bad = rows.index[~np.isfinite(data.x[rows.index]).all(axis=1)]
        if len(bad):
            raise DataError(
                f"{len(bad)} training rows hold features that are not finite, the first is row {bad[0]}. "
                "Only rows that are ready can be fitted on: take the rows of a split."
            )
        return self._fit(data, rows.index)

    @abstractmethod
    def _fit(self, data: Dataset, index: np.ndarray) -> Fitted: ...

    @staticmethod
    def apply(fitted: Fitted, data: Dataset, asked: np.ndarray | None = None) -> np.ndarray:
        """float32 (n, width), every row of `data` scaled by its instrument's row; NaN (warm-up) becomes 0.

        Instruments are found by name, so `data` may hold fewer than were fitted, in any order. `asked` are the rows
        whose samples will be used, all of them by default: an instrument without training rows is refused where it
        holds one of them, and is 0 throughout where it does not, as one that is listed only after a fold's test.

        Raises:
            DataError: an instrument that is asked for had no training rows, or the number of columns differs.
        """
        center, scale, clip = fitted["center"], fitted["scale"], float(fitted["clip"][0])
        if center.shape[1] != data.x.shape[1]:
            raise DataError(
                f"the scaler was fitted on {center.shape[1]} feature columns, was given {data.x.shape[1]}. "
                "Use the features it was fitted with."
            )
        held = np.unique(data.symbol if asked is None else data.symbol[asked])
        missing = unseen(fitted, [data.symbols[k] for k in held])
        if missing:
            raise DataError(
                f"the scaler has not seen {some(missing)} in training ({len(missing)} of {len(data.symbols)} "
                "instruments). Use scaler.pooled=true (one scale for all), test later, or leave those instruments out."
            )
        row_of = _row_of(fitted)
        out = np.zeros(data.x.shape, dtype=np.float32)
        for rows, position in instruments(data):
            k = row_of.get(data.symbols[position]) if row_of else 0
            if k is None:
                continue
            # Computed in float64 inside the loop, stored as float32 in place: no second matrix.
            np.subtract(data.x[rows], center[k], out=out[rows], casting="same_kind")
            np.divide(out[rows], scale[k], out=out[rows], casting="same_kind")
        np.clip(out, -clip, clip, out=out)
        np.nan_to_num(out, copy=False, nan=0.0)
        return out

    @staticmethod
    def notes(fitted: Fitted, columns: tuple[str, ...]) -> tuple[str, ...]:
        """Sentences about what was fitted: columns that were constant in training."""
        symbols = _names(fitted) or ("all instruments",)
        return tuple(
            f"{columns[j]} of {symbols[k]} is constant in training ({fitted['center'][k, j]:.6g}): centred, not scaled"
            for k, j in np.argwhere(fitted["constant"])
        )


def instruments(data: Dataset) -> Iterator[tuple[slice, int]]:
    """(rows, position in `symbols`) of every instrument."""
    edges = np.searchsorted(data.symbol, np.arange(len(data.symbols) + 1))
    return ((slice(int(edges[k]), int(edges[k + 1])), k) for k in range(len(data.symbols)))


def encoded(symbols: tuple[str, ...]) -> np.ndarray:
    """Names as the uint8 array that `symbols` of the fitted arrays is."""
    return np.frombuffer("\n".join(symbols).encode(), dtype=np.uint8)


def _names(fitted: Fitted) -> tuple[str, ...]:
    text = fitted["symbols"].tobytes().decode()
    return tuple(text.split("\n")) if text else ()


def _row_of(fitted: Fitted) -> dict[str, int]:
    return {name: k for k, name in enumerate(_names(fitted)) if not np.isnan(fitted["center"][k]).any()}


def of_instrument(fitted: Fitted, symbol: str) -> tuple[np.ndarray, np.ndarray, float]:
    """Center and scale, float64 (width,), and clip of one instrument.

    Raises:
        DataError: it had no training rows.
    """
    if unseen(fitted, [symbol]):
        raise DataError(
            f"the scaler has not seen {symbol} in training. It knows {some(list(_row_of(fitted)))}. "
            "Use a model with one scale for all (scaler.pooled=true), or leave this instrument out."
        )
    k = _row_of(fitted)[symbol] if _names(fitted) else 0
    return fitted["center"][k], fitted["scale"][k], float(fitted["clip"][0])


def unseen(fitted: Fitted, symbols: Sequence[str]) -> list[str]:
    """Those of `symbols` that had no training rows; none where one row serves all instruments."""
    row_of = _row_of(fitted)
    return [symbol for symbol in symbols if symbol not in row_of] if _names(fitted) else []
