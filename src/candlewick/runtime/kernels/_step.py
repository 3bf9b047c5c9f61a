"""The compiled step of a residual LSTM: rows are prepared, blocks of units advance, layer by layer.

A layer takes two phases. First every row is prepared alone: what comes from below is normed, skips are added, and
it and the row's own h are written as inputs of the products. Then every block of 16 units advances alone, all four
gates of it at once, for all rows: products, gates and the new c and h in one go.
"""

from typing import Any

import numpy as np

from candlewick.core.compiled import compiled
from candlewick.runtime.kernels._dot import ROWS, dot
from candlewick.runtime.kernels._gates import sigmoid, tanh
from candlewick.runtime.kernels._layout import Field
from candlewick.runtime.kernels._operands import pack
from candlewick.runtime.kernels._products import SUMS, TILE, gate, multiply, start
from candlewick.runtime.kernels._vector import (
    LANES,
    LINE,
    first,
    fma,
    load,
    load_number,
    splat,
    store,
    store_double,
    store_number,
    total,
)

_EPSILON = 1e-5  # torch's


@compiled()
def run_item(table: Any, item: int, worker: int, kind: Any) -> None:
    """One item of the phase in the table: a row where the phase is even, a block of units where it is odd."""
    layer = table[Field.PHASE] // 2
    if table[Field.PHASE] % 2 == 0:
        _prepare(table, layer, item, kind)
    else:
        _advance(table, layer, item, worker, kind)


@compiled()
def _prepare(table: Any, layer: int, row: int, kind: Any) -> None:
    units, first_width = table[Field.UNITS], table[Field.FIRST]
    if layer == 0:
        source, width = _project(table, row), first_width
    else:
        source, width = _out(table, layer - 1, row), units
    if layer == table[Field.LAYERS]:
        if table[Field.TIME] == table[Field.LENGTH] - 1:
            _head(table, source, row)
        return
    scales = table[Field.ROW_SCALES] + 8 * row
    stride = 4 * max(units, first_width)
    store_number(scales, pack(kind, source, table[Field.FROM_BELOW] + row * stride, width))
    store_number(scales + 4, pack(kind, _state(table, layer, 0, row), table[Field.FROM_BEFORE] + row * stride, units))


@compiled()
def _state(table: Any, layer: int, part: int, row: int) -> int:
    return table[Field.STATE] + 4 * table[Field.UNITS] * ((2 * layer + part) * table[Field.CAPACITY] + row)


@compiled()
def _project(table: Any, row: int) -> int:
    inputs, width = table[Field.INPUTS], table[Field.FIRST]
    x = table[Field.X] + 4 * inputs * (row * table[Field.LENGTH] + table[Field.TIME])
    if table[Field.PROJECTION] == 0:
        return x
    answer = table[Field.PROJECTED] + 4 * width * row
    for j in range(0, 4 * width, LINE):
        store(answer + j, load(table[Field.PROJECTION_BIAS] + j))
    for j in range(0, 4 * width, TILE):
        dot(np.float32(0), 1, answer + j, 0, x, 0, table[Field.PROJECTION] + j * inputs, inputs)
    return answer


@compiled()
def _out(table: Any, layer: int, row: int) -> int:
    units, row_bytes = table[Field.UNITS], 4 * table[Field.UNITS]
    h = _state(table, layer, 0, row)
    plane = row_bytes * table[Field.CAPACITY]
    answer = table[Field.OUTS] + layer * plane + row_bytes * row
    if table[Field.NORM_WEIGHT]:
        _norm(
            h,
            answer,
            units,
            table[Field.HIDDEN],
            table[Field.NORM_WEIGHT] + layer * row_bytes,
            table[Field.NORM_BIAS] + layer * row_bytes,
        )
    else:
        for j in range(0, row_bytes, LINE):
            store(answer + j, load(h + j))
    sources = table[Field.SKIPS + layer]
    for source in range(layer):
        if sources >> source & 1:
            other = answer - (layer - source) * plane
            for j in range(0, row_bytes, LINE):
                store(answer + j, load(answer + j) + load(other + j))
    return answer


@compiled()
def _norm(source: int, target: int, units: int, hidden: int, weight: int, bias: int) -> None:
    sums = splat(0.0)
    for j in range(0, units, LANES):
        sums = sums + load(source + 4 * j)
    mean = splat(total(sums) / np.float32(hidden))
    squares = splat(0.0)
    for j in range(0, units, LANES):
        off = first(load(source + 4 * j) - mean, hidden - j)
        squares = fma(off, off, squares)
    deviation = np.sqrt(total(squares) / np.float32(hidden) + np.float32(_EPSILON))
    scale = splat(np.float32(1.0) / deviation)
    for j in range(0, 4 * units, LINE):
        store(target + j, fma((load(source + j) - mean) * scale, load(weight + j), load(bias + j)))


@compiled()
def _head(table: Any, source: int, row: int) -> None:
    units, outputs = table[Field.UNITS], table[Field.OUTPUTS]
    for output in range(outputs):
        sums = splat(0.0)
        for j in range(0, 4 * units, LINE):
            sums = fma(load(source + j), load(table[Field.HEAD] + 4 * units * output + j), sums)
        answer = total(sums) + load_number(table[Field.HEAD_BIAS] + 4 * output)
        store_double(table[Field.RAW] + 8 * (outputs * row + output), answer)


@compiled()
def _advance(table: Any, layer: int, block: int, worker: int, kind: Any) -> None:
    rows = table[Field.ROWS]
    tile = layer * (table[Field.UNITS] // LANES) + block
    sums = table[Field.SUMS] + worker * ROWS * SUMS
    parts = (rows + ROWS - 1) // ROWS
    for part in range(parts):
        begin, end = rows * part // parts, rows * (part + 1) // parts
        for row in range(end - begin):
            start(kind, table, tile, sums + row * SUMS)
        multiply(kind, table, layer, block, begin, end - begin, sums)
        for row in range(begin, end):
            _update(kind, table, tile, row, sums + (row - begin) * SUMS, _state(table, layer, 0, row) + block * LINE)


@compiled()
def _update(kind: Any, table: Any, tile: int, row: int, sums: int, h: int) -> None:
    c = h + 4 * table[Field.UNITS] * table[Field.CAPACITY]
    enters = sigmoid(gate(kind, table, tile, row, sums, 0))
    stays = sigmoid(gate(kind, table, tile, row, sums, 1))
    fresh = tanh(gate(kind, table, tile, row, sums, 2))
    leaves = sigmoid(gate(kind, table, tile, row, sums, 3))
    carried = fma(stays, load(c), enters * fresh)
    store(c, carried)
    store(h, leaves * tanh(carried))
