"""The one training loop: networks on windows or streams, deterministic, watched, and resumable to the bit."""

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from candlewick.core.clock import elapsed_s
from candlewick.core.errors import ConfigError, TrainingError
from candlewick.core.progress import Progress, Silent
from candlewick.core.random import seed_for
from candlewick.models._base import Network, Weights
from candlewick.models._heads import Head, HeadScale
from candlewick.samples.dataset import Samples
from candlewick.train._torch import torch
from candlewick.train.batches import Batch, Feed, step
from candlewick.train.checkpoint import Checkpoint
from candlewick.train.curve import Epoch, Tally, best_epoch, losses, stopped
from candlewick.train.device import choose, reproducible, seed_generators
from candlewick.train.diagnosis import check_batch, check_weights, not_finite
from candlewick.train.losses import loss_for
from candlewick.train.optimiser import clip_gradients, optimiser
from candlewick.train.recipe import Recipe

State = tuple[torch.Tensor, ...]


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained network.

    Attributes:
        weights: of the epoch with the lowest validation loss; of the last one where there is no validation.
        curve: every epoch.
        device: where it was trained, such as `cpu (AVX512, 1 thread)`.
        precision: `fp32` or `bf16`, as it was really used.
        seconds: wall time of all epochs, over every resumption.
        best_epoch: number (from 1) of the epoch that `weights` are from.
        stopped: `patience` or `epochs`, what ended it.
        device_bytes: most memory that torch held on a CUDA device at once; None on the processor.
    """

    weights: Weights
    curve: tuple[Epoch, ...]
    device: str
    precision: str
    seconds: float
    best_epoch: int
    stopped: str
    device_bytes: int | None


@dataclass(frozen=True, eq=False)
class Task:
    """Everything that the result of a fit depends on, except the machine."""

    network: Network
    train: Samples
    validation: Samples
    head: Head
    scale: HeadScale
    recipe: Recipe
    seed: int

    def identity(self) -> dict[str, Any]:
        """Plain data that is equal for the same task only; arrays enter as a hash."""
        digest = hashlib.sha256()
        for samples in (self.train, self.validation):
            data = samples.data
            for array in (data.x, data.t, data.symbol, data.y, data.ready, samples.index, np.array(data.length)):
                digest.update(np.ascontiguousarray(array).tobytes())
        return {
            "network": self.network.content_id,
            "head": self.head.content_id,
            "recipe": self.recipe.content_id,
            "scale": [self.scale.center, self.scale.scale],
            "seed": self.seed,
            "data": digest.hexdigest()[:16],
        }


def fit(
    network: Network,
    train: Samples,
    validation: Samples,
    *,
    head: Head,
    scale: HeadScale,
    recipe: Recipe,
    seed: int,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Train `network` from fresh weights; `validation` may be empty, then training runs all epochs.

    The result depends on the arguments alone: the same call gives the same bits in every process on one kind of
    machine. With `checkpoint`, a call that was killed is taken up where it last saved when it is made again,
    and ends in the same bits as one that was not.

    Raises:
        ConfigError: the recipe does not suit the network or head, or its device or precision is not there.
        TrainingError: a loss that is not finite (the message names the batch and the reason), or a broken device.
        StorageError: the checkpoint cannot be written, is damaged or belongs to another fit.
    """
    if recipe.sampling == "streams" and not network.streams:
        raise ConfigError(
            f"sampling: streams needs a model that carries state, and {network.spec_name()} does not. "
            "Set sampling: windows, or take a model that streams, such as lstm."
        )
    if not len(train):
        raise TrainingError("there are no training rows, was 0. Give more bars, or shorten warm-up, label and split.")
    with reproducible(recipe.threads):
        fitting = _Fitting(Task(network, train, validation, head, scale, recipe, seed), progress or Silent())
        if checkpoint is not None:
            fitting.resume(checkpoint)
        return fitting.run()


