"""A residual LSTM whose whole step is one compiled call: products, gates, norms, skips and head of all layers.

Weights are float32, bfloat16, or int8 with one scale an output; with int8 weights each row of a product's inputs is
rounded to int8 by its own largest magnitude. All else is float32.

The answer for a row is the same to the last bit whatever the number of rows, the row's place among them and the
number of threads: integer sums are exact, and every sum in float32 has one fixed order.
"""

import numpy as np

from candlewick.core.errors import ConfigError
from candlewick.models._base import Model, Weights
from candlewick.models.lstm import Lstm
from candlewick.runtime.kernels._crew import Crew
from candlewick.runtime.kernels._dot import KINDS, ROWS, supports
from candlewick.runtime.kernels._layout import Field, Packed, aligned, padded
from candlewick.runtime.kernels._products import SUMS
from candlewick.runtime.session import Lanes, Precision, Session


def compiled_precisions(model: Model) -> tuple[Precision, ...]:
    """Precisions in which this machine can run the model's compiled step; () where there is none."""
    return tuple(precision for precision in KINDS if supports(precision)) if isinstance(model, Lstm) else ()


class CompiledLstm(Session):
    """Weights of a `ResidualLstm`, by torch's names, ready to step on this machine.

    Its first session of a precision compiles for a few seconds, later processes load what it compiled.

    A row of `x` that holds a number which is not finite gives NaN, and so does every later step of its state.

    Raises:
        ConfigError: the processor lacks the instructions of this precision, or `threads` is neither 1 nor 2.
    """

    kernel = "compiled"

    def __init__(
        self,
        spec: Lstm,
        weights: Weights,
        *,
        inputs: int,
        outputs: int,
        streams: bool,
        length: int,
        precision: Precision,
        threads: int = 1,
        spinning: bool = False,
    ) -> None:
        if not supports(precision):
            raise ConfigError(
                f"this processor lacks the instructions of a compiled {precision} step, was asked for one. "
                f"It has those of {', '.join(compiled_precisions(spec)) or 'none'}. Use the kernel 'onnxruntime'."
            )
        if threads not in (1, 2):
            raise ConfigError(f"a compiled step runs on 1 or 2 threads, was {threads}. Give one of them.")
        self.precision, self.threads, self.spinning = precision, threads, spinning
        self.inputs, self.outputs, self.hidden, self.streams = inputs, outputs, spec.hidden, streams
        self._packed = Packed(spec, weights, inputs=inputs, outputs=outputs, precision=precision)
        self.table = np.zeros(Field.SKIPS + spec.layers, np.int64)
        for field, value in {
            Field.LENGTH: 1 if streams else length,
            Field.LAYERS: spec.layers,
            Field.HIDDEN: spec.hidden,
            Field.UNITS: padded(spec.hidden),
            Field.INPUTS: padded(inputs),
            Field.FIRST: self._packed.first,
            Field.OUTPUTS: outputs,
            Field.THREADS: threads,
        }.items():
            self.table[field] = value
        for field, array in self._packed.arrays.items():
            self.table[field] = array.ctypes.data
        for source, target in spec.skips:
            self.table[Field.SKIPS + target - 1] |= 1 << (source - 1)
        self._crew = self._new_crew() if threads == 2 else None

    def begin(self, capacity: int) -> "CompiledLanes":
        """Fresh lanes with zero state. On two threads, the lanes of one session step one after the other."""
        return CompiledLanes(self, self._crew or self._new_crew(), capacity)

    def _new_crew(self) -> Crew:
        return Crew(self.precision, size=len(self.table), threads=self.threads, spinning=self.spinning)


class CompiledLanes(Lanes):
    """Rows of a `CompiledLstm`. `x` and `state` are views of wider arrays: write into them, do not replace them."""

    def __init__(self, session: CompiledLstm, crew: Crew, capacity: int) -> None:
        self._session, self._crew = session, crew
        self._table = session.table.copy()
        self._table[Field.CAPACITY] = capacity
        self._arrays = _arrays(self._table)
        for field, array in self._arrays.items():
            self._table[field] = array.ctypes.data
        x = self._arrays[Field.X][..., : session.inputs]
        state = self._arrays[Field.STATE][..., : session.hidden]
        self.x = x[:, 0] if session.streams else x
        self.echo = np.empty((capacity, 0))
        self.state = tuple(part for layer in state for part in layer) if session.streams else ()
        self.raw = self._arrays[Field.RAW]

    def step(self, rows: int) -> None:
        """One step, or one window from the zero state, of the first `rows` lanes.

        Raises:
            ConfigError: there are fewer lanes than `rows`.
        """
        if not 0 <= rows <= len(self.raw):
            raise ConfigError(
                f"a step takes at most the {len(self.raw)} lanes that were begun, was {rows}. Begin more of them."
            )
        if not self._session.streams:
            self._arrays[Field.STATE][:, :, :rows] = 0.0
        self._table[Field.ROWS] = rows
        self._crew.step(self._table)


def _arrays(table: np.ndarray) -> dict[Field, np.ndarray]:
    layers, capacity, units, first = (
        int(table[field]) for field in (Field.LAYERS, Field.CAPACITY, Field.UNITS, Field.FIRST)
    )
    operands = (capacity, max(units, first))
    shapes: dict[Field, tuple[int, ...]] = {
        Field.X: (capacity, int(table[Field.LENGTH]), int(table[Field.INPUTS])),
        Field.STATE: (layers, 2, capacity, units),
        Field.PROJECTED: (capacity, first),
        Field.OUTS: (layers, capacity, units),
        Field.FROM_BELOW: operands,
        Field.FROM_BEFORE: operands,
        Field.ROW_SCALES: (capacity, 2),
        Field.SUMS: (int(table[Field.THREADS]), ROWS, SUMS // 4),
    }
    arrays = {field: aligned(shape, np.float32) for field, shape in shapes.items()}
    return arrays | {Field.RAW: aligned((capacity, int(table[Field.OUTPUTS])), np.float64)}
