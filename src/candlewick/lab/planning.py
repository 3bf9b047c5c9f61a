"""Planning an experiment: what each model costs, whether it fits, and what would."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from candlewick.core.errors import ConfigError
from candlewick.core.progress import Progress, Silent
from candlewick.lab.experiment import Experiment
from candlewick.lab.prepare import Prepared, prepare, reading_of
from candlewick.models._base import Estimator, LayerCount, Model, Network
from candlewick.plan.advice import Sampling, compare_sampling, obstacle_to_streams
from candlewick.plan.count import TrainingBytes, training_bytes
from candlewick.plan.gate import Figures, gates
from candlewick.plan.machine import Machine
from candlewick.plan.measure import cores, this_machine
from candlewick.plan.nearest import nearest
from candlewick.plan.plan import ModelPlan, Plan
from candlewick.plan.samples import SampleCount, count_samples


def plan(
    experiment: Experiment | str | Path | Mapping[str, Any], *overrides: str, data: Any = None,
    workers: int | None = None, progress: Progress | None = None, **reading: Any,
) -> Plan:  # fmt: skip
    """What an experiment will cost, before anything is trained.

    Experiment, overrides, `data` and its reading options, and `workers` are as for `run`.

    Raises:
        ConfigError: the experiment cannot be meant as written.
        DataError, LeakError: as their names say.
    """
    progress = progress or Silent()
    experiment = Experiment.of(experiment, *overrides)
    if data is not None:
        experiment = Experiment.of({**experiment.to_dict(), "data": "given"})
    prepared = prepare(experiment, reading_of(data, reading))
    for note in prepared.notes:
        progress.say(note)
    return _planned(experiment, prepared, this_machine(), workers)


def require_affordable(experiment: Experiment, prepared: Prepared, *, workers: int, progress: Progress) -> None:
    """Say each warning, and refuse what a gate refuses; nothing is measured for it.

    Raises:
        ConfigError: a gate refuses, with the nearest model that passes and how to override it.
    """
    found = _planned(experiment, prepared, this_machine(), workers)
    for model in found.models:
        for gate in model.gates:
            if gate.outcome == "warn":
                progress.say(f"warning: {model.label}: {gate.sentence}")
    refused = [model for model in found.models if model.outcome == "refuse"]
    if refused:
        raise ConfigError("\n".join(_refusal(model) for model in refused))


def _refusal(model: ModelPlan) -> str:
    refusing = [gate for gate in model.gates if gate.outcome == "refuse"]
    override = " ".join(f"limits.{gate.name}.refuse=null" for gate in refusing)
    near = model.nearest
    smaller = f" Passes: {near.words} ({near.parameters:,} parameters)." if near else " No smaller variant passes."
    return f"{model.label} is refused: {' '.join(gate.sentence for gate in refusing)}{smaller} Override: {override}."


def _planned(experiment: Experiment, prepared: Prepared, machine: Machine, workers: int | None) -> Plan:
    price = _Price(experiment, prepared, machine, workers or cores())
    models = tuple(price.planned(label, model) for label, model in experiment.models.items())
    return Plan(experiment.title or experiment.label.spec_name(), machine, models)


@dataclass(eq=False)
class _Price:
    experiment: Experiment
    prepared: Prepared
    machine: Machine
    workers: int

    def planned(self, label: str, model: Model) -> ModelPlan:
        limits = self.experiment.limits

        def refused(model: Model) -> bool:
            return any(gate.outcome == "refuse" for gate in gates(self.figures(model), limits))

        return ModelPlan(
            label=label,
            model=model,
            layers=self.layers(model),
            samples=self.samples(model),
            training=self.training(model),
            sampling=self.sampling(label, model),
            gates=gates(self.figures(model), limits),
            nearest=nearest(model, lambda smaller: not refused(smaller), self.parameters) if refused(model) else None,
        )

    def figures(self, model: Model) -> Figures:
        experiment, training = self.experiment, self.training(model)
        return Figures(
            parameters=self.parameters(model),
            samples=min(self.samples(model), key=lambda samples: samples.effective),
            class_names=experiment.label.classes,
            memory=None if training is None else float(training.total * self.side_by_side),
            machine_memory=float(self.machine.memory),
        )

    def layers(self, model: Model) -> tuple[LayerCount, ...]:
        experiment = self.experiment
        return model.count(len(experiment.feature_set.outputs), experiment.answer, experiment.length)

    def parameters(self, model: Model) -> int:
        return sum(layer.parameters for layer in self.layers(model))

    def samples(self, model: Model) -> tuple[SampleCount, ...]:
        return self._fitted_on[isinstance(model, Estimator)]

    @cached_property
    def _fitted_on(self) -> dict[bool, tuple[SampleCount, ...]]:
        data, classes = self.prepared.data, len(self.experiment.label.classes)
        return {
            whole: tuple(
                count_samples(data, fold.fitting if whole else fold.train, classes=classes)
                for fold in self.prepared.folds
            )
            for whole in (False, True)
        }

    @property
    def side_by_side(self) -> int:
        fits = len(self.prepared.folds) * len(self.experiment.seeds)
        return min(self.workers, fits)

    def training(self, model: Model) -> TrainingBytes | None:
        if not isinstance(model, Network):
            return None
        recipe = self.experiment.train
        steps = recipe.chunk if recipe.sampling == "streams" else self.experiment.length
        return training_bytes(self.layers(model), sequences=recipe.batch, steps=steps, kahan=recipe.kahan)

    def sampling(self, label: str, model: Model) -> Sampling | None:
        if not isinstance(model, Network):
            return None
        recipe, split = self.experiment.train, self.experiment.split
        obstacle = obstacle_to_streams(
            model=label, model_streams=model.streams,
            split=split.spec_name(), trains_after_test=split.trains_after_test,
        )  # fmt: skip
        return compare_sampling(
            self.prepared.data, self.prepared.folds[-1].train, lanes=recipe.batch, chunk=recipe.chunk,
            warmup=recipe.warmup, obstacle=obstacle, chosen=recipe.sampling,
        )  # fmt: skip
