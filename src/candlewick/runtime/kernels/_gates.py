"""Sigmoid and tanh of sixteen floats, without a call, a table or a branch.

tanh is an odd polynomial over an even one on [-7.905, 7.905], constant beyond, where it
is 2.4e-7 from one; its relative error stays below 1e-6. sigmoid(x) = (1 + tanh(x / 2)) / 2. NaN stays NaN.

Reference: the coefficients are those of Eigen's `generic_fast_tanh_float`.
"""

from typing import Any

from candlewick.core.compiled import compiled
from candlewick.runtime.kernels._vector import clamp, fma, splat


@compiled()
def tanh(value: Any) -> Any:
    """Hyperbolic tangent."""
    x = clamp(value, 7.90531110763549805)
    square = x * x
    odd = fma(square, splat(-2.76076847742355e-16), splat(2.00018790482477e-13))
    odd = fma(square, odd, splat(-8.60467152213735e-11))
    odd = fma(square, odd, splat(5.12229709037114e-08))
    odd = fma(square, odd, splat(1.48572235717979e-05))
    odd = fma(square, odd, splat(6.37261928875436e-04))
    odd = fma(square, odd, splat(4.89352455891786e-03))
    even = fma(square, splat(1.19825839466702e-06), splat(1.18534705686654e-04))
    even = fma(square, even, splat(2.26843463243900e-03))
    even = fma(square, even, splat(4.89352518554385e-03))
    return x * odd / even


@compiled()
def sigmoid(value: Any) -> Any:
    """The logistic function."""
    half = splat(0.5)
    return fma(tanh(value * 0.5), half, half)
