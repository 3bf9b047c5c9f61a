"""What an entry of the lists is, and the small experiment that all of them change."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from candlewick.lab.experiment import Experiment

HERE = Path(__file__).resolve().parent

HONEST: dict[str, Any] = {
    "data": {"name": "synthetic", "bars": 1500, "seed": 7},
    "features": ["log_return", {"name": "rolling_zscore", "length": 20}],
    "label": "forward_return",
    "length": 4,
    "split": {"name": "walk_forward", "n_folds": 2},
    "scaler": "standard",
    "model": "linear",
    "train": {"epochs": 2, "warmup": 32, "batch": 64},
    "seeds": [0],
}


@dataclass(frozen=True)
class Planted:
    """An experiment that differs from an honest one in `changes`.

    Attributes:
        name: what is wrong with it, or what is particular about an honest one.
        caught_by: name of the audit's check that must fail; empty where none may.
    """

    name: str
    caught_by: str = ""
    changes: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Experiment:
        """The experiment."""
        return Experiment.of({"title": self.name, **HONEST, **self.changes})


def own(file: str, member: str, **parameters: Any) -> dict[str, Any]:
    """A member of a file of this folder, as a configuration names it."""
    return {"name": f"{HERE / file}.py:{member}", **parameters}
