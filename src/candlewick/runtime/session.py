"""What runs a fitted model's arithmetic: a session holds weights, its lanes hold instruments."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np

Precision = Literal["fp32", "bf16", "int8"]


class Lanes(ABC):
    """Instruments side by side, row i of every array is lane i. All memory is taken once, when lanes are made.

    Attributes:
        x: float32 scaled features: (capacity, inputs) where the model streams, (capacity, length, inputs) where it
            reads windows, oldest row first.
        echo: float64 (capacity, length), the label's last known values, oldest first; NaN where unknown.
            (capacity, 0) for models that do not read them.
        state: carried state, float32 arrays of shape (capacity, ...); () where the model reads windows. Zero at
            the anchor. `step` writes the next state over it.
        raw: float64 (capacity, outputs), what `step` writes: the head's raw outputs.
    """

    x: np.ndarray
    echo: np.ndarray
    state: tuple[np.ndarray, ...]
    raw: np.ndarray

    @abstractmethod
    def step(self, rows: int) -> None:
        """One step of the first `rows` lanes; the others are left as they are. Allocates nothing that stays."""


class Session(ABC):
    """A fitted model ready to run: immutable, shared by any number of lanes.

    Attributes:
        kernel: what does the arithmetic: "compiled", "onnxruntime" or "estimator".
        precision: of the weights in matrix products.
        threads: processor threads of one step.
        spinning: whether those threads burn their core between steps instead of sleeping.
    """

    kernel: ClassVar[str]
    precision: Precision
    threads: int
    spinning: bool = False

    @abstractmethod
    def begin(self, capacity: int) -> Lanes:
        """Fresh lanes with zero state."""
