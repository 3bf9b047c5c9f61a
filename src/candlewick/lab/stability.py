"""How far a run's outcome depends on the seed and on the stretch of history: two figures with a limit."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

LIMIT = 0.05
"""A model whose skill varies by more than this over seeds or over folds is called unstable."""


@dataclass(frozen=True)
class Stability:
    """Sample deviation of one model's skill over seeds and over folds; None for a single one.

    Skill is 1 - loss / loss of the best trivial forecast in the same fold, so that a calm year does not pass for a
    stable model: what the market does to every forecast cancels. For a loss in logarithms, whose level hangs on
    the label's units (QLIKE), it is the difference of the two losses, which is relative by itself.
    """

    over_seeds: float | None
    over_folds: float | None

    def exceeded(self, limit: float) -> list[str]:
        """`over seeds` and `over folds`, those that are above the limit."""
        spreads = {"over seeds": self.over_seeds, "over folds": self.over_folds}
        return [name for name, value in spreads.items() if value is not None and value > limit]


def stability(
    metrics: Sequence[Mapping[str, Any]], loss: str, *, models: Sequence[str], trivial: Sequence[str],
    limit: float = LIMIT,
) -> dict[str, Any]:  # fmt: skip
    """What a run records: the limit, the figures of every model, and a sentence for each that exceeds it.

    `metrics` are the run's rows of scores, `loss` the metric that its verdict is about.
    """
    rows = {row["model"]: row for row in metrics if row["metric"] == loss}
    base = min((rows[name] for name in trivial), key=lambda row: row["score"])
    found = {name: _of(rows[name], base) for name in models}
    return {
        "limit": limit,
        "models": {name: asdict(one) for name, one in found.items()},
        "sentences": [_sentence(name, one, kind, limit) for name, one in found.items() for kind in one.exceeded(limit)],
    }


def _of(row: Mapping[str, Any], base: Mapping[str, Any]) -> Stability:
    def skill(loss: float, trivial: float) -> float:
        return trivial - loss if row["units"].startswith("log ") else 1 - loss / trivial

    seeds = [skill(loss, base["score"]) for loss in row["by_seed"].values()]
    folds = [skill(loss, base["by_fold"][fold]) for fold, loss in row["by_fold"].items()]
    return Stability(_deviation(seeds), _deviation(folds))


def _deviation(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 and np.isfinite(values).all() else None


def _sentence(model: str, found: Stability, kind: str, limit: float) -> str:
    spread = found.over_seeds if kind == "over seeds" else found.over_folds
    remedy = (
        "More seeds, averaged, or a longer training would show whether that is chance."
        if kind == "over seeds"
        else "What it is worth depends on the stretch of history."
    )
    return f"{model} is unstable {kind}: its skill varies by {spread:.1%}, above the limit of {limit:.0%}. {remedy}"
