"""Rows of floats as inputs of the products. What is not finite becomes NaN, or has NaN for its scale."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from candlewick.core.compiled import compiled
from candlewick.runtime.kernels._layout import ZERO_POINT
from candlewick.runtime.kernels._vector import (
    LANES,
    bfloats,
    bits,
    fma,
    larger_magnitude,
    largest,
    load,
    splat,
    store,
    store_bytes,
    store_halves,
)

_ROUNDING = 1.5 * 2.0**23 + ZERO_POINT
"""Added to a number of at most 127, it leaves the nearest integer plus the zero point in the lowest byte."""
_SMALLEST = 1e-30


def pack(kind: Any, source: int, target: int, width: int) -> np.float32:
    """Write `width` floats at `source` as the kind's inputs at `target`; returns what one unit of them is worth."""
    raise TypeError(f"{kind} has no inputs of products")


@compiled()
def _pack_bytes(kind: Any, source: int, target: int, width: int) -> np.float32:
    most = splat(0.0)
    for j in range(0, width, LANES):
        most = larger_magnitude(most, load(source + 4 * j))
    magnitude = largest(most)
    scale, per_unit = np.float32(0.0), np.float32(0.0)
    if not magnitude < np.inf:
        scale = np.float32(np.nan)
    elif magnitude > _SMALLEST:
        scale, per_unit = magnitude / np.float32(127.0), np.float32(127.0) / magnitude
    for j in range(0, width, LANES):
        store_bytes(target + j, bits(fma(load(source + 4 * j), splat(per_unit), splat(_ROUNDING))))
    return scale


@compiled()
def _pack_bfloats(kind: Any, source: int, target: int, width: int) -> np.float32:
    for j in range(0, width, LANES):
        value = load(source + 4 * j)
        store_halves(target + 2 * j, bfloats(value + (value - value)))
    return np.float32(1.0)


@compiled()
def _pack_floats(kind: Any, source: int, target: int, width: int) -> np.float32:
    for j in range(0, width, LANES):
        value = load(source + 4 * j)
        store(target + 4 * j, value + (value - value))
    return np.float32(1.0)


@overload(pack, strict=False)
def _pack_of(kind: Any, source: Any, target: Any, width: Any) -> Callable[..., Any]:
    if kind == types.int8:
        return lambda kind, source, target, width: _pack_bytes(kind, source, target, width)
    if kind == types.uint16:
        return lambda kind, source, target, width: _pack_bfloats(kind, source, target, width)
    return lambda kind, source, target, width: _pack_floats(kind, source, target, width)
