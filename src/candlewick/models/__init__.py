"""Models: samples to raw outputs; estimators in numpy, networks in torch."""

from candlewick.core.registry import Family
from candlewick.models._base import Estimator, LayerCount, Model, Network, Weights

MODELS = Family("candlewick.models", Model)

__all__ = ["MODELS", "Estimator", "Model", "Network"]
