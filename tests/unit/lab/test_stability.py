"""Stability is of skill, free of the market's level and of units, and says what exceeds its limit."""

from typing import Any

import pytest

from candlewick.lab.stability import stability


def row(model: str, seeds: list[float], folds: list[float], units: str = "nats") -> dict[str, Any]:
    by_seed, by_fold = ({str(k): value for k, value in enumerate(values)} for values in (seeds, folds))
    return {"model": model, "metric": "loss", "units": units, "score": sum(seeds) / len(seeds),
            "by_seed": by_seed, "by_fold": by_fold}  # fmt: skip


def spread(*rows: dict[str, Any], **given: Any) -> dict[str, Any]:
    return stability(rows, "loss", models=["deep"], trivial=["mean"], **given)


def test_a_hard_stretch_of_market_is_no_instability_of_a_model() -> None:
    found = spread(row("deep", [0.9, 0.9], [0.45, 1.35]), row("mean", [1.0], [0.5, 1.5]))
    assert found["models"]["deep"] == {"over_seeds": 0.0, "over_folds": pytest.approx(0.0)}
    assert found["sentences"] == []


def test_seeds_that_disagree_are_told_with_the_limit() -> None:
    rows = row("deep", [0.7, 0.9], [0.8, 0.8]), row("mean", [1.0], [1.0, 1.0])
    found = spread(*rows)
    assert found["models"]["deep"]["over_seeds"] == pytest.approx(0.02**0.5)  # of the skills 0.3 and 0.1
    assert found["sentences"] == [
        "deep is unstable over seeds: its skill varies by 14.1%, above the limit of 5%. "
        "More seeds, averaged, or a longer training would show whether that is chance."
    ]
    assert spread(*rows, limit=0.2)["sentences"] == []


def test_a_loss_in_logarithms_does_not_depend_on_the_labels_units() -> None:
    def found(shift: float) -> dict[str, Any]:
        levels = [[value + shift for value in values] for values in ([-8.1, -8.2], [-8.0, -8.3], [-8.0], [-7.9, -8.1])]
        deep, mean = levels[:2], levels[2:]
        return dict(spread(row("deep", *deep, "log variance"), row("mean", *mean, "log variance"))["models"]["deep"])

    assert found(0.0) == pytest.approx(found(8.05))
    assert found(0.0)["over_seeds"] == pytest.approx(0.1 / 2**0.5)


def test_one_seed_and_one_fold_have_no_spread() -> None:
    found = spread(row("deep", [0.7], [0.7]), row("mean", [1.0], [1.0]))
    assert found["models"]["deep"] == {"over_seeds": None, "over_folds": None}