class _Fitting:
    def __init__(self, task: Task, progress: Progress) -> None:
        self.task, self.recipe, self.progress = task, task.recipe, progress
        self.loss = loss_for(task.head, task.recipe.loss)
        torch.manual_seed(seed_for(task.seed, "weights"))
        module = task.network.build(task.train.data.x.shape[1], task.head.outputs)
        self.parameters = sum(p.numel() for p in module.parameters())
        self.processor = choose(task.recipe, self.parameters)
        self.dtype = torch.bfloat16 if task.recipe.kahan else torch.float32
        self.module = module.to(self.processor.device, self.dtype)
        self.optimiser = optimiser(self.module.parameters(), task.recipe)
        self.train = Feed(task.train, scale=task.scale, recipe=task.recipe, seed=task.seed, shuffle=True)
        self.validation = Feed(task.validation, scale=task.scale, recipe=task.recipe, seed=task.seed, shuffle=False)
        self.curve: list[Epoch] = []
        self.best: dict[str, torch.Tensor] = {}
        self.tally = Tally()
        self.carried: State | None = None
        self.checkpoint: Checkpoint | None = None

    def run(self) -> Fit:
        where = f"{self.processor.title} in {self.processor.precision}"
        self.progress.say(f"training {self.task.network.spec_name()}, {self.parameters:,} parameters, on {where}")
        steps = len(self.train.epoch(0))
        self.progress.stage("training", self.recipe.epochs * steps)
        self.progress.advance(len(self.curve) * steps + self.tally.step)
        trained, cuda = False, self.processor.device == "cuda"
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        while not (reason := stopped(self.curve, self.recipe)):
            self._epoch()
            trained = True
        if self.checkpoint and trained:
            self._save()
        best, seconds = best_epoch(self.curve), sum(epoch.seconds for epoch in self.curve)
        self.progress.say(f"trained {len(self.curve)} epochs in {seconds:.1f} s ({reason}), the best was {best}")
        weights = {name: _exported(tensor) for name, tensor in self.best.items()}
        device_bytes = torch.cuda.max_memory_allocated() if cuda else None
        return Fit(
            weights, tuple(self.curve), self.processor.title, self.processor.precision, seconds, best, reason,
            device_bytes,
        )  # fmt: skip

    def _epoch(self) -> None:
        tally, began = self.tally, elapsed_s() - self.tally.seconds
        batches = self.train.epoch(tally.epoch)
        for number in range(tally.step, len(batches)):
            self._update(batches[number], len(batches))
            tally.step += 1
            tally.seconds = elapsed_s() - began
            self.progress.advance(1, self._note(len(batches)))
            if self.checkpoint and self.checkpoint.due:
                self._save()
        check_weights(self.module, where=f"after epoch {tally.epoch + 1}")
        validation_loss = self._validate() if len(self.task.validation) else None
        tally.seconds = elapsed_s() - began
        self.curve.append(tally.close(validation_loss))
        if best_epoch(self.curve) == len(self.curve):
            self.best = {name: part.detach().cpu().clone() for name, part in self.module.state_dict().items()}
        self.tally, self.carried = Tally(epoch=tally.epoch + 1), None

    def _update(self, batch: Batch, steps: int) -> None:
        tally, data = self.tally, self.task.train.data
        where = f"epoch {tally.epoch + 1}, batch {tally.step + 1}"
        check_batch(batch, data, where=where)
        # Dropout depends on the seed and the step alone, so a resumed fit needs no generator state.
        seed_generators(self.processor.device, seed_for(self.task.seed, "dropout", tally.epoch, tally.step))
        self.module.train()
        count = int(batch.asked.sum())
        with torch.set_grad_enabled(count > 0), self.processor.autocast(not self.recipe.kahan):
            loss, state = self._loss(batch, self.carried, self.dtype)
        self.carried = tuple(part.detach() for part in state) if batch.reset is not None else None
        if count == 0:  # every lane is still warming up
            return
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss / count)
        total, norm = loss.item(), clip_gradients(self.module.parameters(), self.recipe.clip)
        if not math.isfinite(total) or not math.isfinite(norm):
            what = "gradient" if math.isfinite(total) else "loss"
            raise not_finite(what, self.module, batch, data, where=where)
        tally.rate = self._rate((tally.epoch + tally.step / steps) / self.recipe.epochs)
        self.optimiser.step()
        tally.loss, tally.samples = tally.loss + total, tally.samples + count
        tally.norm, tally.updates = tally.norm + norm, tally.updates + 1
        tally.clipped += self.recipe.clip is not None and norm > self.recipe.clip

    def _loss(self, batch: Batch, state: State | None, dtype: torch.dtype) -> tuple[torch.Tensor, State]:
        raw, z, asked, state = step(self.module, batch, state, device=self.processor.device, dtype=dtype)
        with torch.autocast(self.processor.device, enabled=False):
            each = self.loss.each(raw, z, head=self.task.head)
        return (each * asked).sum(), state

    def _rate(self, progress: float) -> float:
        recipe = self.recipe
        rate = recipe.schedule.rate(recipe.learning_rate, progress=progress, losses=losses(self.curve))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        return rate

    @torch.no_grad()
    def _validate(self) -> float:
        # Validated as it will forecast: without dropout and in fp32, whatever it trains in.
        self.module.float().eval()
        batches, data = self.validation.epoch(0), self.task.validation.data
        total, samples, state = 0.0, 0, None
        for number in range(len(batches)):
            batch, where = batches[number], f"validation after epoch {self.tally.epoch + 1}, batch {number + 1}"
            check_batch(batch, data, where=where)
            loss, state = self._loss(batch, state, torch.float32)
            if not torch.isfinite(loss):
                raise not_finite("loss", self.module, batch, data, where=where)
            total, samples = total + loss.item(), samples + int(batch.asked.sum())
        self.module.to(self.dtype)
        return total / samples

    def _note(self, steps: int) -> str:
        tally, recipe = self.tally, self.recipe
        note = f"epoch {tally.epoch + 1} of at most {recipe.epochs}, loss {tally.loss / max(tally.samples, 1):.4g}"
        if self.curve and self.curve[-1].validation_loss is not None:
            note += f", validation {self.curve[-1].validation_loss:.4g}"
        per_epoch = self.curve[-1].seconds if self.curve else tally.seconds * steps / tally.step
        return f"{note}, at most {per_epoch * (recipe.epochs - tally.epoch - tally.step / steps):.0f} s left"

    def resume(self, path: Path) -> None:
        """Take up what the checkpoint at `path` holds, if anything, and save there from now on."""
        processor = f"{self.processor.title} in {self.processor.precision}"
        identity = self.task.identity() | {"processor": processor, "torch": torch.__version__}
        self.checkpoint = Checkpoint(path, identity)
        loaded = self.checkpoint.load()
        if loaded is None:
            return
        parts, facts = loaded
        self.module.load_state_dict(parts["weights"])
        self.best = parts.get("best", {})
        self.curve = [Epoch(**epoch) for epoch in facts["curve"]]
        self.tally = Tally(**facts["tally"])
        carried, device = parts.get("carried", {}), self.processor.device
        self.carried = tuple(carried[key].to(device) for key in sorted(carried, key=int)) or None
        names = dict(self.module.named_parameters())
        for name, tensor in parts.get("optimiser", {}).items():
            key, _, parameter = name.partition("/")
            self.optimiser.state[names[parameter]][key] = tensor.to(device)

    def _save(self) -> None:
        assert self.checkpoint is not None
        parameters = self.module.named_parameters()
        moments = {name: self.optimiser.state.get(parameter, {}) for name, parameter in parameters}
        tensors = {
            "weights": dict(self.module.state_dict()),
            "best": self.best,
            "carried": {str(number): part for number, part in enumerate(self.carried or ())},
            "optimiser": {f"{key}/{name}": part for name, state in moments.items() for key, part in state.items()},
        }
        self.checkpoint.save(tensors, {"tally": asdict(self.tally), "curve": [asdict(epoch) for epoch in self.curve]})


def _exported(tensor: torch.Tensor) -> np.ndarray:
    # numpy has no bf16; float32 holds every bf16 number exactly.
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
