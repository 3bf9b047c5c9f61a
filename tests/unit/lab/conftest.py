"""Small experiments that run in seconds."""

from collections.abc import Callable
from typing import Any

import pytest

from candlewick.lab.experiment import Experiment


@pytest.fixture(scope="module", autouse=True)
def _few_resamples(few_resamples: None) -> None:
    """How runs are made is tried here; `tests/unit/evaluate` tries what is said of them."""


@pytest.fixture(scope="session")
def make() -> Callable[..., Experiment]:
    """An experiment of two folds and two seeds on 900 synthetic bars, with whole keys replaced."""

    def build(**changes: Any) -> Experiment:
        volatility = {"name": "parkinson_volatility", "unit": "log_volatility"}
        base: dict[str, Any] = {
            "data": {"name": "synthetic", "market": {"name": "clustered"}, "bars": 900, "seed": 1},
            "features": [{**volatility, "length": 1}, {**volatility, "length": 5}],
            "label": {"name": "forward_volatility", "estimator": "parkinson", "horizon": 1},
            "length": 24,
            "split": {"name": "walk_forward", "n_folds": 2, "test": 0.4},
            "scaler": {"name": "standard"},
            "model": {"name": "lstm", "layers": 1, "hidden": 8, "dropout": 0.0},
            "baselines": ["har"],
            "train": {"sampling": "streams", "epochs": 3, "batch": 4, "chunk": 32, "warmup": 32},
            "seeds": [0, 1],
            "policy": {"name": "volatility_target"},
        }
        return Experiment.of({**base, **changes})

    return build
