"""Gradient flow: what reaches each layer in the first steps of training, each mechanism on and off."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from candlewick.core.random import seed_for
from candlewick.models._base import Network
from candlewick.models._heads import Head, HeadScale
from candlewick.samples.dataset import Samples
from candlewick.train._torch import torch
from candlewick.train.batches import Feed, step
from candlewick.train.device import choose_device, has_bf16, reproducible
from candlewick.train.loop import Task
from candlewick.train.losses import loss_for
from candlewick.train.optimiser import CompensatedAdamW, clip_gradients, optimiser
from candlewick.train.recipe import Recipe

Grid = tuple[tuple[float, ...], ...]

_USUAL_CLIP = 1.0
_SWITCHES: dict[str, tuple[str, Any]] = {"layer norm": ("norm", False), "skips": ("skips", ())}


@dataclass(frozen=True)
class Flow:
    """The first steps of one way to train, as plain data.

    Attributes:
        title: `as configured`, or the one thing that differs from it, such as `clipping off`.
        layers: names of the network's layers, in its own order.
        loss: (steps,), mean loss of each step's batch before the update.
        gradient: (steps, layers), norm of each layer's gradient as the optimiser receives it, after clipping.
        update: (steps, layers), norm of each layer's change of weights.
        lost: (layers,), how far the weights (with what compensation still holds for them) are from those of the same
            updates in float32, as a share of the way that those went; 0 where weights are float32.
    """

    title: str
    layers: tuple[str, ...]
    loss: tuple[float, ...]
    gradient: Grid
    update: Grid
    lost: tuple[float, ...]


def gradient_flow(
    network: Network,
    train: Samples,
    *,
    head: Head,
    scale: HeadScale,
    recipe: Recipe,
    seed: int,
    steps: int = 12,
) -> tuple[Flow, ...]:
    """Train as configured for a few steps, and again with one mechanism switched at a time.

    Clipping, layer norm and skips are each switched to what they are not (the last two where the network has them);
    weights in bf16 are tried with compensated updates and without, where the device has bf16. Every variant starts
    from the same seed and sees the same batches, so differences are the mechanism's. Products are in float32 (bf16
    only where the weights are), without autocast.

    Raises:
        ConfigError: the device is not there, or the loss does not suit the head.
    """
    device = choose_device(recipe)
    nothing = Samples(train.data, np.array([], dtype=np.int64))
    task = Task(network, train, nothing, head, scale, recipe, seed)
    with reproducible(recipe.threads):
        return tuple(_flow(variant, steps, device) for variant in _variants(task, device))


@dataclass(frozen=True, eq=False)
class _Variant:
    title: str
    task: Task
    compensate: bool = True


def _variants(task: Task, device: str) -> Iterator[_Variant]:
    yield _Variant("as configured", task)
    recipe, network = task.recipe, task.network
    clip = {"clip": None if recipe.clip else _USUAL_CLIP}
    title = f"clipping {'off' if recipe.clip else 'on'}"
    yield _Variant(title, replace(task, recipe=recipe.model_copy(update=clip)))
    settings = network.model_dump()
    for mechanism, (field, off) in _SWITCHES.items():
        if field in settings:
            # These fields are on by default, so leaving them out switches them on.
            others = {name: value for name, value in settings.items() if name != field}
            switched = {**others, field: off} if settings[field] else others
            changed = type(network).model_validate(switched)
            yield _Variant(f"{mechanism} {'off' if settings[field] else 'on'}", replace(task, network=changed))
    if has_bf16(device):
        stored = replace(task, recipe=recipe.model_copy(update={"precision": "bf16", "kahan": True}))
        yield _Variant("bf16 weights, Kahan on", stored)
        yield _Variant("bf16 weights, Kahan off", stored, compensate=False)


def _flow(variant: _Variant, steps: int, device: str) -> Flow:
    task, recipe = variant.task, variant.task.recipe
    torch.manual_seed(seed_for(task.seed, "weights"))
    module = task.network.build(task.train.data.x.shape[1], task.head.outputs).to(device)
    module.to(torch.bfloat16 if recipe.kahan else torch.float32)
    stored = dict(module.named_parameters())
    exact = {name: torch.nn.Parameter(p.detach().float().clone()) for name, p in stored.items()}
    start = {name: p.detach().clone() for name, p in exact.items()}
    adam, reference = optimiser(stored.values(), recipe), optimiser(exact.values(), _in_float32(recipe))
    if isinstance(adam, CompensatedAdamW):
        adam.compensate = variant.compensate
    losses, gradients, updates = [], [], []
    for loss in _losses(module, task, steps, device):
        adam.zero_grad()
        torch.autograd.backward(loss)
        clip_gradients(stored.values(), recipe.clip)
        for name, parameter in stored.items():
            exact[name].grad = None if parameter.grad is None else parameter.grad.float()
        before = {name: p.detach().clone() for name, p in stored.items()}
        adam.step()
        reference.step()
        losses.append(loss.item())
        gradients.append(_by_layer({name: p.grad for name, p in exact.items() if p.grad is not None}))
        updates.append(_by_layer({name: p.detach().float() - before[name].float() for name, p in stored.items()}))
    off = _by_layer({name: _held(p, adam) - exact[name].detach() for name, p in stored.items()})
    way = _by_layer({name: p.detach() - start[name] for name, p in exact.items()})
    layers = tuple(way)
    return Flow(
        variant.title, layers, tuple(losses), _grid(gradients, layers), _grid(updates, layers),
        tuple(off[layer] / way[layer] if way[layer] else 0.0 for layer in layers),
    )  # fmt: skip


def _losses(module: torch.nn.Module, task: Task, steps: int, device: str) -> Iterator[torch.Tensor]:
    loss, dtype = loss_for(task.head, task.recipe.loss), next(module.parameters()).dtype
    batches = Feed(task.train, scale=task.scale, recipe=task.recipe, seed=task.seed, shuffle=True).epoch(0)
    state, given, number = None, 0, 0
    module.train()
    while given < steps:
        # Short data is gone through again; a stream then begins anew.
        batch, state = batches[number % len(batches)], state if number % len(batches) else None
        torch.manual_seed(seed_for(task.seed, "dropout", number))
        raw, z, asked, state = step(module, batch, state, device=device, dtype=dtype)
        state = tuple(part.detach() for part in state)
        number += 1
        if asked.any():  # otherwise every lane is still warming up
            given += 1
            yield (loss.each(raw, z, head=task.head) * asked).sum() / asked.sum()


def _held(parameter: torch.nn.Parameter, adam: torch.optim.Optimizer) -> torch.Tensor:
    compensation = adam.state[parameter].get("compensation")
    value = parameter.detach().float()
    return value if compensation is None else value + compensation.float()


def _in_float32(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"precision": "fp32", "kahan": False})


def _by_layer(parts: Mapping[str, torch.Tensor]) -> dict[str, float]:
    squares: dict[str, float] = defaultdict(float)
    for name, part in parts.items():
        squares[name.rpartition(".")[0]] += float(part.square().sum())
    return {layer: math.sqrt(square) for layer, square in squares.items()}


def _grid(rows: Sequence[Mapping[str, float]], layers: Sequence[str]) -> Grid:
    return tuple(tuple(row.get(layer, 0.0) for layer in layers) for row in rows)
