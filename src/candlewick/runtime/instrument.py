"""One instrument's way from closed bars to scaled feature rows, and what it remembers of them."""

import numpy as np
from numba import types

from candlewick.core.clock import iso
from candlewick.core.compiled import compiled
from candlewick.core.errors import DataError
from candlewick.runtime.exported import Exported
from candlewick.samples.scalers._base import of_instrument

_NEVER = np.iinfo(np.int64).min


class Instrument:
    """Features, echo and scaler of one instrument, and its place in the model's lanes.

    A bar whose features are not finite is a *hole*: it has been taken in, a window holds 0 in its place, a carried
    state is not stepped by it, and the next `anchor` bars are marked.

    Attributes:
        symbol: its name.
        seen: bars taken in since the zero state.
        t: close of the newest one.
        hole: value of `seen` at the newest hole.
        hole_t: close of that bar.
        problem: why the newest bar is a hole; "" where it is none.
    """

    def __init__(self, exported: Exported, symbol: str, window: np.ndarray, echo: np.ndarray) -> None:
        """`window` float32 (rows, inputs) and `echo` float64 (length,) or (0,) are the lane's own memory."""
        self.symbol = symbol
        self.seen = 0
        self.t = self.hole = self.hole_t = _NEVER
        self.problem = ""
        self.features = exported.features.begin(exported.columns)
        self.echo = exported.echo.begin(exported.columns) if exported.echo is not None and len(echo) else None
        center, scale, clip = of_instrument(exported.scaler, symbol)
        self._center, self._scale, self._clip = np.ascontiguousarray(center), np.ascontiguousarray(scale), clip
        self._window, self._echoes = window, echo
        self._anchor = exported.anchor
        self._first = self._anchor - exported.warmup if exported.streams else self._anchor

    def take(self, t: int, row: np.ndarray) -> None:
        """One closed bar, float64 in the order of `Exported.columns`, finite and later than the one before."""
        self.seen += 1
        self.t = t
        self.problem = ""
        try:
            self.features.step(t, row)
        except DataError as error:
            self.problem = str(error)
        if self.echo is not None:
            try:
                echo = self.echo.step(t, row)[0]
            except DataError as error:
                self.problem = self.problem or str(error)
                echo = np.nan
            _shift(self._echoes, echo)

    def scale(self) -> None:
        """Write the newest features, scaled, as the last row of the window."""
        large = _push(self.features.out, self._center, self._scale, self._clip, self._window)
        if large >= 0 and not self.problem and self.seen >= self.features.features.warmup:
            name, value = self.features.features.outputs[large], self.features.out[large]
            self.problem = f"{name} is {value} at {iso(self.t)}, which is not finite in float32"
        if self.problem:
            self.hole, self.hole_t = self.seen, self.t

    @property
    def due(self) -> bool:
        """Whether the model is stepped by the newest bar."""
        if self.seen <= self._first or self.problem:
            return False
        return self.echo is None or not _any_unknown(self._echoes)

    @property
    def abstains(self) -> str:
        """Why no forecast can be made of the newest bar; "" where one can."""
        if self.problem:
            return self.problem
        if self.seen <= self._anchor:
            return f"warming up: {self.seen} of {self._anchor} bars"
        if not self.due:
            return f"the label's past is not known since the bar at {iso(self.hole_t)}"
        return ""

    @property
    def degraded(self) -> str:
        """What the newest forecast suffers from; "" where nothing."""
        if self.seen - self.hole > self._anchor or self.hole == _NEVER:
            return ""
        left = self._anchor - (self.seen - self.hole)
        return f"the bar at {iso(self.hole_t)} gave no features; it is remembered for {left} more bars"

    @property
    def marks(self) -> tuple[int, int, int, int]:
        """What it remembers beside its features' state: seen, t, hole, hole_t."""
        return self.seen, self.t, self.hole, self.hole_t

    @property
    def state(self) -> np.ndarray:
        """float64, the state of its features and of its echo, copied."""
        return np.concatenate([self.features.state, self.echo.state if self.echo is not None else ()])

    def restore(self, marks: np.ndarray, state: np.ndarray) -> None:
        """Go on from what `marks` and `state` gave."""
        self.seen, self.t, self.hole, self.hole_t = marks.tolist()
        size = len(self.features.state)
        self.features.state[:] = state[:size]
        if self.echo is not None:
            self.echo.state[:] = state[size:]


_vector = types.float64[::1]
_fixed = types.Array(types.float64, 1, "C", readonly=True)


@compiled(types.int64(_vector, _fixed, _fixed, types.float32, types.Array(types.float32, 2, "A")))
def _push(values: np.ndarray, center: np.ndarray, scale: np.ndarray, clip: float, window: np.ndarray) -> int:
    # The same roundings as Scaler.apply: features are stored as float32, then each operation is done in float64.
    newest = window.shape[0] - 1
    for row in range(newest):
        for j in range(window.shape[1]):
            window[row, j] = window[row + 1, j]
    bad = -1
    for j in range(window.shape[1]):
        x = np.float32(values[j])
        if np.isfinite(x):
            x = np.float32(np.float64(x) - center[j])
            x = np.float32(np.float64(x) / scale[j])
            window[newest, j] = min(max(x, -clip), clip)
        else:
            window[newest, j] = np.float32(0.0)
            bad = j if bad < 0 else bad
    return bad


@compiled(types.void(_vector, types.float64))
def _shift(ring: np.ndarray, value: float) -> None:
    for row in range(ring.shape[0] - 1):
        ring[row] = ring[row + 1]
    ring[-1] = value


@compiled(types.boolean(_vector))
def _any_unknown(ring: np.ndarray) -> bool:
    return bool(np.isnan(ring.sum()))
