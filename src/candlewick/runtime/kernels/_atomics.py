"""Words of memory that two threads of compiled code share; every access is in one order that both see."""

import platform

from llvmlite import ir
from numba import types

from candlewick.runtime.kernels._vector import at, call, operation

_WORD = ir.IntType(64)
_ORDER = "seq_cst"


@operation(types.int64, types.intp)
def read(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """The word."""
    return builder.load_atomic(at(builder, address, _WORD), _ORDER, align=8)


@operation(types.void, types.intp, types.int64)
def write(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Make the word `value`."""
    builder.store_atomic(value, at(builder, address, _WORD), _ORDER, align=8)


@operation(types.void, types.intp, types.int64)
def add(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Add `value` to the word."""
    builder.atomic_rmw("add", at(builder, address, _WORD), value, _ORDER)


@operation(types.int64, types.intp, types.int64, types.int64)
def exchange(builder: ir.IRBuilder, address: ir.Value, expected: ir.Value, value: ir.Value) -> ir.Value:
    """Make the word `value` if it is `expected`; returns what it was."""
    found = builder.cmpxchg(at(builder, address, _WORD), expected, value, _ORDER, _ORDER)
    return builder.extract_value(found, 0)


@operation(types.void, types.int64)
def pause(builder: ir.IRBuilder, _: ir.Value) -> None:
    """Tell the processor that this is a loop that waits; the argument is not read."""
    if platform.machine() == "x86_64":
        call(builder, "llvm.x86.sse2.pause", ir.VoidType())
