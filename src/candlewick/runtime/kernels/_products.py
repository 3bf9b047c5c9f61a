"""What four gates of 16 units receive: inputs times weights, from the layer below and from the step before.

int8 sums are exact integers, one for each of the two origins, which have scales of their own; sums in float32 begin
at the bias and go on from the one origin to the other.
"""

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import overload

from candlewick.core.compiled import compiled
from candlewick.runtime.kernels._dot import VECTORS, dot
from candlewick.runtime.kernels._layout import Field
from candlewick.runtime.kernels._vector import (
    LANES,
    LINE,
    fma,
    load,
    load_integers,
    load_number,
    splat,
    store,
    store_integers,
    to_floats,
)

TILE = VECTORS * LINE
SUMS = 2 * TILE
"""Bytes of one row's sums: a tile for each origin."""


def start(kind: Any, table: Any, tile: int, sums: int) -> None:
    """Write what one row's sums begin at; `tile` counts blocks through all layers."""
    raise TypeError(f"{kind} has no products")


def gate(kind: Any, table: Any, tile: int, row: int, sums: int, which: int) -> Any:
    """Sixteen floats: gate `which` (input, forget, cell, output) before its activation."""
    raise TypeError(f"{kind} has no products")


def origin(kind: Any) -> int:
    """Bytes from the sums of the layer below to those of the step before."""
    raise TypeError(f"{kind} has no products")


def per_group(kind: Any) -> int:
    """Inputs of a group."""
    raise TypeError(f"{kind} has no products")


@compiled()
def multiply(kind: Any, table: Any, layer: int, block: int, row: int, rows: int, sums: int) -> None:
    """Add the products of up to `ROWS` rows from `row` on to their sums."""
    units, width = table[Field.UNITS], table[Field.FIRST]
    inputs = 4 * max(units, width)
    before = units // per_group(kind)
    weights = table[Field.MATRICES]
    if layer > 0:
        weights += TILE * (units // LANES) * (width // per_group(kind) + before + 2 * (layer - 1) * before)
        width = units
    below = width // per_group(kind)
    weights += TILE * block * (below + before)
    dot(kind, rows, sums, SUMS, table[Field.FROM_BELOW] + row * inputs, inputs, weights, below)
    here = sums + origin(kind)
    dot(kind, rows, here, SUMS, table[Field.FROM_BEFORE] + row * inputs, inputs, weights + TILE * below, before)


@compiled()
def _start_integers(table: Any, tile: int, sums: int) -> None:
    for j in range(0, SUMS, LINE):
        store_integers(sums + j, load_integers(table[Field.OFFSETS] + tile * SUMS + j))


@compiled()
def _start_floats(table: Any, tile: int, sums: int) -> None:
    for j in range(0, TILE, LINE):
        store(sums + j, load(table[Field.BIAS] + tile * TILE + j))


@compiled()
def _gate_of_integers(table: Any, tile: int, row: int, sums: int, which: int) -> Any:
    worth = table[Field.ROW_SCALES] + 8 * row
    scales = table[Field.SCALES] + tile * SUMS + which * LINE
    below = load(scales) * splat(load_number(worth))
    before = load(scales + TILE) * splat(load_number(worth + 4))
    answer = load(table[Field.BIAS] + tile * TILE + which * LINE)
    answer = fma(to_floats(load_integers(sums + which * LINE)), below, answer)
    return fma(to_floats(load_integers(sums + TILE + which * LINE)), before, answer)


@overload(start, strict=False)
def _start_of(kind: Any, table: Any, tile: Any, sums: Any) -> Callable[..., Any]:
    if kind == types.int8:
        return lambda kind, table, tile, sums: _start_integers(table, tile, sums)
    return lambda kind, table, tile, sums: _start_floats(table, tile, sums)


@overload(gate, strict=False)
def _gate_of(kind: Any, table: Any, tile: Any, row: Any, sums: Any, which: Any) -> Callable[..., Any]:
    if kind == types.int8:
        return lambda kind, table, tile, row, sums, which: _gate_of_integers(table, tile, row, sums, which)
    return lambda kind, table, tile, row, sums, which: load(sums + which * LINE)


@overload(origin, strict=False)
def _origin_of(kind: Any) -> Callable[..., Any]:
    return (lambda kind: TILE) if kind == types.int8 else (lambda kind: 0)


@overload(per_group, strict=False)
def _per_group_of(kind: Any) -> Callable[..., Any]:
    many = 4 // (kind.bitwidth // 8)
    return lambda kind: many
