"""Boosted trees as flat arrays, and the compiled walk over them."""

from typing import Any

import numpy as np
from numba import types

from candlewick.core.compiled import compiled
from candlewick.core.errors import DataError
from candlewick.models._base import Weights

_LEAF = -1
_NAMES = ("feature", "threshold", "left", "right", "value", "root", "column", "baseline")


def flatten(ensembles: list[Any], iterations: list[int]) -> Weights:
    """The first `iterations[e]` rounds of fitted scikit-learn histogram ensembles, side by side.

    Nodes of all trees stand one after the other: `feature`, `threshold`, `left`, `right` (-1 at a leaf) and `value`;
    `root` and `column` say where each tree begins and which output it adds to; `baseline` is what they add to.
    """
    trees = [
        (tree.nodes, column + offset)
        for ensemble, rounds, offset in zip(ensembles, iterations, _offsets(ensembles), strict=True)
        for round_ in ensemble._predictors[:rounds]
        for column, tree in enumerate(round_)
    ]
    roots = np.cumsum([0, *(len(nodes) for nodes, _ in trees)])[:-1]
    return {
        "feature": _joined([nodes["feature_idx"] for nodes, _ in trees], np.int32),
        "threshold": _joined([nodes["num_threshold"] for nodes, _ in trees], np.float64),
        "left": _children(trees, roots, "left"),
        "right": _children(trees, roots, "right"),
        "value": _joined([nodes["value"] for nodes, _ in trees], np.float64),
        "root": roots.astype(np.int64),
        "column": np.array([column for _, column in trees], np.int64),
        "baseline": np.concatenate([ensemble._baseline_prediction.ravel() for ensemble in ensembles]),
    }


def require_walkable(weights: Weights, inputs: int) -> None:
    """Refuse arrays along which `walk` would leave them or never end.

    Raises:
        DataError: arrays of different lengths, or a child, root, feature or output that is not there.
    """
    nodes, outputs = len(weights["feature"]), len(weights["baseline"])
    left, right = weights["left"], weights["right"]
    inner = left >= 0
    at = np.arange(len(left))
    whole = {len(weights[name]) for name in ("threshold", "left", "right", "value")} <= {nodes}
    if not (
        whole
        and len(weights["root"]) == len(weights["column"])
        and all(weights[name].ndim == 1 for name in _NAMES)
        # A child stands behind its parent, so every walk ends.
        and all(np.all((child[inner] > at[inner]) & (child[inner] < nodes)) for child in (left, right))
        and _inside(weights["feature"][inner], inputs)
        and _inside(weights["root"], nodes)
        and _inside(weights["column"], outputs)
    ):
        raise DataError(
            f"the trees lead out of their {nodes} nodes, {inputs} inputs or {outputs} outputs. "
            "A child stands behind its parent. Take the model from where it came from again."
        )


def walk(weights: Weights, x: np.ndarray) -> np.ndarray:
    """float64 (m, outputs): the baseline plus every tree's leaf, added in the order of boosting."""
    out = np.tile(weights["baseline"], (len(x), 1))
    _boost(weights, x, slice(None), out)
    return out


def stages(weights: Weights, x: np.ndarray) -> np.ndarray:
    """float64 (iterations + 1, m, outputs): what `walk` would give after 0, 1, 2 ... rounds of boosting."""
    outputs = len(weights["baseline"])
    out = np.tile(weights["baseline"], (len(x), 1))
    seen = [out.copy()]
    for first in range(0, len(weights["root"]), outputs):
        _boost(weights, x, slice(first, first + outputs), out)
        seen.append(out.copy())
    return np.stack(seen)


def _inside(index: np.ndarray, size: int) -> bool:
    return bool(np.all((index >= 0) & (index < size)))


def _offsets(ensembles: list[Any]) -> list[int]:
    widths = [ensemble._baseline_prediction.size for ensemble in ensembles]
    return [sum(widths[:k]) for k in range(len(widths))]


def _joined(parts: list[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *(part.astype(dtype) for part in parts)])


def _children(trees: list[tuple[Any, int]], roots: np.ndarray, side: str) -> np.ndarray:
    moved = [
        np.where(nodes["is_leaf"], _LEAF, nodes[side] + root) for (nodes, _), root in zip(trees, roots, strict=True)
    ]
    return _joined(moved, np.int32)


def _boost(weights: Weights, x: np.ndarray, trees: slice, out: np.ndarray) -> None:
    _add_trees(
        np.ascontiguousarray(x),
        weights["feature"],
        weights["threshold"],
        weights["left"],
        weights["right"],
        weights["value"],
        weights["root"][trees],
        weights["column"][trees],
        out,
    )


def _readonly(dtype: Any, dimensions: int = 1) -> Any:
    return types.Array(dtype, dimensions, "C", readonly=True)


@compiled(types.void(_readonly(types.float64, 2), _readonly(types.int32), _readonly(types.float64),
                     _readonly(types.int32), _readonly(types.int32), _readonly(types.float64),
                     _readonly(types.int64), _readonly(types.int64), types.float64[:, ::1]))  # fmt: skip
def _add_trees(
    x: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    value: np.ndarray,
    root: np.ndarray,
    column: np.ndarray,
    out: np.ndarray,
) -> None:
    for tree in range(root.shape[0]):
        for row in range(x.shape[0]):
            node = root[tree]
            while left[node] >= 0:
                node = left[node] if x[row, feature[node]] <= threshold[node] else right[node]
            out[row, column[tree]] += value[node]
