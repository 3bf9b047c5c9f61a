"""AdamW for matrices whose gradient is an outer product: the gradient is never written down."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import types

from candlewick.core.compiled import compiled
from candlewick.train.recipe import Recipe

Factors = tuple[np.ndarray, np.ndarray]
"""float32 (rows,) and (columns,), whose outer product is the gradient of a matrix."""


class OuterAdamW:
    """AdamW with decay, over matrices that it changes in place.

    One step and one sequence give a matrix the gradient d x^T, d from what it feeds and x what it reads. Weight and
    both moments are read and written once, 24 bytes a weight, which is all that the update has to move; a gradient
    that is stored, clipped and read back costs as much again. Rows are shared among the threads, and every weight
    is computed alone, so that the bits do not depend on their number.
    """

    def __init__(self, matrices: Sequence[np.ndarray], recipe: Recipe) -> None:
        self.matrices, self.recipe = matrices, recipe
        self._moments = [(np.zeros_like(matrix), np.zeros_like(matrix)) for matrix in matrices]
        self._steps = 0
        self._pool = ThreadPoolExecutor(recipe.threads)

    def step(self, gradients: Sequence[Factors]) -> None:
        """One update, `gradients` in the order of the matrices."""
        self._steps += 1
        rate, (first, second) = self.recipe.learning_rate, self.recipe.betas
        kept, size = 1 - rate * self.recipe.weight_decay, rate / (1 - first**self._steps)
        scale = 1 / np.sqrt(1 - second**self._steps)

        def update(part: int) -> None:
            for matrix, (mean, square), (d, x) in zip(self.matrices, self._moments, gradients, strict=True):
                rows = slice(*(len(matrix) * edge // self.recipe.threads for edge in (part, part + 1)))
                _update(matrix[rows], mean[rows], square[rows], d[rows], x, 1 - first, 1 - second, kept, size, scale)

        list(self._pool.map(update, range(self.recipe.threads)))


_MATRIX, _VECTOR, _NUMBER = types.float32[:, ::1], types.float32[::1], types.float32


@compiled(types.void(*3 * [_MATRIX], *2 * [_VECTOR], *5 * [_NUMBER]), nogil=True)
def _update(
    weight: np.ndarray, mean: np.ndarray, square: np.ndarray, d: np.ndarray, x: np.ndarray,
    first: float, second: float, kept: float, size: float, scale: float,
) -> None:  # fmt: skip
    tiny = np.float32(1e-8)
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            g = d[i] * x[j]
            m = mean[i, j] + first * (g - mean[i, j])
            v = square[i, j] + second * (g * g - square[i, j])
            mean[i, j] = m
            square[i, j] = v
            weight[i, j] = kept * weight[i, j] - size * m / (np.sqrt(v) * scale + tiny)
