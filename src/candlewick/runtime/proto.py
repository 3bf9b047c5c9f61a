"""ONNX files as protobuf sees them: weights are put into a graph without the `onnx` library."""

from collections.abc import Mapping

import numpy as np

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_GRAPH, _INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA = 1, 2, 8, 9
DATA_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9, "float64": 11}
"""ONNX's numbers for the array types that a graph's weights may have."""

LARGEST_CONSTANT = 64
"""Elements of an array that a graph may hold itself: shapes, indices, single numbers. Larger ones are weights."""


def with_initializers(proto: bytes, weights: Mapping[str, np.ndarray]) -> bytes:
    """A ModelProto that also holds `weights` as initializers.

    Protobuf merges a message that comes twice, so a second graph of nothing but initializers is appended.

    Raises:
        KeyError: an array's type is none of `DATA_TYPES`.
    """
    graph = b"".join(_bytes(_INITIALIZER, _tensor(name, array)) for name, array in weights.items())
    return proto + _bytes(_GRAPH, graph)


def _tensor(name: str, array: np.ndarray) -> bytes:
    dims = b"".join(_varint(_DIMS << 3) + _varint(size) for size in array.shape)
    kind = _varint(_DATA_TYPE << 3) + _varint(DATA_TYPES[array.dtype.name])
    raw = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
    return dims + kind + _bytes(_NAME, name.encode()) + _bytes(_RAW_DATA, raw)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
