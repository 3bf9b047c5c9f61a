"""Models: samples to raw outputs; estimators in numpy, networks in torch."""

from candlewick.core.registry import Family
from candlewick.models._base import Estimator, LayerCount, Model, Network, Weights
from candlewick.models._heads import Belief, Classes, Gaussian, Head, HeadScale, Point, Quantile, Variance

MODELS = Family("candlewick.models", Model)

__all__ = [
    "MODELS", "Belief", "Classes", "Estimator", "Gaussian", "Head", "HeadScale", "LayerCount", "Model", "Network",
    "Point", "Quantile", "Variance", "Weights",
]  # fmt: skip
