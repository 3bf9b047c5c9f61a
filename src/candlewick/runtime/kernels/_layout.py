"""How weights and lanes lie in memory for the compiled step, and the table that tells it where."""

from enum import IntEnum, auto

import numpy as np

from candlewick.core.errors import ConfigError
from candlewick.models._base import Weights
from candlewick.models.lstm import Lstm
from candlewick.runtime.kernels._dot import VECTORS
from candlewick.runtime.kernels._vector import LANES, LINE
from candlewick.runtime.session import Precision

ZERO_POINT = 128
"""What inputs of int8 products are shifted by: the instruction multiplies unsigned by signed."""

PER_GROUP: dict[Precision, int] = {"fp32": 1, "bf16": 2, "int8": 4}
"""Weights that one instruction multiplies at once for every output."""


class Field(IntEnum):
    """Places in the table of int64 that a compiled step reads: sizes, then addresses. Skips stand behind it."""

    LENGTH = 0
    LAYERS = auto()
    HIDDEN = auto()
    UNITS = auto()
    INPUTS = auto()
    FIRST = auto()
    OUTPUTS = auto()
    CAPACITY = auto()
    ROWS = auto()
    TIME = auto()
    PHASE = auto()
    THREADS = auto()
    PROJECTION = auto()
    PROJECTION_BIAS = auto()
    MATRICES = auto()
    BIAS = auto()
    SCALES = auto()
    OFFSETS = auto()
    NORM_WEIGHT = auto()
    NORM_BIAS = auto()
    HEAD = auto()
    HEAD_BIAS = auto()
    X = auto()
    STATE = auto()
    RAW = auto()
    PROJECTED = auto()
    OUTS = auto()
    FROM_BELOW = auto()
    FROM_BEFORE = auto()
    ROW_SCALES = auto()
    SUMS = auto()
    SKIPS = auto()


def padded(width: int, step: int = LANES) -> int:
    """The next multiple of `step`.

    >>> padded(40), padded(48)
    (48, 48)
    """
    return -(-width // step) * step


def aligned(shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """Zeros that start where a cache line does."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def resized(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """float32 of that shape with zeros behind the values."""
    answer = aligned(shape, np.float32)
    answer[tuple(slice(0, n) for n in values.shape)] = values
    return answer


class Packed:
    """Weights in the order in which the step reads them.

    Attributes:
        arrays: by the field that holds their address.
        first: width of what the first layer reads, padded.

    Raises:
        ConfigError: a weight of the spec is missing, has another shape, or is not finite.
    """

    def __init__(self, spec: Lstm, weights: Weights, *, inputs: int, outputs: int, precision: Precision) -> None:
        self.spec, self.precision = spec, precision
        self.units, self.first = padded(spec.hidden), padded(inputs)
        self.arrays: dict[Field, np.ndarray] = {}
        if spec.projection:
            self.first = padded(spec.projection, VECTORS * LANES)
            self._projection(weights, spec.projection, inputs)
        self._layers(weights, spec.projection or inputs)
        if spec.norm:
            for field, name in ((Field.NORM_WEIGHT, "weight"), (Field.NORM_BIAS, "bias")):
                rows = [_checked(weights, f"norm.{k}.{name}", spec.hidden) for k in range(spec.layers)]
                self.arrays[field] = resized(np.stack(rows), (spec.layers, self.units))
        self.arrays[Field.HEAD] = resized(_checked(weights, "head.weight", outputs, spec.hidden), (outputs, self.units))
        self.arrays[Field.HEAD_BIAS] = resized(_checked(weights, "head.bias", outputs), (outputs,))

    def _projection(self, weights: Weights, width: int, inputs: int) -> None:
        matrix = resized(_checked(weights, "projection.weight", width, inputs), (self.first, padded(inputs)))
        blocks = matrix.reshape(-1, VECTORS, LANES, padded(inputs)).transpose(0, 3, 1, 2)
        self.arrays[Field.PROJECTION] = _copied([blocks])
        self.arrays[Field.PROJECTION_BIAS] = resized(_checked(weights, "projection.bias", width), (self.first,))

    def _layers(self, weights: Weights, first: int) -> None:
        hidden, layers = self.spec.hidden, range(self.spec.layers)
        parts = [self._reduced_layer(weights, k, hidden if k else first) for k in layers]
        biases = [
            sum(_checked(weights, f"lstm.{k}.bias_{name}_l0", 4 * hidden)[:, None] for name in ("ih", "hh"))
            for k in layers
        ]
        groups = [[_grouped(numbers, PER_GROUP[self.precision]) for numbers, _ in part] for part in parts]
        self.arrays[Field.MATRICES] = _copied([np.concatenate(group, axis=1) for group in groups])
        self.arrays[Field.BIAS] = _copied([_tiles(np.asarray(bias), self.units, 1) for bias in biases])
        if self.precision == "int8":
            offsets = [[-ZERO_POINT * numbers.sum(-1, dtype=np.int32) for numbers, _ in part] for part in parts]
            self.arrays[Field.OFFSETS] = _copied([np.stack(offset, axis=1) for offset in offsets])
            self.arrays[Field.SCALES] = _copied([np.stack([scale for _, scale in part], axis=1) for part in parts])

    def _reduced_layer(self, weights: Weights, k: int, width: int) -> list[tuple[np.ndarray, np.ndarray]]:
        hidden = self.spec.hidden
        below = _checked(weights, f"lstm.{k}.weight_ih_l0", 4 * hidden, width)
        before = _checked(weights, f"lstm.{k}.weight_hh_l0", 4 * hidden, hidden)
        tiles = _tiles(below, self.units, self.units if k else self.first), _tiles(before, self.units, self.units)
        return [_reduced(tile, self.precision) for tile in tiles]


def _checked(weights: Weights, name: str, *shape: int) -> np.ndarray:
    found = weights.get(name)
    if found is None or found.shape != shape or not np.isfinite(found).all():
        came = "nothing" if found is None else f"{found.shape}" + ", not all finite" * (found.shape == shape)
        raise ConfigError(
            f"the weight {name} does not fit its spec, was {came}. It is finite numbers of shape {shape}. "
            "Give the weights that were trained for this spec."
        )
    return found.astype(np.float32, copy=False)


def _tiles(matrix: np.ndarray, units: int, width: int) -> np.ndarray:
    # (blocks of units, gates, units of a block, inputs): what a tile computes is what an update of a block needs.
    gates = resized(matrix.reshape(VECTORS, -1, matrix.shape[1]), (VECTORS, units, width))
    return gates.reshape(VECTORS, -1, LANES, width).transpose(1, 0, 2, 3)


def _reduced(tiles: np.ndarray, precision: Precision) -> tuple[np.ndarray, np.ndarray]:
    scale = np.maximum(np.abs(tiles).max(axis=-1), np.finfo(np.float32).tiny) / np.float32(127.0)
    if precision == "int8":
        return np.rint(tiles / scale[..., None]).astype(np.int8), scale
    if precision == "bf16":
        whole = tiles.view(np.uint32)
        return ((whole + 0x7FFF + ((whole >> 16) & 1)) >> 16).astype(np.uint16), scale
    return tiles, scale


def _grouped(tiles: np.ndarray, per_group: int) -> np.ndarray:
    blocks, gates, units, width = tiles.shape
    return tiles.reshape(blocks, gates, units, width // per_group, per_group).transpose(0, 3, 1, 2, 4)


def _copied(parts: list[np.ndarray]) -> np.ndarray:
    answer = aligned((sum(part.size for part in parts),), parts[0].dtype.type)
    np.concatenate([part.ravel() for part in parts], out=answer)
    return answer
