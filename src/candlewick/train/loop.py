"""The one training loop: networks on windows or streams, deterministic, watched, and resumable to the bit."""

import hashlib
import math
from collections.abc import Sequence
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
from candlewick.train.device import Processor, choose, reproducible
from candlewick.train.diagnosis import check_batch, not_finite
from candlewick.train.losses import loss_for
from candlewick.train.optimiser import optimiser
from candlewick.train.recipe import Recipe

State = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows.

    Attributes:
        number: from 1.
        train_loss: mean over the training samples, while the weights moved and dropout was on.
        validation_loss: mean over the validation samples after the epoch; None where there are none.
        learning_rate: of the last update.
        gradient_norm: mean over updates of the whole gradient's norm, before clipping.
        clipped: share of updates whose gradient was clipped.
        seconds: wall time.
    """

    number: int
    train_loss: float
    validation_loss: float | None
    learning_rate: float
    gradient_norm: float
    clipped: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained network.

    Attributes:
        weights: of the epoch with the lowest validation loss; of the last one where there is no validation.
        curve: every epoch.
        device: where it was trained, such as `cpu (AVX512, 1 thread)`.
        precision: `fp32` or `bf16`, as it was really used.
        seconds: wall time of all epochs, over every resumption.
        best_epoch: number of the epoch that `weights` are from.
        stopped: `patience` or `epochs`, what ended it.
    """

    weights: Weights
    curve: tuple[Epoch, ...]
    device: str
    precision: str
    seconds: float
    best_epoch: int
    stopped: str


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
        fitting = _Fitting(network, train, validation, head, scale, recipe, seed)
        if checkpoint is not None:
            identity = _identity(network, train, validation, head, scale, recipe, seed, fitting.processor)
            fitting.resume(Checkpoint(checkpoint, identity))
        return fitting.run(progress or Silent())


@dataclass
class _Tally:
    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    samples: int = 0
    updates: int = 0
    norm: float = 0.0
    clipped: int = 0
    rate: float = 0.0
    seconds: float = 0.0


