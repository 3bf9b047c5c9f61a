"""Updating a trained network sample by sample: batch 1, one optimiser step a sample."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from candlewick.core.errors import ConfigError, DataError, TrainingError
from candlewick.core.random import seed_for
from candlewick.models._base import Network, Weights
from candlewick.models._heads import Head, HeadScale
from candlewick.models.blocks.residual_lstm import ResidualLstm
from candlewick.train._torch import torch
from candlewick.train.device import reproducible, seed_generators
from candlewick.train.infer import restored
from candlewick.train.losses import loss_for
from candlewick.train.optimiser import optimiser
from candlewick.train.outer_adamw import Factors, OuterAdamW
from candlewick.train.recipe import Recipe

_LARGEST_NORM = 1e19  # AdamW squares the gradient in float32

State = tuple[np.ndarray, ...]
"""Carried state, float32 arrays (1, ...); () where the network reads windows."""


class Updater:
    """A network that learns from one sample after another, as the loop would with a batch of one.

    Loss, clipping and AdamW (moments from zero, only matrices decay) are the recipe's; with `sampling: streams` a
    sample is one bar and the state is carried into it, without gradient. The learning rate stays as it is: a
    schedule needs an end. It computes on the processor and in fp32, whatever the weights were trained in.

    The result depends on the arguments and the samples alone. An update that is refused changes nothing.

    Args:
        network: a spec; `streams` where the recipe's sampling is streams.
        weights: trained weights, which are copied.
        inputs: feature columns.
        head: what the raw outputs mean.
        scale: units of the label, as fitted on training rows.
        recipe: how to train; batch, chunk, warm-up, epochs, schedule and patience are not read.
        seed: of dropout.

    Attributes:
        zero: the zero state.

    Raises:
        ConfigError: the network does not stream, the weights are of another one, or the recipe wants another device.
    """

    def __init__(
        self,
        network: Network,
        weights: Weights,
        *,
        inputs: int,
        head: Head,
        scale: HeadScale,
        recipe: Recipe,
        seed: int = 0,
    ) -> None:
        _check(network, recipe)
        self.inputs, self.head, self.scale, self.seed = inputs, head, scale, seed
        self.recipe = recipe.model_copy(update={"precision": "fp32", "kahan": False})
        self.updates = 0
        self.streams = recipe.sampling == "streams"
        self._loss = loss_for(head, recipe.loss)
        with reproducible(recipe.threads):
            self._module = restored(network, weights, inputs, head).train()
            self.zero = _zero_state(self._module, inputs) if self.streams else ()
        self._watched = _watched(self._module) if self.streams else []
        matrices = [matrix.numpy() for layer in self._watched for matrix in layer.matrices]
        self._outer_adamw = OuterAdamW(matrices, self.recipe)
        self._adamw = optimiser(self._module.parameters(), self.recipe)

    def update(self, x: np.ndarray, y: float, state: State = ()) -> tuple[float, State]:
        """Learn one sample; gives its loss before the update, dropout on, and the state after its bar.

        Args:
            x: float32 scaled features: (1, inputs) where the network streams, (1, length, inputs) for a window,
                oldest row first.
            y: the label, in its own units.
            state: before the bar, as the update of the bar before gave it, or `zero`; () where windows are read.

        Raises:
            DataError: an input or label that is not finite, or of another shape.
            TrainingError: the loss or its gradient is not finite.
        """
        z = (y - self.scale.center) / self.scale.scale
        self._check_sample(x, z)
        with reproducible(self.recipe.threads), _without_onednn(self.streams):
            seed_generators("cpu", seed_for(self.seed, "dropout", self.updates))
            loss, after = self._gradients(torch.from_numpy(x).view(1, -1, self.inputs), z, state)
            self._step(loss)
        self.updates += 1
        return loss, after

    def weights(self) -> Weights:
        """A copy of the weights as they are now."""
        return {name: tensor.detach().numpy().copy() for name, tensor in self._module.state_dict().items()}

    def _gradients(self, x: torch.Tensor, z: float, state: State) -> tuple[float, State]:
        self._adamw.zero_grad()
        raw, after = self._module(x, tuple(map(torch.from_numpy, state)) if self.streams else None)
        loss = self._loss.each(raw[:, -1], torch.tensor([z], dtype=torch.float32), head=self.head)[0]
        torch.autograd.backward(loss)
        return loss.item(), tuple(part.detach().numpy() for part in after) if self.streams else ()

    def _step(self, loss: float) -> None:
        gradients = [p.grad for p in self._module.parameters() if p.grad is not None]
        outer = [factors for layer in self._watched for factors in layer.gradients()]
        norms = [math.prod(float(np.linalg.norm(part.astype(np.float64))) for part in factors) for factors in outer]
        norm = math.hypot(float(torch.nn.utils.get_total_norm(gradients)), *norms)
        if not math.isfinite(loss) or not norm < _LARGEST_NORM:
            raise TrainingError(
                f"sample {self.updates + 1}: loss and gradient must be finite, were {loss} and of norm {norm}. "
                "The weights are as they were. Lower learning_rate, set clip, or look at the sample."
            )
        if self.recipe.clip is not None and norm > self.recipe.clip:
            # An outer gradient is scaled with the gradient of its bias, which is its first factor.
            torch._foreach_mul_(gradients, self.recipe.clip / norm)
        self._outer_adamw.step(outer)
        self._adamw.step()

    def _check_sample(self, x: np.ndarray, z: float) -> None:
        dimensions = 2 if self.streams else 3
        if x.ndim != dimensions or x.shape[0] != 1 or x.shape[-1] != self.inputs or x.dtype != np.float32:
            wanted = f"(1, {self.inputs})" if self.streams else f"(1, length, {self.inputs})"
            raise DataError(
                f"sample {self.updates + 1}: the input's shape was {x.shape} of {x.dtype}. It must be {wanted} of "
                f"float32 with sampling: {self.recipe.sampling}. Give one scaled sample."
            )
        if not np.isfinite(x).all():
            at = tuple(int(k) for k in np.argwhere(~np.isfinite(x))[0])
            raise DataError(
                f"sample {self.updates + 1}: the input is not finite, was {x[at]} at {at}. Scaled features must be "
                "finite. Leave the bar out until its features are warm."
            )
        if not math.isfinite(z):
            raise DataError(
                f"sample {self.updates + 1}: the label is not finite, was {z} in units of the training labels. "
                "A sample needs a label that is known. Update when its horizon has passed."
            )


def _check(network: Network, recipe: Recipe) -> None:
    if recipe.sampling == "streams" and not network.streams:
        raise ConfigError(
            f"sampling: streams needs a model that carries state, and {network.spec_name()} does not. "
            "Set sampling: windows, or take a model that streams, such as lstm."
        )
    if recipe.device == "cuda":
        raise ConfigError(
            "updates sample by sample run on the processor, device was cuda. Allowed here: cpu and auto, which takes "
            "the processor. Set device: cpu."
        )


def _zero_state(module: torch.nn.Module, inputs: int) -> State:
    with torch.no_grad():
        _, state = module(torch.zeros(1, 1, inputs))
    return tuple(np.zeros_like(part) for part in state)


def _watched(module: torch.nn.Module) -> list["_Watched"]:
    # Only where every LSTM is known to run once a step and to share its weights with none.
    lstms = [part for part in module.modules() if isinstance(part, torch.nn.LSTM)]
    return [_Watched(lstm) for lstm in lstms] if isinstance(module, ResidualLstm) else []


class _Watched:
    # One step of one sequence: an LSTM's matrices get its gates' gradient, which is that of its biases, times
    # what the layer read. So torch goes back to the biases alone, and what was read is noted on the way forth.
    def __init__(self, lstm: torch.nn.LSTM) -> None:
        # torch sets an LSTM's parameters by name, in this order, and its stub does not list them.
        w_ih, w_hh, b_ih, b_hh = lstm.parameters()
        self.matrices, self.biases = (w_ih.requires_grad_(False), w_hh.requires_grad_(False)), (b_ih, b_hh)
        self.read: list[np.ndarray] = []
        lstm.register_forward_pre_hook(self._note)

    def _note(self, lstm: torch.nn.Module, arguments: tuple[Any, ...]) -> None:
        x, (h, _) = arguments
        self.read = [x.detach().flatten().numpy(), h.detach().flatten().numpy()]

    def gradients(self) -> list[Factors]:
        gates = [cast(torch.Tensor, bias.grad).numpy() for bias in self.biases]
        return list(zip(gates, self.read, strict=True))


@contextlib.contextmanager
def _without_onednn(active: bool) -> Iterator[None]:
    # oneDNN packs an LSTM's weights anew in every call, which pays for many steps of many sequences, not for one.
    settings: Any = torch.backends.mkldnn  # a module of properties, which its stub does not list
    before = settings.enabled
    settings.enabled = before and not active
    try:
        yield
    finally:
        settings.enabled = before
