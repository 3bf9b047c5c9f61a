"""The inner product of the kernels: a tile of rows times 64 outputs, kept in registers over all inputs.

A group is what one instruction multiplies at once of a row: 4 bytes, holding 4 uint8, 2 bfloat16 or 1 float32.
Weights of one tile lie as (groups, 4 vectors, 16 outputs, a group's weights), each read once for up to `ROWS` rows.
Every element of the answer is summed over its groups in order, alone, so neither the number of rows nor its
place among them changes a bit of it.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from candlewick.runtime.kernels._vector import LANES, LINE, at, call, floats, integers
from candlewick.runtime.session import Precision

VECTORS = 4
"""Vectors of outputs of a tile: one for each gate."""

KINDS: dict[Precision, types.Type] = {"fp32": types.float32, "bf16": types.uint16, "int8": types.int8}
"""A number of this type as an argument says to compiled code which precision it is compiled for."""

_NEEDED: dict[Precision, tuple[set[str], ...]] = {
    "fp32": ({"fma"},),
    "bf16": ({"avx512f", "avx512bf16"},),
    "int8": ({"avx512f", "avx512vnni"}, {"fma", "avx2", "avxvnni"}),
}
_I64 = ir.IntType(64)
Dot = Callable[[ir.IRBuilder, ir.Value, ir.Value, ir.Value], ir.Value]


def features() -> set[str]:
    """What the processor that numba compiles for can do; NUMBA_CPU_FEATURES may take some of it away."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return {name.removeprefix("+") for name in features.split(",")}


def supports(precision: Precision) -> bool:
    """Whether the processor that numba compiles for has the instructions."""
    return any(needed <= features() for needed in _NEEDED[precision])


_WIDE = "avx512f" in features()
ROWS = 6 if _WIDE else 1
"""Most rows of a tile: 6 x 4 sums, 4 vectors of weights and one of inputs fit the 32 registers of AVX-512.
Where a vector takes two registers of 16, the sums of one row fill half of them."""


def _dot_bytes(builder: ir.IRBuilder, total: ir.Value, inputs: ir.Value, weights: ir.Value) -> ir.Value:
    if _WIDE:
        return call(builder, "llvm.x86.avx512.vpdpbusd.512", integers.ir, total, inputs, weights)
    halves = [
        call(
            builder,
            "llvm.x86.avx512.vpdpbusd.256",  # the name of AVX-VNNI's own as well
            ir.VectorType(ir.IntType(32), LANES // 2),
            *(_half(builder, value, lane) for value in (total, inputs, weights)),
        )
        for lane in (0, LANES // 2)
    ]
    return builder.shuffle_vector(*halves, ir.Constant(integers.ir, list(range(LANES))))


def _half(builder: ir.IRBuilder, value: ir.Value, lane: int) -> ir.Value:
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES // 2), list(range(lane, lane + LANES // 2)))
    return builder.shuffle_vector(value, ir.Constant(integers.ir, ir.Undefined), lanes)


def _dot_bfloats(builder: ir.IRBuilder, total: ir.Value, inputs: ir.Value, weights: ir.Value) -> ir.Value:
    return call(builder, "llvm.x86.avx512bf16.dpbf16ps.512", floats.ir, total, inputs, weights)


def _dot_floats(builder: ir.IRBuilder, total: ir.Value, inputs: ir.Value, weights: ir.Value) -> ir.Value:
    inputs, weights = (builder.bitcast(value, floats.ir) for value in (inputs, weights))
    return call(builder, "llvm.fma.v16f32", floats.ir, inputs, weights, total)


_DOTS: dict[types.Type, tuple[Dot, Any]] = {
    types.int8: (_dot_bytes, integers),
    types.uint16: (_dot_bfloats, floats),
    types.float32: (_dot_floats, floats),
}


# Typed as the function below it, though compiled code leaves the context out.
_intrinsic: Any = intrinsic


@_intrinsic
def dot(  # type: ignore[no-untyped-def]
    typingctx, kind, rows, sums, sums_stride, inputs, inputs_stride, weights, groups
):
    """Add to the sums of `rows` rows (1 to `ROWS`) at `sums`, 64 each, the products of `groups` groups.

    All but `kind` are integers: counts, addresses, and bytes from one row to the next.
    """
    signature = types.void(kind, *[types.intp] * 7)

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> Any:
        _, rows, *places = values
        end = builder.append_basic_block("tiled")
        switch = builder.switch(rows, end)
        for count in range(1, ROWS + 1):
            block = builder.append_basic_block(f"rows{count}")
            switch.add_case(ir.Constant(_I64, count), block)
            builder.position_at_end(block)
            _tile(builder, *_DOTS[kind], count, places)
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return signature, codegen


def _tile(builder: ir.IRBuilder, product: Dot, vector: Any, rows: int, places: list[ir.Value]) -> None:
    sums, sums_stride, inputs, inputs_stride, weights, groups = places
    cells = [_cell(builder, sums, sums_stride, vector.ir, row, j) for row in range(rows) for j in range(VECTORS)]
    rows_at = [builder.add(inputs, builder.mul(inputs_stride, ir.Constant(_I64, row))) for row in range(rows)]
    before = [builder.load(cell, align=LINE) for cell in cells]
    entry, body, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
    builder.branch(body)
    builder.position_at_end(body)
    group = builder.phi(_I64)
    group.add_incoming(ir.Constant(_I64, 0), entry)
    totals = [builder.phi(vector.ir) for _ in cells]
    for total, start in zip(totals, before, strict=True):
        total.add_incoming(start, entry)
    line = at(builder, weights, integers.ir)
    first = builder.mul(group, ir.Constant(_I64, VECTORS))
    columns = [
        builder.load(builder.gep(line, [builder.add(first, ir.Constant(_I64, j))]), align=LINE) for j in range(VECTORS)
    ]
    grown = []
    for row, place in enumerate(rows_at):
        given = _broadcast(builder, builder.load(builder.gep(at(builder, place, ir.IntType(32)), [group])))
        grown += [product(builder, totals[row * VECTORS + j], given, columns[j]) for j in range(VECTORS)]
    following = builder.add(group, ir.Constant(_I64, 1))
    group.add_incoming(following, builder.block)
    for total, value in zip(totals, grown, strict=True):
        total.add_incoming(value, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, groups), body, after)
    builder.position_at_end(after)
    for cell, value in zip(cells, grown, strict=True):
        builder.store(value, cell, align=LINE)


def _cell(builder: ir.IRBuilder, sums: ir.Value, stride: ir.Value, type_: ir.Type, row: int, j: int) -> ir.Value:
    place = builder.add(sums, builder.mul(stride, ir.Constant(_I64, row)))
    return at(builder, builder.add(place, ir.Constant(_I64, j * LINE)), type_)


def _broadcast(builder: ir.IRBuilder, number: ir.Value) -> ir.Value:
    one = builder.insert_element(ir.Constant(integers.ir, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, ir.Constant(integers.ir, ir.Undefined), ir.Constant(integers.ir, [0] * LANES))
