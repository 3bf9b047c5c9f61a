"""Machine code that a later release may need, loaded before the first bar: none is made or read while bars come."""

import numpy as np

from candlewick.evaluate.policies import POLICIES
from candlewick.evaluate.policies._base import held_within
from candlewick.features import FEATURES
from candlewick.labels import LABELS
from candlewick.models import MODELS
from candlewick.runtime.kernels._crew import compiled_run
from candlewick.runtime.kernels._dot import KINDS, supports


def preload() -> None:
    """Import the packaged members of which a release is made, and load the steps that are compiled when first used."""
    for family in (FEATURES, LABELS, POLICIES, MODELS):
        for name in family.names():
            family.member(name)
    held_within(np.zeros(1), 0.0)
    for precision in filter(supports, KINDS):
        compiled_run(precision)
