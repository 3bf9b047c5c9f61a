"""ONNX files as protobuf sees them, without the `onnx` library: weights are put in, hostile graphs are refused.

Only the messages through which a file could reach further than its own nodes are known here: whatever field is not in
`_ALLOWED` (functions, training info, sparse and external tensors, metadata) is refused, not skipped.

Reference: onnx.proto3 of ONNX 1.x; https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Container, Iterator, Mapping
from math import prod
from typing import NamedTuple

import numpy as np

from candlewick.runtime.strict_json import refused

DATA_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9, "float64": 11}
"""ONNX's numbers for the array types that a graph's weights may have."""

LARGEST_CONSTANT = 64
"""Elements of an array that a graph may hold itself: shapes, indices, single numbers. Larger ones are weights."""

DOMAINS = {"", "ai.onnx", "com.microsoft"}
_MICROSOFT_OPERATORS = {"DynamicQuantizeLSTM"}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}
_DEEPEST = 4  # graphs inside graphs

_GRAPH, _INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA = 1, 2, 8, 9
_ALLOWED = {
    "model": {1: "ir_version", 2: "producer_name", 3: "producer_version", 7: "graph", 8: "opset_import"},
    "opset": {1: "domain", 2: "version"},
    "graph": {1: "node", 2: "name", 5: "initializer", 11: "input", 12: "output"},
    "value": {1: "name", 2: "kind"},
    "node": {1: "input_name", 2: "output_name", 3: "name", 4: "op_type", 5: "attribute", 7: "domain"},
    "attribute": {1: "name", 2: "f", 3: "i", 4: "s", 5: "tensor", 6: "graph", 7: "floats", 8: "ints", 9: "strings",
                  20: "type"},
    "tensor": {1: "dims", 2: "data_type", 4: "floats", 5: "int32s", 7: "int64s", 8: "name", 9: "raw", 10: "doubles"},
}  # fmt: skip
_NUMBERS = {
    "ir_version", "version", "f", "i", "floats", "ints", "type", "dims", "data_type", "int32s", "int64s", "doubles",
}  # fmt: skip

_TEXTS = {"producer_name", "producer_version", "domain", "name", "op_type", "input_name", "output_name"}


class _Field(NamedTuple):
    name: str
    kind: int
    number: int  # of a varint
    content: bytes  # of everything else


def with_initializers(proto: bytes, weights: Mapping[str, np.ndarray]) -> bytes:
    """A ModelProto that also holds `weights` as initializers.

    Protobuf merges a message that comes twice, so a second graph of nothing but initializers is appended.
    """
    return b"".join(parts(proto, weights))


def parts(proto: bytes, weights: Mapping[str, np.ndarray]) -> Iterator[bytes | memoryview]:
    """The bytes of `with_initializers` one after the other: arrays as they lie in memory, not copied."""
    initializers = list(_initializers(weights))
    yield proto + _head(_GRAPH, sum(map(len, initializers)))
    yield from initializers


def merged(proto: bytes, weights: Mapping[str, np.ndarray]) -> bytes:
    """A ModelProto that holds `weights` as initializers of its one graph, for readers that do not merge messages.

    Raises:
        StorageError: it is no plain ModelProto.
    """
    numbers = {name: number for number, name in _ALLOWED["model"].items()}
    out = bytearray()
    try:
        for field in _fields(proto, "model"):
            number = numbers[field.name]
            if field.kind == _VARINT:
                out += _varint(number << 3) + _varint(field.number)
                continue
            content = [field.content, *(_initializers(weights) if field.name == "graph" else ())]
            out += _head(number, sum(map(len, content)))
            out += b"".join(content)
    except (ValueError, IndexError) as error:
        raise refused("the graph", f"is no plain ONNX graph: {error}") from error
    return bytes(out)


def _initializers(weights: Mapping[str, np.ndarray]) -> Iterator[bytes | memoryview]:
    for name, array in weights.items():
        little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
        head = _tensor(name, little) + _head(_RAW_DATA, little.nbytes)
        yield _head(_INITIALIZER, len(head) + little.nbytes) + head
        yield little.reshape(-1).view(np.uint8).data


def require_plain(proto: bytes, weights: Container[str], opset: int, where: str) -> None:
    """Refuse a graph that is more than standard operators over small constants of its own and `weights`.

    Raises:
        StorageError: not a ModelProto with one graph; a field that is not needed (functions, sparse tensors, data in
            other files); a foreign operator set or operator; another opset; a large constant; an initializer of the
            name of a weight.
    """
    try:
        _require_model(proto, weights, opset)
    except (ValueError, IndexError) as error:
        raise refused(where, f"is no plain ONNX graph: {error}") from error


def _require_model(proto: bytes, weights: Container[str], opset: int) -> None:
    graphs, versions = [], []
    for field in _fields(proto, "model"):
        if field.name == "graph":
            graphs.append(field.content)
        elif field.name == "opset_import":
            versions.append(_require_opset(field.content))
    if len(graphs) != 1 or versions.count(opset) != 1:
        raise ValueError(f"it has {len(graphs)} graphs and operator sets {versions}, one and {opset} were expected")
    _require_graph(graphs[0], weights, 1)


def _require_opset(message: bytes) -> int:
    domain, version = "", 0
    for field in _fields(message, "opset"):
        if field.name == "domain":
            domain = _text(field)
        else:
            version = field.number
    if domain not in DOMAINS:
        raise ValueError(f"the operator set {domain!r} is foreign")
    return version if domain in ("", "ai.onnx") else 0


def _require_graph(message: bytes, weights: Container[str], depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"graphs stand more than {_DEEPEST} deep in one another")
    for field in _fields(message, "graph"):
        if field.name == "node":
            _require_node(field.content, weights, depth)
        elif field.name == "initializer":
            _require_constant(field.content, weights)
        elif field.name in ("input", "output"):
            list(_fields(field.content, "value"))


def _require_node(message: bytes, weights: Container[str], depth: int) -> None:
    domain = operator = ""
    for field in _fields(message, "node"):
        if field.name == "domain":
            domain = _text(field)
        elif field.name == "op_type":
            operator = _text(field)
        elif field.name == "attribute":
            for part in _fields(field.content, "attribute"):
                if part.name == "tensor":
                    _require_constant(part.content, ())
                elif part.name == "graph":
                    _require_graph(part.content, weights, depth + 1)
    if domain not in DOMAINS or (domain == "com.microsoft" and operator not in _MICROSOFT_OPERATORS):
        raise ValueError(f"the operator {operator!r} of {domain!r} is foreign")


def _require_constant(message: bytes, weights: Container[str]) -> None:
    dims: list[int] = []
    for field in _fields(message, "tensor"):
        if field.name == "dims":
            dims += [field.number] if field.kind == _VARINT else _packed(field.content)
        elif field.name == "name" and _text(field) in weights:
            raise ValueError(f"it holds the weight {_text(field)!r} itself")
    if prod(dims) > LARGEST_CONSTANT or len(message) > 16 * LARGEST_CONSTANT:
        raise ValueError(f"it holds a constant of {tuple(dims)}; {LARGEST_CONSTANT} numbers are the most")


def _fields(message: bytes, kind: str) -> Iterator[_Field]:
    """The fields of a message, all of which must be allowed."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, wire = key >> 3, key & 7
        if number not in _ALLOWED[kind]:
            raise ValueError(f"a {kind} has the field {number}, which is none of {', '.join(_ALLOWED[kind].values())}")
        name = _ALLOWED[kind][number]
        if wire != _BYTES and name not in _NUMBERS:
            raise ValueError(f"the {name} of a {kind} is a number")
        value, content = 0, b""
        if wire == _VARINT:
            value, at = _read_varint(message, at)
        elif wire == _BYTES or wire in _SIZES:
            size, at = _read_varint(message, at) if wire == _BYTES else (_SIZES[wire], at)
            content, at = message[at : at + size], at + size
        else:
            raise ValueError(f"a {kind} has a field of the wire type {wire}")
        if at > len(message):
            raise ValueError(f"a {kind} breaks off")
        if name in _TEXTS:
            content.decode()
        yield _Field(name, wire, value, content)


def _text(field: _Field) -> str:
    return field.content.decode()


def _packed(content: bytes) -> list[int]:
    values, at = [], 0
    while at < len(content):
        value, at = _read_varint(content, at)
        values.append(value)
    return values


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number has more than ten bytes")


def _tensor(name: str, array: np.ndarray) -> bytes:
    # All of it but the data.
    dims = b"".join(_varint(_DIMS << 3) + _varint(size) for size in array.shape)
    kind = _varint(_DATA_TYPE << 3) + _varint(DATA_TYPES[array.dtype.name])
    encoded = name.encode()
    return dims + kind + _head(_NAME, len(encoded)) + encoded


def _head(field: int, length: int) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(length)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
