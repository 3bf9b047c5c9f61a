"""Machine code that a later release may need, loaded before the first bar: none is made or read while bars come."""

import numpy as np

from candlewick.evaluate.policies import POLICIES
from candlewick.evaluate.policies._base import held_within
from candlewick.features import FEATURES
from candlewick.labels import LABELS


def preload() -> None:
    """Import the packaged members of which a release is made, whose steps are compiled as they are imported."""
    for family in (FEATURES, LABELS, POLICIES):
        for name in family.names():
            family.member(name)
    held_within(np.zeros(1), 0.0)  # compiled when it is first called
