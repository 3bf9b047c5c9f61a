"""Arrays in safetensors files that may be hostile: every claim of the header is checked before memory is read by it.

A file is eight bytes of length, that many bytes of JSON (name -> dtype, shape, begin and end in what follows), and the
arrays' bytes, one after the other without a gap.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from candlewick.runtime.strict_json import parse, refused

LARGEST_HEADER = 4 * 2**20
"""Bytes of JSON that are read at most."""

DTYPES = {
    "F64": np.float64, "F32": np.float32, "I64": np.int64, "I32": np.int32, "I8": np.int8, "U8": np.uint8,
    "BOOL": np.bool_,
}  # fmt: skip
"""Types of arrays that a model has, by safetensors' names."""

_MOST_DIMENSIONS, _MOST_ELEMENTS = 8, 2**40


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """`arrays` as the bytes of a safetensors file."""
    from safetensors.numpy import save

    return save({name: np.asarray(array, order="C") for name, array in arrays.items()})


def unpacked(data: bytes, where: str) -> dict[str, np.ndarray]:
    """Fresh arrays from the bytes of a safetensors file.

    Raises:
        StorageError: the file is shorter or longer than its header says, arrays overlap or leave gaps, or an entry has
            another type, shape or key than there can be.
    """
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(len(data) - 8, LARGEST_HEADER):
        raise refused(where, f"has a header of {size:,} bytes in a file of {len(data):,}")
    body = memoryview(data)[8 + size :]
    arrays, end = {}, 0
    for name, entry in sorted(parse(data[8 : 8 + size], f"the header of {where}").items(), key=_place):
        arrays[name] = _array(name, entry, body, end, where)
        end += arrays[name].nbytes
    if end != len(body):
        raise refused(where, f"has {len(body):,} bytes of arrays where its header tells of {end:,}")
    return arrays


def _place(item: tuple[str, Any]) -> tuple[int, ...]:
    # An entry without a place is sorted anywhere; `_array` refuses it.
    _, entry = item
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    return tuple(offsets) if isinstance(offsets, list) and _sizes(offsets) else ()


def _array(name: str, entry: Any, body: memoryview, begin: int, where: str) -> np.ndarray:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise refused(where, f"tells of {name!r} as {str(entry)[:80]}, which is no array")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise refused(where, f"holds {name!r} of type {str(dtype)[:20]!r}; allowed are {', '.join(DTYPES)}")
    if not _sizes(shape) or len(shape) > _MOST_DIMENSIONS or prod(max(size, 1) for size in shape) > _MOST_ELEMENTS:
        raise refused(where, f"holds {name!r} of shape {str(shape)[:80]}")
    end = begin + prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    if not _sizes(offsets) or offsets != [begin, end] or end > len(body):
        raise refused(
            where, f"keeps {name!r} at {str(offsets)[:80]}; its shape and the arrays before it say {begin}-{end}"
        )
    raw = np.frombuffer(body[begin:end], np.uint8)
    if dtype == "BOOL" and (raw > 1).any():
        raise refused(where, f"holds {name!r} whose truths are neither 0 nor 1")
    return raw.view(DTYPES[dtype]).reshape(shape).copy()


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)
