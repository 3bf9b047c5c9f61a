"""The cost of each model of an experiment: counted from specs, predicted from a measured machine, held to limits."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property

from candlewick.lab.experiment import Experiment
from candlewick.lab.prepare import Prepared
from candlewick.models._base import Estimator, LayerCount, Model, Network
from candlewick.samples.roles import Fold
from candlewick.sizing.advice import Sampling, Way, bars_of_epoch, obstacle_to_streams
from candlewick.sizing.count import TrainingBytes, training_bytes
from candlewick.sizing.fit_time import FitTime, fit_time
from candlewick.sizing.gate import Figures, gates
from candlewick.sizing.latency import PRECISIONS, Latency, latency
from candlewick.sizing.limits import Limits
from candlewick.sizing.machine import Machine
from candlewick.sizing.nearest import nearest
from candlewick.sizing.plan import AllFits, ModelPlan
from candlewick.sizing.predict import Prediction, predict, wall_time
from candlewick.sizing.samples import SampleCount, count_samples
from candlewick.sizing.training_time import Fitting, TrainingTime, training_time
from candlewick.train.recipe import WORTH_BF16


@dataclass(eq=False)
class Pricing:
    """Prices models of one experiment, its own or smaller ones, on one machine.

    Attributes:
        experiment: what each model is part of.
        prepared: its data and folds.
        machine: with measurements, or described only: then times are not predicted.
        workers: processes that fit side by side.
    """

    experiment: Experiment
    prepared: Prepared
    machine: Machine
    workers: int

    def plan(self, label: str, model: Model) -> ModelPlan:
        """Everything about one model, and where it is refused the nearest smaller one that is not."""
        limits = self.experiment.limits
        found = gates(self.figures(model), limits)
        refused = frozenset(gate.name for gate in found if gate.outcome == "refuse")

        def passes(smaller: Model) -> bool:
            # What the larger one passed, a smaller one passes: the others are not priced again.
            return all(gate.outcome != "refuse" for gate in gates(self.figures(smaller, refused), limits))

        return ModelPlan(
            label=label,
            model=model,
            layers=self.layers(model),
            samples=self.samples(model),
            training=self.training_bytes(model),
            predicted=self.predicted(model),
            fits=self.fits(model),
            sampling=self.sampling(label, model),
            gates=found,
            nearest=nearest(model, passes, self.parameters) if refused else None,
        )

    def figures(self, model: Model, asked: Collection[str] = tuple(Limits.model_fields)) -> Figures:
        """What these gates ask of a model."""
        live = [self.latency(model, precision, 1) for precision in PRECISIONS] if "latency" in asked else []
        known = [one for one in live if one is not None]
        fastest = min(known, key=lambda one: one.p99, default=None)
        fits = self.fits(model) if "training_time" in asked else None
        predicted = self.predicted(model) if "memory" in asked else None
        return Figures(
            parameters=self.parameters(model),
            samples=min(self.samples(model), key=lambda samples: samples.effective),
            class_names=self.experiment.label.classes,
            memory=self._memory(model, predicted) if "memory" in asked else None,
            memory_at_least=predicted is None or predicted.training_memory is None,
            machine_memory=float(self.machine.memory),
            latency=fastest.p99 if fastest else None,
            precision=fastest.precision if fastest else "",
            latency_fp32=next((one.p99 for one in known if one.precision == "fp32"), None),
            training=fits.longest if fits else None,
        )

    def layers(self, model: Model) -> tuple[LayerCount, ...]:
        """Exact cost per layer."""
        experiment = self.experiment
        return model.count(self._columns, experiment.answer, experiment.length)

    def parameters(self, model: Model) -> int:
        """Of all layers."""
        return sum(layer.parameters for layer in self.layers(model))

    def samples(self, model: Model) -> tuple[SampleCount, ...]:
        """By fold; an estimator is fitted on validation rows too."""
        return self._fitted_on[isinstance(model, Estimator)]

    def training_bytes(self, model: Model) -> TrainingBytes | None:
        """What one fit of a network keeps; None for estimators."""
        if not isinstance(model, Network):
            return None
        recipe = self.experiment.train
        steps = recipe.chunk if recipe.sampling == "streams" else self.experiment.length
        return training_bytes(self.layers(model), sequences=recipe.batch, steps=steps, kahan=recipe.kahan)

    def predicted(self, model: Model) -> Prediction | None:
        """One fit on the largest fold, and live forecasts; None where the machine was not measured."""
        if not self.machine.measurements:
            return None
        fitting, head = self._fitting(self._largest), self.experiment.answer
        return predict(model, self.machine, fitting, head=head, streams=self._streams(model))

    def fits(self, model: Model) -> AllFits | None:
        """All fits of the model, side by side on the workers; None where their time cannot be told."""
        threads = self.experiment.train.threads if isinstance(model, Network) else 1
        at_once = max(1, min(self.workers, self.machine.cores // threads))  # more of them only share the cores
        times = [self.time(model, fold) for fold in self.prepared.folds]
        known = [time for time in times if time is not None] * self._seeds(model)
        if not self.machine.measurements or len(known) < len(times) * self._seeds(model):
            return None
        return AllFits(
            number=len(known),
            precision=self._precision(model),
            shortest=wall_time((time.shortest for time in known), at_once),
            longest=wall_time((time.longest for time in known), at_once),
        )

    def latency(self, model: Model, precision: str, instruments: int) -> Latency | None:
        """One live forecast of so many instruments; None where it cannot be told."""
        if not self.machine.measurements:
            return None
        return latency(
            model, self.layers(model), self.machine, columns=self._columns, length=self.experiment.length,
            streams=self._streams(model), precision=precision, instruments=instruments,
        )  # fmt: skip

    def sampling(self, label: str, model: Model) -> Sampling | None:
        """Windows against streams over the largest fold; None for estimators."""
        if not isinstance(model, Network):
            return None
        recipe, split = self.experiment.train, self.experiment.split
        obstacle = obstacle_to_streams(
            model=label, model_streams=model.streams,
            split=split.spec_name(), trains_after_test=split.trains_after_test,
        )  # fmt: skip
        bars = bars_of_epoch(
            self.prepared.data, self._largest.train, lanes=recipe.batch, chunk=recipe.chunk, warmup=recipe.warmup
        )
        windows, streams = (
            self._way(model, number, sampling) for number, sampling in zip(bars, ("windows", "streams"), strict=True)
        )
        return Sampling(windows, streams, obstacle, recipe.sampling)

    def _way(self, model: Network, bars: int, sampling: str) -> Way:
        layers = self.layers(model)
        recipe = self.experiment.train.model_copy(update={"sampling": sampling})
        other = replace(self, experiment=self.experiment.model_copy(update={"train": recipe}))
        time = other.time(model, self._largest)
        seconds = time.epoch if isinstance(time, TrainingTime) else None
        return Way(bars, 3 * bars * sum(layer.multiply_adds for layer in layers), seconds)

    def time(self, model: Model, fold: Fold) -> TrainingTime | FitTime | None:
        """One fit on a fold; None where it cannot be told."""
        fitting, precision = self._fitting(fold), self._precision(model)
        if not isinstance(model, Network):
            return fit_time(model, self.experiment.answer, fitting, self.machine)
        if not any(self.machine.of("lstm training", precision=precision)):
            return None
        return training_time(self.layers(model), fitting, self.machine, precision=precision)

    def _streams(self, model: Model) -> bool:
        return isinstance(model, Network) and self.experiment.train.sampling == "streams"

    def _precision(self, model: Model) -> str:
        if not isinstance(model, Network):
            return ""
        wanted = self.experiment.train.precision
        if wanted != "auto":
            return wanted
        has_bf16 = any(self.machine.of("lstm training", precision="bf16"))
        return "bf16" if has_bf16 and self.parameters(model) >= WORTH_BF16 else "fp32"

    def _fitting(self, fold: Fold) -> Fitting:
        recipe = self.experiment.train
        own = {name: getattr(recipe, name) for name in ("sampling", "batch", "chunk", "warmup", "epochs", "patience",
                                                        "threads", "kahan")}  # fmt: skip
        return Fitting(
            rows=len(fold.train), validation=len(fold.validation), inputs=self._columns,
            length=self.experiment.length, **own,
        )  # fmt: skip

    def _memory(self, model: Model, predicted: Prediction | None) -> float | None:
        # Predicted, or where nothing was measured what is known exactly.
        kept = self.training_bytes(model)
        one = predicted.training_memory if predicted else None
        one = kept.total if one is None and kept is not None else one
        side_by_side = min(self.workers, len(self.prepared.folds) * self._seeds(model))
        return None if one is None else float(one * side_by_side)

    def _seeds(self, model: Model) -> int:
        return 1 if isinstance(model, Estimator) else len(self.experiment.seeds)

    @property
    def _columns(self) -> int:
        return len(self.experiment.feature_set.outputs)

    @cached_property
    def _largest(self) -> Fold:
        return max(self.prepared.folds, key=lambda fold: len(fold.train))

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
