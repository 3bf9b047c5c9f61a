"""Metrics: forecasts against the truth, and tracks of a strategy, each as one number."""

from candlewick.core.registry import Family
from candlewick.evaluate.metrics._base import Metric

METRICS = Family("candlewick.evaluate.metrics", Metric)

DEFAULT_LOSS = {"number": "rmse", "variance": "qlike", "classes": "log_loss"}
"""The metric whose rows are a label kind's loss: squared error, QLIKE, log loss. Verdicts are about this loss."""
