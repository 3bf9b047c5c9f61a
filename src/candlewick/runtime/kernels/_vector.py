"""Sixteen numbers as one value in compiled code: the vectors that the kernels are written in.

Sums run in one fixed order, however wide the machine's registers are: where they are narrower than sixteen
numbers, LLVM splits each operation. Addresses are plain integers; what lies there is the caller's promise.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.datamodel import models, register_default
from numba.extending import intrinsic, overload

LANES = 16
LINE = 64
"""Bytes of a vector, and of a cache line."""


class Vector(types.Type):
    """The compiled type of a vector of `LANES` elements."""

    def __init__(self, name: str, element: ir.Type) -> None:
        super().__init__(name=name)
        self.ir = ir.VectorType(element, LANES)


@register_default(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        super().__init__(dmm, fe_type, fe_type.ir)  # type: ignore[no-untyped-call]


floats = Vector("floats16", ir.FloatType())
integers = Vector("integers16", ir.IntType(32))

_TYPING: dict[int, Callable[[Any], Callable[..., Any]]] = {
    1: lambda answer: lambda typingctx, a: answer,
    2: lambda answer: lambda typingctx, a, b: answer,
    3: lambda answer: lambda typingctx, a, b, c: answer,
}


def operation(result: types.Type, *arguments: types.Type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of compiled code from one that writes its instructions: `emit(builder, *values) -> value`."""

    def decorate(emit: Callable[..., Any]) -> Callable[..., Any]:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
            value = emit(builder, *values)
            return context.get_dummy_value() if result is types.void else value

        made: Callable[..., Any] = intrinsic(_TYPING[len(arguments)]((result(*arguments), codegen)))
        return made

    return decorate


# Memory


def at(builder: ir.IRBuilder, address: ir.Value, type_: ir.Type) -> ir.Value:
    """The address as a pointer."""
    return builder.inttoptr(address, type_.as_pointer())


@operation(floats, types.intp)
def load(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """Sixteen floats from an address that `LINE` divides."""
    return builder.load(at(builder, address, floats.ir), align=LINE)


@operation(integers, types.intp)
def load_integers(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """Sixteen 32-bit integers from an address that `LINE` divides."""
    return builder.load(at(builder, address, integers.ir), align=LINE)


@operation(types.void, types.intp, floats)
def store(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Sixteen floats to an address that `LINE` divides."""
    builder.store(value, at(builder, address, floats.ir), align=LINE)


@operation(types.void, types.intp, integers)
def store_integers(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Sixteen 32-bit integers to an address that `LINE` divides."""
    builder.store(value, at(builder, address, integers.ir), align=LINE)


def _store_low(bits: int) -> Callable[..., Any]:
    @operation(types.void, types.intp, integers)
    def store_low(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
        narrow = ir.VectorType(ir.IntType(bits), LANES)
        builder.store(builder.trunc(value, narrow), at(builder, address, narrow), align=LANES * bits // 8)

    return store_low


store_bytes = _store_low(8)
store_halves = _store_low(16)


@operation(types.float32, types.intp)
def load_number(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """One float."""
    return builder.load(at(builder, address, ir.FloatType()))


@operation(types.void, types.intp, types.float32)
def store_number(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """One float."""
    builder.store(value, at(builder, address, ir.FloatType()))


@operation(types.void, types.intp, types.float64)
def store_double(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """One double."""
    builder.store(value, at(builder, address, ir.DoubleType()))


# Arithmetic


def _splat(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    vector = ir.VectorType(value.type, LANES)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), ir.Constant(integers.ir, [0] * LANES))


@operation(floats, types.float32)
def splat(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """One float sixteen times."""
    return _splat(builder, value)


@operation(floats, floats, floats, floats)
def fma(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """`a * b + c`, rounded once."""
    return call(builder, "llvm.fma.v16f32", floats.ir, a, b, c)


def call(builder: ir.IRBuilder, name: str, result: ir.Type, *values: ir.Value) -> ir.Value:
    """The answer of an intrinsic function of LLVM."""
    type_ = ir.FunctionType(result, [value.type for value in values])
    known = builder.module.globals.get(name)
    return builder.call(known or ir.Function(builder.module, type_, name), values)


def _arithmetic(symbol: Any, name: str) -> None:
    @operation(floats, floats, floats)
    def apply(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
        return getattr(builder, name)(a, b)

    @overload(symbol, strict=False)
    def choose(a: Any, b: Any) -> Callable[..., Any] | None:
        if a == b == floats:
            return lambda a, b: apply(a, b)
        if a == floats and isinstance(b, types.Float):
            return lambda a, b: apply(a, splat(b))
        return None


for _symbol, _name in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _arithmetic(_symbol, _name)


@operation(floats, floats, types.float32)
def clamp(builder: ir.IRBuilder, value: ir.Value, limit: ir.Value) -> ir.Value:
    """Within plus and minus `limit`; NaN stays NaN."""
    high, low = _splat(builder, limit), _splat(builder, builder.fneg(limit))
    value = builder.select(builder.fcmp_ordered(">", value, high), high, value)
    return builder.select(builder.fcmp_ordered("<", value, low), low, value)


@operation(floats, floats, types.intp)
def first(builder: ir.IRBuilder, value: ir.Value, count: ir.Value) -> ir.Value:
    """The first `count` elements, zeros after them."""
    wanted = _splat(builder, builder.trunc(count, ir.IntType(32)))
    kept = builder.icmp_signed("<", ir.Constant(integers.ir, list(range(LANES))), wanted)
    return builder.select(kept, value, ir.Constant(floats.ir, [0.0] * LANES))


@operation(types.float32, floats)
def total(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Sum of the elements, halves upon halves."""
    for width in (8, 4, 2, 1):
        moved = ir.Constant(integers.ir, [(lane + width) % LANES for lane in range(LANES)])
        value = builder.fadd(value, builder.shuffle_vector(value, ir.Constant(floats.ir, ir.Undefined), moved))
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


@operation(floats, integers)
def to_floats(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Integers as the nearest floats."""
    return builder.sitofp(value, floats.ir)


@operation(integers, floats)
def bits(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The floats' bits."""
    return builder.bitcast(value, integers.ir)


@operation(floats, floats, floats)
def larger_magnitude(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """The larger of |a| and |b|, where NaN is larger than infinity: magnitudes order as their bits do."""
    mask = ir.Constant(integers.ir, [0x7FFFFFFF] * LANES)
    a, b = (builder.and_(builder.bitcast(value, integers.ir), mask) for value in (a, b))
    return builder.bitcast(builder.select(builder.icmp_signed(">", a, b), a, b), floats.ir)


@operation(types.float32, floats)
def largest(builder: ir.IRBuilder, magnitudes: ir.Value) -> ir.Value:
    """The largest of sixteen magnitudes; NaN where one is."""
    whole = builder.bitcast(magnitudes, integers.ir)
    return builder.bitcast(call(builder, "llvm.vector.reduce.smax.v16i32", ir.IntType(32), whole), ir.FloatType())


@operation(integers, floats)
def bfloats(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The nearest bfloat16, ties to even, in the low half of each element; NaN stays NaN."""
    one, shift = (ir.Constant(integers.ir, [number] * LANES) for number in (1, 16))
    whole = builder.bitcast(value, integers.ir)
    odd = builder.and_(builder.lshr(whole, shift), one)
    rounded = builder.add(builder.add(whole, ir.Constant(integers.ir, [0x7FFF] * LANES)), odd)
    known = builder.fcmp_ordered("ord", value, value)
    return builder.select(known, builder.lshr(rounded, shift), ir.Constant(integers.ir, [0x7FC0] * LANES))
