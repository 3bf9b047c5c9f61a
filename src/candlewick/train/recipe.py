"""How a network is trained: every number of it, readable without torch."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from candlewick.core.spec import Spec
from candlewick.train.losses import LOSSES, Loss
from candlewick.train.schedules import AnySchedule, Plateau

WORTH_BF16 = 300_000
"""Parameters from which `precision: auto` takes bf16; smaller networks gain too little to give up 16 bits."""


def _loss(value: Any) -> Any:
    return None if value is None else LOSSES.build(value)


AnyLoss = Annotated[
    Loss | None,
    BeforeValidator(_loss),
    PlainSerializer(lambda loss: None if loss is None else loss.to_dict()),
]
"""A loss as a configuration writes it: null (the head's own), `mse`, or `{name: huber, delta: 0.08}`."""


class Recipe(Spec):
    """A frozen spec of training: sampling, optimiser, schedule, stopping, precision and device."""

    sampling: Literal["windows", "streams"] = Field(
        "windows", description="shuffled windows, or contiguous chunks with carried state where every bar is a sample"
    )
    batch: int = Field(32, ge=1, description="windows of a step; lanes of a stream, at most one a chunk of rows")
    chunk: int = Field(64, ge=1, description="bars of a lane that one step sees (streams)")
    warmup: int = Field(256, ge=0, description="bars the state is stepped over before the first forecast (streams)")
    loss: AnyLoss = Field(None, description="null for the head's own")
    learning_rate: float = Field(1e-3, gt=0, description="AdamW's step size at the start")
    betas: tuple[float, float] = Field((0.9, 0.999), description="decay of AdamW's first and second moment")
    weight_decay: float = Field(0.01, ge=0, description="decoupled decay of matrices; biases and norms are left alone")
    clip: float | None = Field(1.0, gt=0, description="largest norm of the whole gradient; null for none")
    schedule: AnySchedule = Field(Plateau(), description="constant, cosine or plateau, with its parameters")
    epochs: int = Field(50, ge=1, description="passes over the training rows, at most")
    patience: int | None = Field(
        10, ge=1, description="epochs without a lower validation loss before training stops; null for never"
    )
    precision: Literal["fp32", "bf16", "auto"] = Field(
        "fp32", description="auto takes bf16 where the processor has it and the network is large enough to gain"
    )
    kahan: bool = Field(False, description="weights in bf16 with compensated updates; needs precision bf16")
    device: Literal["cpu", "cuda", "auto"] = Field("cpu", description="auto takes cuda where there is one")
    threads: int = Field(1, ge=1, description="processor threads of one fit")

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must lie in [0, 1), was {self.betas}; the usual pair is [0.9, 0.999]")
        if self.kahan and self.precision != "bf16":
            raise ValueError(
                f"kahan compensates weights that are stored in bf16, precision was {self.precision}; "
                "set precision: bf16 or leave kahan out"
            )
        return self
