"""Samples as the loop takes them: shuffled windows, or chunks of streams whose state is carried."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from candlewick.core.random import stream
from candlewick.models._heads import HeadScale
from candlewick.samples.dataset import Samples
from candlewick.samples.roles import Rows
from candlewick.samples.stream import StreamPlan, plan
from candlewick.train._torch import torch
from candlewick.train.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step sees.

    Attributes:
        x: float32 (lanes, time, width).
        z: float32 (lanes, answers), scaled labels of the newest `answers` outputs; 0 where there is no loss.
        rows: int64 (lanes, answers), the dataset row of each label; -1 where there is no loss.
        reset: bool (lanes,), lanes that begin anew from the zero state; None where no state is carried.
    """

    x: torch.Tensor
    z: torch.Tensor
    rows: np.ndarray
    reset: np.ndarray | None

    @property
    def asked(self) -> np.ndarray:
        """bool (lanes, answers): where there is a loss."""
        return self.rows >= 0


class Batches(Protocol):
    """The batches of one epoch, by number."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, number: int) -> Batch:
        """Batch `number`, the same one however often it is asked for."""


class Feed:
    """Batches of `samples` in the recipe's sampling mode; without `shuffle` every epoch is the same."""

    def __init__(self, samples: Samples, *, scale: HeadScale, recipe: Recipe, seed: int, shuffle: bool) -> None:
        self.samples, self.recipe, self.seed, self.shuffle = samples, recipe, seed, shuffle
        # Labels of other rows stay NaN: a plan that asked for one would be caught, not trained on.
        self.z = np.full(len(samples.data), np.nan, dtype=np.float32)
        with np.errstate(over="ignore"):  # a label that float32 cannot hold is refused with its row, in its batch
            self.z[samples.index] = (samples.y - scale.center) / scale.scale

    def epoch(self, number: int) -> Batches:
        """The batches of epoch `number`, from 0."""
        number = number if self.shuffle else 0
        recipe, samples = self.recipe, self.samples
        if recipe.sampling == "streams":
            rows = Rows(samples.index)
            chunks = plan(
                samples.data, rows, lanes=recipe.batch, chunk=recipe.chunk, warmup=recipe.warmup,
                epoch=number, seed=self.seed,
            )  # fmt: skip
            return Chunks(chunks, self.z)
        order = np.arange(len(samples))
        if self.shuffle:
            order = stream(self.seed, "order", number).permutation(order)
        return Windows(samples, self.z, order, recipe.batch)


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows in the given order; the label belongs to the newest bar. The last batch may be smaller."""

    samples: Samples
    z: np.ndarray
    order: np.ndarray
    size: int

    def __len__(self) -> int:
        return -(-len(self.order) // self.size)

    def __getitem__(self, number: int) -> Batch:
        positions = self.order[number * self.size : (number + 1) * self.size]
        rows = self.samples.index[positions][:, None]
        x = torch.from_numpy(np.ascontiguousarray(self.samples.batch(positions)))
        return Batch(x, torch.from_numpy(self.z[rows]), rows, None)


@dataclass(frozen=True, eq=False)
class Chunks:
    """Chunks of streams, a lane a stretch of one instrument; every asked bar is a sample.

    A lane that has walked its stretch to the end leaves the batch: the lane where the circle of rows closes often
    needs a chunk more than the others, and should not make them all pay for it.
    """

    chunks: StreamPlan
    z: np.ndarray

    def __len__(self) -> int:
        return self.chunks.steps

    def __getitem__(self, number: int) -> Batch:
        walking = np.count_nonzero(self.chunks.size[number])  # the first ones, as the plan orders them
        x, rows, reset = (part[:walking] for part in self.chunks.chunk(number))
        z = np.where(rows >= 0, self.z[rows], np.float32(0.0))
        return Batch(torch.from_numpy(x), torch.from_numpy(z), rows, reset)


def step(
    module: torch.nn.Module, batch: Batch, state: tuple[torch.Tensor, ...] | None, *, device: str, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
    """One forward pass: float32 raw (lanes, answers, outputs), z, bool asked, and the state after it."""
    if state is not None and batch.reset is not None:
        anew = torch.from_numpy(batch.reset).to(device)
        state = tuple(part[: len(anew)].masked_fill(anew.view(-1, *[1] * (part.ndim - 1)), 0) for part in state)
    raw, state = module(batch.x.to(device, dtype), state if batch.reset is not None else None)
    answers = raw[:, -batch.z.shape[1] :].float()
    return answers, batch.z.to(device), torch.from_numpy(batch.asked).to(device), state
