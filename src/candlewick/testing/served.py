"""A model under trial as the runtime would serve it."""

import numpy as np

from candlewick.features._set import FeatureSet
from candlewick.labels import LABELS
from candlewick.models import Network
from candlewick.runtime.exported import Exported
from candlewick.testing.model_trial import LENGTH, WIDTH, Trial


def served(trial: Trial) -> Exported:
    """Exported over windows; a network with its fp32 graph. Features and label only stand for those of the trial."""
    features = FeatureSet.of([{"name": "log_return", "length": k + 1} for k in range(WIDTH)])
    graphs = {}
    if isinstance(trial.model, Network):
        from candlewick.train.export import to_graph

        graphs["fp32"] = to_graph(
            trial.model, trial.weights, inputs=WIDTH, head=trial.head, length=LENGTH, streams=False
        )
    one = np.ones((1, WIDTH))
    return Exported(
        features=features,
        label=LABELS.build("forward_return"),
        length=LENGTH,
        model=trial.model,
        weights=trial.weights,
        scaler={"center": 0 * one, "scale": one, "clip": np.array([np.inf]), "symbols": np.empty(0, np.uint8)},
        head=trial.head,
        scale=trial.scale(trial.data),
        streams=False,
        warmup=0,
        graphs=graphs,
    )
