"""Labels: questions about the future, each with the moment its answer is known."""

from candlewick.core.registry import Family
from candlewick.labels._base import UNKNOWN, Label, LabelRows

__all__ = ["LABELS", "UNKNOWN", "Label", "LabelRows"]

LABELS = Family("candlewick.labels", Label)
