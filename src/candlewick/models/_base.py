"""What a model is. Two bases: estimators, fitted in numpy, and networks, trained by `train` in torch.

Fitted parameters are a plain mapping of names to arrays for both, so every model is saved the same way.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from candlewick.core.spec import Spec
from candlewick.models._heads import Head, HeadScale
from candlewick.samples.dataset import Samples

if TYPE_CHECKING:
    import torch

Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class LayerCount:
    """Exact cost of one layer: parameters, and what one step of one sequence takes.

    Multiply-adds are those of matrix products; work per unit (gates, norms, activations) is not counted.
    Activations are what torch keeps for the backward pass with its fused paths off: a linear layer or a norm keeps
    its input (a norm two numbers more), an LSTM layer its input, its four gates, the tanh of its cell, and the state
    it came from, a dropout its mask. A skip keeps nothing.

    Attributes:
        layer: path of the module in the built network, such as `lstm.0`; every parameter belongs to one layer.
        parameters: numbers that are fitted; for trees, whose size the data decides, the most there can be.
        multiply_adds: for one forecast of an estimator, for one step of one sequence of a network.
        activations: numbers kept for the backward pass, for one step of one sequence; 0 where there is none.
        recurrent: its products need its own output of the bar before, so a window is walked bar by bar.
    """

    layer: str
    parameters: int
    multiply_adds: int
    activations: int = 0
    recurrent: bool = False


class Model(Spec):
    """A frozen spec that builds a predictor: samples -> raw outputs, which the head turns into forecasts."""

    streams: ClassVar[bool] = False
    """Whether it can carry state from bar to bar, so that every bar of a contiguous stream is a sample."""

    simple: ClassVar[bool] = False
    """Whether it is one of the plain models that a deep one must beat to be worth its cost."""

    sizes: ClassVar[tuple[str, ...]] = ()
    """Whole-number fields that make it larger; a planner that finds it too large proposes smaller ones."""

    tiny: ClassVar[dict[str, Any]] = {}
    """Parameters of the smallest variant worth the name; the contracts are tested on it."""

    @abstractmethod
    def count(self, inputs: int, head: Head, length: int) -> tuple[LayerCount, ...]:
        """Cost per layer for `inputs` feature columns and windows of `length`, from the spec alone, without torch.

        Raises:
            ConfigError: the model has no answer for this head, or reads more rows than a window holds.
        """


class Estimator(Model):
    """A model that is fitted in one call and predicts with numpy."""

    needs_echo: ClassVar[bool] = False
    """Whether it reads the label's last known values (`Samples.echo_window`)."""

    @abstractmethod
    def fit(self, train: Samples, *, head: Head, scale: HeadScale, seed: int) -> Weights:
        """Fitted parameters. `train` holds training rows only; `scale` was fitted on them."""

    @abstractmethod
    def predict(self, weights: Weights, samples: Samples, *, head: Head, scale: HeadScale) -> np.ndarray:
        """float64 (m, head.outputs): raw outputs in the head's space."""

    def require_sound(self, weights: Weights, inputs: int) -> None:
        """Refuse arrays from a file that `predict` could not survive, for `inputs` feature columns.

        numpy refuses by itself what does not fit; a member whose compiled code follows indices in its arrays checks
        them here.

        Raises:
            DataError: an index that leads nowhere.
        """


class Network(Model):
    """A model that torch trains. `build` is the only place of a member that imports torch."""

    @abstractmethod
    def build(self, inputs: int, outputs: int) -> "torch.nn.Module":
        """A fresh module: `forward(x, state=None) -> (raw, state)`.

        `x` is (batch, time, inputs), `raw` is (batch, time, outputs) and depends at each time on no later one.
        `state` is a flat tuple of tensors whose dimension 0 is the batch, for models that stream; () otherwise.
        Parameters are drawn from torch's global generator, which the caller seeds.
        """
