"""Features: closed bars to numbers, compiled once for history and live."""

from candlewick.core.registry import Family
from candlewick.features._base import STEP, Feature

__all__ = ["FEATURES", "STEP", "Feature"]

FEATURES = Family("candlewick.features", Feature)
