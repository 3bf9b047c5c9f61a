"""Forecasting with trained weights: always in fp32, from windows or along streams from a stated anchor."""

from collections.abc import Iterator

import numpy as np

from candlewick.core.clock import iso
from candlewick.core.errors import ConfigError, TrainingError
from candlewick.models._base import Network, Weights
from candlewick.models._heads import Head
from candlewick.samples.dataset import Samples
from candlewick.samples.roles import Rows
from candlewick.samples.stream import replay
from candlewick.train._torch import torch
from candlewick.train.device import choose_device, reproducible
from candlewick.train.recipe import Recipe

_WINDOWS_AT_ONCE = 256
_BARS_AT_ONCE = 256


def predict(network: Network, weights: Weights, samples: Samples, *, head: Head, recipe: Recipe) -> np.ndarray:
    """Raw outputs of every sample, float64 (m, head.outputs), in the order of `samples.index`.

    Along streams, the state of each instrument is zero `recipe.warmup` rows before the first row asked of it (or
    at its first row), and is stepped over every row since, whatever lies between the asked ones.

    Raises:
        ConfigError: the device is not there, or the weights are of another network.
        TrainingError: an output is not finite.
    """
    device = choose_device(recipe)
    with reproducible(recipe.threads), torch.inference_mode():
        module = restored(network, weights, samples.data.x.shape[1], head).to(device).eval()
        along = _along_streams if recipe.sampling == "streams" else _over_windows
        raw = np.empty((len(samples), head.outputs))
        for positions, outputs in along(module, samples, recipe, device):
            raw[positions] = outputs.cpu().numpy()
    bad = np.flatnonzero(~np.isfinite(raw).all(axis=1))
    if len(bad):
        row = samples.index[bad[0]]
        raise TrainingError(
            f"the forecast at {iso(samples.data.t[row])} is not finite, was {raw[bad[0]]} "
            f"({len(bad)} such rows in all). Inputs must be finite and scaled as in training. "
            "Look at the features of that bar."
        )
    return raw


def restored(network: Network, weights: Weights, inputs: int, head: Head) -> torch.nn.Module:
    """The spec's module with `weights` in it.

    Raises:
        ConfigError: the weights are of another network.
    """
    module = network.build(inputs, head.outputs)
    try:
        module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
    except RuntimeError as error:
        raise ConfigError(
            f"the weights do not fit {network.spec_name()} with {inputs} inputs and {head.outputs} outputs: {error}. "
            "Give the weights that were trained with this spec, these features and this head."
        ) from error
    return module


Outputs = Iterator[tuple[np.ndarray, torch.Tensor]]


def _over_windows(module: torch.nn.Module, samples: Samples, recipe: Recipe, device: str) -> Outputs:
    for begin in range(0, len(samples), _WINDOWS_AT_ONCE):
        positions = np.arange(begin, min(begin + _WINDOWS_AT_ONCE, len(samples)))
        x = torch.from_numpy(np.ascontiguousarray(samples.batch(positions)))
        yield positions, module(x.to(device))[0][:, -1]


def _along_streams(module: torch.nn.Module, samples: Samples, recipe: Recipe, device: str) -> Outputs:
    if not len(samples):
        return
    chunks = replay(samples.data, Rows(samples.index), chunk=_BARS_AT_ONCE, warmup=recipe.warmup)
    state = None
    for number in range(chunks.steps):
        x, rows, _ = chunks.chunk(number)  # a lane begins once, at its anchor, so nothing is reset later
        raw, state = module(torch.from_numpy(x).to(device), state)
        asked = rows >= 0
        yield np.searchsorted(samples.index, rows[asked]), raw[torch.from_numpy(asked)]
