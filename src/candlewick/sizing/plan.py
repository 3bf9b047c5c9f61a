"""What an experiment will cost and whether it may: everything that planning found, as one answer."""

from dataclasses import asdict, dataclass
from typing import Any

from candlewick.core.words import number
from candlewick.models._base import LayerCount, Model
from candlewick.sizing.advice import Sampling
from candlewick.sizing.count import TrainingBytes
from candlewick.sizing.gate import OUTCOMES, Gate, Outcome
from candlewick.sizing.learning_curve import LearningCurve
from candlewick.sizing.machine import Machine
from candlewick.sizing.nearest import Nearest
from candlewick.sizing.predict import Prediction
from candlewick.sizing.record import PastError
from candlewick.sizing.samples import SampleCount


@dataclass(frozen=True)
class AllFits:
    """Fits of one model on every fold, and where it is trained with every seed.

    Attributes:
        number: how many.
        precision: of a network's products while it is trained; "" for models that are fitted in one call.
        shortest: seconds until all are done, where each stops as soon as it may.
        longest: seconds where none stops early.
    """

    number: int
    precision: str
    shortest: float
    longest: float


@dataclass(frozen=True)
class ModelPlan:
    """One model of the experiment.

    Attributes:
        label: its label in the experiment.
        model: its spec.
        layers: exact cost of each layer.
        samples: what it is fitted on in each fold.
        training: bytes that one fit keeps; None for models that are fitted in one call.
        predicted: one fit on the largest fold, and live forecasts; None where the machine was not measured.
        fits: all of its fits; None where their time cannot be told.
        sampling: its bars as windows and as a stream; None for models that are fitted in one call.
        gates: refusals first, then warnings.
        nearest: the nearest smaller one that passes; None where it passes itself, or nothing smaller does.
    """

    label: str
    model: Model
    layers: tuple[LayerCount, ...]
    samples: tuple[SampleCount, ...]
    training: TrainingBytes | None
    predicted: Prediction | None
    fits: AllFits | None
    sampling: Sampling | None
    gates: tuple[Gate, ...]
    nearest: Nearest | None

    @property
    def outcome(self) -> Outcome:
        """The worst of its gates'."""
        return min((gate.outcome for gate in self.gates), key=OUTCOMES.index, default="pass")

    @property
    def parameters(self) -> int:
        """Of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Of all layers, for one step of one sequence."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def activations(self) -> int:
        """Of all layers, for one step of one sequence."""
        return sum(layer.activations for layer in self.layers)

    @property
    def proposal(self) -> str:
        """What the nearest smaller model is and saves; "" where there is none."""
        if self.nearest is None:
            return ""
        near, fewest = self.nearest, min(samples.effective for samples in self.samples)
        each = number(near.parameters / max(fewest, 1.0))
        return f"{near.words}: {near.parameters:,} parameters, {each} a sample, saves {100 * near.saving:.3g} %"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        near = self.nearest and {**asdict(self.nearest), "model": self.nearest.model.to_dict()}
        sampling = self.sampling and {
            **asdict(self.sampling), "ratio": self.sampling.ratio, "sentence": self.sampling.sentence
        }  # fmt: skip
        return {
            "label": self.label,
            "spec": self.model.to_dict(),
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "layers": [asdict(layer) for layer in self.layers],
            "samples": [asdict(samples) for samples in self.samples],
            "training_bytes": self.training and {**asdict(self.training), "total": self.training.total},
            "predicted": self.predicted and self.predicted.to_dict(),
            "fits": self.fits and asdict(self.fits),
            "sampling": sampling,
            "outcome": self.outcome,
            "gates": [asdict(gate) for gate in self.gates],
            "nearest": near,
        }


@dataclass(frozen=True)
class Plan:
    """The answer.

    Attributes:
        title: of the experiment.
        machine: as it was measured, or only described.
        past: how far earlier predictions on it were off.
        models: the experiment's own first, then rivals and baselines.
        learning: learning curves of the model and of `linear` beside it; () where none was asked for.
    """

    title: str
    machine: Machine
    past: PastError
    models: tuple[ModelPlan, ...]
    learning: tuple[LearningCurve, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The worst of all models'."""
        return min((model.outcome for model in self.models), key=OUTCOMES.index)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "title": self.title,
            "outcome": self.outcome,
            "models": [model.to_dict() for model in self.models],
            "learning": [{**asdict(curve), "sentence": curve.sentence} for curve in self.learning],
            "past": {**asdict(self.past), "sentence": self.past.sentence},
            "machine": self.machine.to_dict(),
        }
