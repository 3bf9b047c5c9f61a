"""Learning-rate schedules: pure functions of how far training is and how the loss went, so nothing needs saving."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from candlewick.core.spec import Spec

_NOTICEABLE = 1e-4  # relative; a loss that falls by less counts as a plateau


class Schedule(Spec):
    """How the learning rate changes while training goes on."""

    @abstractmethod
    def rate(self, base: float, *, progress: float, losses: Sequence[float]) -> float:
        """Learning rate at `progress` (0 .. 1 of all epochs) after epochs that ended with `losses`."""


class Constant(Schedule):
    """The learning rate as it is."""

    kind: Literal["constant"] = "constant"

    def rate(self, base: float, *, progress: float, losses: Sequence[float]) -> float:
        """`base`."""
        return base


class Cosine(Schedule):
    """From the learning rate down to `minimum` along half a cosine, step by step.

    Reference: Loshchilov and Hutter, SGDR, 2017.
    """

    kind: Literal["cosine"] = "cosine"
    minimum: float = Field(0.0, ge=0, description="learning rate at the end")

    def rate(self, base: float, *, progress: float, losses: Sequence[float]) -> float:
        """minimum + (base - minimum) (1 + cos(pi progress)) / 2."""
        low = min(self.minimum, base)
        return low + (base - low) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


class Plateau(Schedule):
    """Times `factor` whenever the loss has not fallen for more than `patience` epochs, never below `minimum`."""

    kind: Literal["plateau"] = "plateau"
    factor: float = Field(0.5, gt=0, lt=1, description="what the learning rate is multiplied by")
    patience: int = Field(5, ge=0, description="epochs without a lower loss that are borne")
    minimum: float = Field(1e-6, ge=0, description="lowest learning rate")

    def rate(self, base: float, *, progress: float, losses: Sequence[float]) -> float:
        """What torch's ReduceLROnPlateau would have reached; a fall below 1e-4 of the loss's size is none."""
        rate, best, waited = base, math.inf, 0
        for loss in losses:
            if loss < best - abs(best) * _NOTICEABLE or best == math.inf:
                best, waited = loss, 0
            else:
                waited += 1
            if waited > self.patience:
                rate, waited = min(rate, max(rate * self.factor, self.minimum)), 0
        return rate


def _named(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


AnySchedule = Annotated[
    Annotated[Constant | Cosine | Plateau, Field(discriminator="kind")],
    BeforeValidator(_named),
]
"""A schedule as a configuration writes it: `cosine`, or `{kind: plateau, factor: 0.7}`."""
