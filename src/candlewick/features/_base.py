"""What a feature is, and the one scan that runs every feature over history.

`step` is one compiled function with one signature for the whole family. Live, it is called bar by bar;
over history, `scan` calls the same machine code. So history and live cannot differ.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numba import types

from candlewick.core.compiled import compiled
from candlewick.core.spec import Spec
from candlewick.data.bars import Bars

_vector = types.float64[::1]
STEP = types.void(_vector, types.int64, _vector, _vector, _vector)
"""Signature of every step: params, t, row (the declared columns), state (changed), out (written)."""

Step = Callable[[np.ndarray, int, np.ndarray, np.ndarray, np.ndarray], None]


class Feature(Spec):
    """A frozen spec: events -> numbers, one bar at a time.

    A member gives `columns`, `scale_free`, `outputs`, `warmup`, `state_size`, `params` and the compiled `step`;
    `run` is written here once and never overridden.

    `step(params, t, row, state, out)` is given one closed bar: its close `t` (ns), the declared columns in `row`,
    its own `state` (all zeros before the first bar), and writes one value per output to `out`. Before `warmup`
    bars have been seen it writes NaN; afterwards every value is finite.
    """

    columns: ClassVar[tuple[str, ...]]
    """Columns of the bars that `row` holds, in this order."""

    scale_free: ClassVar[bool] = True
    """Whether prices (and volumes) times a constant leave every output as it was."""

    step: ClassVar[Step]

    @property
    @abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """Names of the numbers it gives, unique for these parameters: `("rsi_14",)`."""

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Bars it must have seen, the current one included, before it gives a number."""

    @property
    @abstractmethod
    def state_size(self) -> int:
        """Floats of state."""

    @property
    def fade_bound(self) -> float:
        """How far outputs may differ after `warmup` bars because of what came before; 0 means not by one bit.

        For prices whose level and volatility before differ by at most a factor of two.
        """
        return 0.0

    @abstractmethod
    def params(self) -> np.ndarray:
        """float64 (k,), what `step` receives as its first argument."""

    @property
    def width(self) -> int:
        """How many numbers it gives."""
        return len(self.outputs)

    def run(self, bars: Bars) -> np.ndarray:
        """float64 (n, width): every bar's outputs, NaN in the first `warmup - 1` rows.

        Raises:
            DataError: a declared column is missing.
        """
        columns = bars.indices(self.columns, wanted_by=f"feature {self.spec_name()}")
        out = np.empty((len(bars), self.width))
        scan(self.step, self.params(), bars.t, bars.values, columns,
             np.empty(len(columns)), np.zeros(self.state_size), out)  # fmt: skip
        return out


@compiled(types.void(types.FunctionType(STEP), _vector, types.Array(types.int64, 1, "C", readonly=True),
                     types.Array(types.float64, 2, "C", readonly=True), types.int64[::1], _vector, _vector,
                     types.float64[:, ::1]))  # fmt: skip
def scan(step, params, t, values, columns, row, state, out):  # type: ignore[no-untyped-def]
    """Run `step` over rows of `values` in order; `row` is scratch, `state` is changed, `out` is written."""
    for i in range(values.shape[0]):
        for j in range(columns.shape[0]):
            row[j] = values[i, columns[j]]
        step(params, t[i], row, state, out[i])
