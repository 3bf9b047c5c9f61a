"""The curve of a fit: what each epoch came to, which was best, and whether to go on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from candlewick.train.recipe import Recipe


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


@dataclass
class Tally:
    """The epoch under way: where it stands and its sums so far; everything that a resumption needs to go on."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    samples: int = 0
    norm: float = 0.0
    updates: int = 0
    clipped: int = 0
    rate: float = 0.0
    seconds: float = 0.0

    def close(self, validation_loss: float | None) -> Epoch:
        """The finished epoch."""
        train_loss, norm, clipped = self.loss / self.samples, self.norm / self.updates, self.clipped / self.updates
        return Epoch(self.epoch + 1, train_loss, validation_loss, self.rate, norm, clipped, self.seconds)


def losses(curve: Sequence[Epoch]) -> list[float]:
    """The loss that schedules and stopping look at: validation, or training where there is no validation."""
    return [epoch.train_loss if epoch.validation_loss is None else epoch.validation_loss for epoch in curve]


def best_epoch(curve: Sequence[Epoch]) -> int:
    """Number of the first epoch with the lowest validation loss; without validation, of the last epoch."""
    if not curve or curve[0].validation_loss is None:
        return len(curve)
    return int(np.argmin(losses(curve))) + 1


def stopped(curve: Sequence[Epoch], recipe: Recipe) -> str:
    """`patience` or `epochs` where training is over, otherwise an empty text."""
    if recipe.patience is not None and len(curve) - best_epoch(curve) >= recipe.patience:
        return "patience"
    return "epochs" if len(curve) >= recipe.epochs else ""