class _Fitting:
    def __init__(
        self,
        network: Network,
        train: Samples,
        validation: Samples,
        head: Head,
        scale: HeadScale,
        recipe: Recipe,
        seed: int,
    ) -> None:
        self.head, self.recipe, self.seed = head, recipe, seed
        self.loss = loss_for(head, recipe.loss)
        torch.manual_seed(seed_for(seed, "weights"))
        module = network.build(train.data.x.shape[1], head.outputs)
        self.processor = choose(recipe, sum(p.numel() for p in module.parameters()))
        self.dtype = torch.bfloat16 if recipe.kahan else torch.float32
        self.module = module.to(self.processor.device, self.dtype)
        self.optimiser = optimiser(self.module, recipe)
        self.train = Feed(train, scale=scale, recipe=recipe, seed=seed, shuffle=True)
        self.validation = Feed(validation, scale=scale, recipe=recipe, seed=seed, shuffle=False)
        self.validated = len(validation) > 0
        self.curve: list[Epoch] = []
        self.best: dict[str, torch.Tensor] = {}
        self.tally = _Tally()
        self.carried: State | None = None
        self.checkpoint: Checkpoint | None = None

    def run(self, progress: Progress) -> Fit:
        count = sum(p.numel() for p in self.module.parameters())
        progress.say(f"training {count:,} parameters on {self.processor.title} in {self.processor.precision}")
        stopped = _stopped(self.curve, self.recipe)
        while not stopped:
            self._epoch(progress)
            stopped = _stopped(self.curve, self.recipe)
        if self.checkpoint:
            self.checkpoint.save(self._tensors(), self._facts())
        weights = {name: tensor.float().numpy() for name, tensor in self.best.items()}
        return Fit(
            weights, tuple(self.curve), self.processor.title, self.processor.precision,
            sum(epoch.seconds for epoch in self.curve), _best(self.curve), stopped,
        )  # fmt: skip

    def _epoch(self, progress: Progress) -> None:
        tally, began = self.tally, elapsed_s() - self.tally.seconds
        batches = self.train.epoch(tally.epoch)
        progress.stage(f"epoch {tally.epoch + 1} of at most {self.recipe.epochs}", len(batches))
        progress.advance(tally.step)
        for number in range(tally.step, len(batches)):
            self._update(batches[number], len(batches))
            tally.step += 1
            tally.seconds = elapsed_s() - began
            progress.advance(1, f"loss {tally.loss / max(tally.samples, 1):.4g}")
            if self.checkpoint and self.checkpoint.due:
                self.checkpoint.save(self._tensors(), self._facts())
        loss = self._validate() if self.validated else None
        self._close(loss, elapsed_s() - began)
        progress.say(_line(self.curve, self.recipe))

    def _update(self, batch: Batch, steps: int) -> None:
        tally, recipe = self.tally, self.recipe
        where = f"epoch {tally.epoch + 1}, batch {tally.step + 1}"
        check_batch(batch, self.train.samples.data, where=where)
        # Dropout depends on the seed and the step alone, so a resumed fit needs no generator state.
        torch.manual_seed(seed_for(self.seed, "dropout", tally.epoch, tally.step))
        self.module.train()
        count = int(batch.asked.sum())
        with torch.set_grad_enabled(count > 0):
            loss, state = self._loss(self.module, batch, self.carried, self.dtype)
        self.carried = tuple(part.detach() for part in state) if batch.reset is not None else None
        if count == 0:
            return
        self.optimiser.zero_grad(set_to_none=True)
        (loss / count).backward()
        total, norm = loss.item(), self._clip()
        if not math.isfinite(total) or not math.isfinite(norm):
            what = "gradient" if math.isfinite(total) else "loss"
            raise not_finite(what, self.module, batch, self.train.samples.data, where=where)
        progress = (tally.epoch + tally.step / steps) / recipe.epochs
        tally.rate = recipe.schedule.rate(recipe.learning_rate, progress=progress, losses=_losses(self.curve))
        for group in self.optimiser.param_groups:
            group["lr"] = tally.rate
        self.optimiser.step()
        tally.loss, tally.samples = tally.loss + total, tally.samples + count
        tally.norm, tally.updates = tally.norm + norm, tally.updates + 1
        tally.clipped += recipe.clip is not None and norm > recipe.clip

    def _loss(
        self, module: torch.nn.Module, batch: Batch, state: State | None, dtype: torch.dtype
    ) -> tuple[torch.Tensor, State]:
        with self.processor.autocast(module.training and not self.recipe.kahan):
            raw, z, asked, state = step(module, batch, state, device=self.processor.device, dtype=dtype)
        with torch.autocast(self.processor.device, enabled=False):
            each = self.loss.each(raw, z, head=self.head)
        return (each * asked).sum(), state

    def _clip(self) -> float:
        gradients = [p.grad for p in self.module.parameters() if p.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(gradients, foreach=True))
        if self.recipe.clip is not None and norm > self.recipe.clip:
            torch._foreach_mul_(gradients, self.recipe.clip / norm)
        return norm

    @torch.no_grad()
    def _validate(self) -> float:
        # Validated as it will forecast: without dropout and in fp32, whatever it trains in.
        module = self.module.float() if self.recipe.kahan else self.module
        module.eval()
        total, samples, state = 0.0, 0, None
        batches = self.validation.epoch(0)
        for number in range(len(batches)):
            batch = batches[number]
            where = f"validation after epoch {self.tally.epoch + 1}, batch {number + 1}"
            check_batch(batch, self.validation.samples.data, where=where)
            loss, state = self._loss(module, batch, state, torch.float32)
            if not torch.isfinite(loss):
                raise not_finite("loss", module, batch, self.validation.samples.data, where=where)
            total, samples = total + loss.item(), samples + int(batch.asked.sum())
        module.to(self.dtype)
        return total / samples

    def _close(self, validation_loss: float | None, seconds: float) -> None:
        tally = self.tally
        train_loss, norm = tally.loss / tally.samples, tally.norm / tally.updates
        clipped = tally.clipped / tally.updates
        self.curve.append(Epoch(tally.epoch + 1, train_loss, validation_loss, tally.rate, norm, clipped, seconds))
        if _best(self.curve) == len(self.curve):
            self.best = {name: part.detach().cpu().clone() for name, part in self.module.state_dict().items()}
        self.tally, self.carried = _Tally(epoch=tally.epoch + 1), None

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take up what `checkpoint` holds, if anything, and save there from now on."""
        self.checkpoint = checkpoint
        loaded = checkpoint.load()
        if loaded is None:
            return
        tensors, facts = loaded
        parts: dict[str, dict[str, torch.Tensor]] = {"weights": {}, "best": {}, "carried": {}, "optimiser": {}}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition("/")
            parts[kind][rest] = tensor
        self.module.load_state_dict(parts["weights"])
        self.best = parts["best"]
        self.curve = [Epoch(**epoch) for epoch in facts["curve"]]
        self.tally = _Tally(**facts["tally"])
        device = self.processor.device
        self.carried = tuple(parts["carried"][key].to(device) for key in sorted(parts["carried"], key=int)) or None
        names = dict(self.module.named_parameters())
        for name, tensor in parts["optimiser"].items():
            key, _, parameter = name.partition("/")
            self.optimiser.state[names[parameter]][key] = tensor if key == "step" else tensor.to(device)

    def _tensors(self) -> dict[str, torch.Tensor]:
        tensors = {f"weights/{name}": part for name, part in self.module.state_dict().items()}
        tensors |= {f"best/{name}": part for name, part in self.best.items()}
        tensors |= {f"carried/{number}": part for number, part in enumerate(self.carried or ())}
        for name, parameter in self.module.named_parameters():
            for key, part in self.optimiser.state.get(parameter, {}).items():
                tensors[f"optimiser/{key}/{name}"] = part
        return tensors

    def _facts(self) -> dict[str, Any]:
        return {"tally": asdict(self.tally), "curve": [asdict(epoch) for epoch in self.curve]}


def _losses(curve: Sequence[Epoch]) -> list[float]:
    return [epoch.train_loss if epoch.validation_loss is None else epoch.validation_loss for epoch in curve]


def _best(curve: Sequence[Epoch]) -> int:
    if not curve or curve[0].validation_loss is None:
        return len(curve)
    return int(np.argmin(_losses(curve))) + 1


def _stopped(curve: Sequence[Epoch], recipe: Recipe) -> str:
    if recipe.patience is not None and len(curve) - _best(curve) >= recipe.patience:
        return "patience"
    return "epochs" if len(curve) >= recipe.epochs else ""


def _line(curve: Sequence[Epoch], recipe: Recipe) -> str:
    last = curve[-1]
    judged = "" if last.validation_loss is None else f", validation {last.validation_loss:.4g}"
    left = last.seconds * (recipe.epochs - last.number)
    return f"epoch {last.number}: loss {last.train_loss:.4g}{judged}, {last.seconds:.1f} s, at most {left:.0f} s left"


def _identity(
    network: Network,
    train: Samples,
    validation: Samples,
    head: Head,
    scale: HeadScale,
    recipe: Recipe,
    seed: int,
    processor: Processor,
) -> dict[str, Any]:
    digest = hashlib.sha256()
    for samples in (train, validation):
        data = samples.data
        for array in (data.x, data.t, data.symbol, data.y, samples.index, np.array(data.length)):
            digest.update(np.ascontiguousarray(array).tobytes())
    return {
        "network": network.content_id,
        "head": head.content_id,
        "recipe": recipe.content_id,
        "scale": [scale.center, scale.scale],
        "seed": seed,
        "data": digest.hexdigest(),
        "processor": f"{processor.title} in {processor.precision}",
        "torch": torch.__version__,
    }
