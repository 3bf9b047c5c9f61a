"""What a feature is, and the one scan that runs every feature over history.

`step` is one compiled function with one signature for the whole family. Live, it is called bar by bar;
over history, `scan` calls the same machine code. So history and live cannot differ.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numba import types

from candlewick.core.clock import iso
from candlewick.core.compiled import compiled
from candlewick.core.errors import DataError
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
    bars have been seen it writes NaN; afterwards every value is finite. A value it cannot give later (the logarithm
    of a negative price) is NaN too: `run` and the live step refuse it by name.
    """

    columns: ClassVar[tuple[str, ...]]
    """Columns of the bars that `row` holds, in this order."""

    scale_free: ClassVar[bool] = True
    """Whether prices (and volumes) times a constant leave every output as it was."""

    @staticmethod
    @abstractmethod
    def step(params: np.ndarray, t: int, row: np.ndarray, state: np.ndarray, out: np.ndarray) -> None:
        """One closed bar; a static method under `@compiled(STEP)`, see the class."""

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
        """float64 (n, width): every bar's outputs, NaN in the first `warmup - 1` rows and nowhere else.

        Raises:
            DataError: a declared column is missing, or an output is not a finite number after the warm-up
                (a price that is not positive under a logarithm, an overflow).
        """
        columns = bars.indices(self.columns, wanted_by=f"feature {self.spec_name()}")
        out = np.empty((len(bars), self.width))
        scan(type(self).step, self.params(), bars.t, bars.values, columns,
             np.empty(len(columns)), np.zeros(self.state_size), out)  # fmt: skip
        unknown = np.argwhere(~np.isfinite(out[self.warmup - 1 :]))
        if len(unknown):
            row, output = int(unknown[0, 0]) + self.warmup - 1, int(unknown[0, 1])
            cause = _cause(self, bars, columns, row)
            raise DataError(
                f"{bars.symbol}: {not_finite(self, output, out[row, output], bars.t[row])} (row {row}){cause}"
            )
        return out


def not_finite(feature: Feature, output: int, value: float, t: int) -> str:
    """The sentence that refuses an output after the warm-up, without its end."""
    return f"feature {feature.spec_name()} gives {feature.outputs[output]} = {value} at {iso(t)}"


def _cause(feature: Feature, bars: Bars, columns: np.ndarray, row: int) -> str:
    first = max(row + 1 - feature.warmup, 0)
    low = np.argwhere(bars.values[first : row + 1, columns] <= 0)
    if len(low):
        at, column = first + low[-1, 0], low[-1, 1]
        return (
            f"; {feature.columns[column]} is {bars.values[at, columns[column]]} at row {at}. "
            "A logarithm or a ratio needs values above zero. Drop those rows, or use features without logarithms."
        )
    return (
        f", after its warm-up of {feature.warmup} bars. Every value must be finite there. "
        "Check the bars for absurd values; for a feature of your own, check its step and its warmup."
    )


@compiled(types.void(types.FunctionType(STEP), _vector, types.Array(types.int64, 1, "C", readonly=True),
                     types.Array(types.float64, 2, "C", readonly=True), types.int64[::1], _vector, _vector,
                     types.float64[:, ::1]))  # fmt: skip
def scan(
    step: Step, params: np.ndarray, t: np.ndarray, values: np.ndarray, columns: np.ndarray, row: np.ndarray,
    state: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Run `step` over rows of `values` in order; `row` is scratch, `state` is changed, `out` is written."""
    for i in range(values.shape[0]):
        for j in range(columns.shape[0]):
            row[j] = values[i, columns[j]]
        step(params, t[i], row, state, out[i])
