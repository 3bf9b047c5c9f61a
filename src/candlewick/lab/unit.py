"""The smallest piece of a run: one model, one fold, one seed. Done once, kept, never done again."""

import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from safetensors.numpy import save as packed

from candlewick.core import files
from candlewick.core.clock import elapsed_s
from candlewick.core.progress import Progress, Silent
from candlewick.lab.experiment import Experiment
from candlewick.lab.memory import measured_memory
from candlewick.models._base import Estimator, Model, Network, Weights
from candlewick.models._heads import Belief, HeadScale
from candlewick.runtime import calibrate
from candlewick.samples.dataset import Dataset, Samples
from candlewick.samples.roles import Fold


@dataclass(frozen=True)
class Unit:
    """Which model (by its label in the experiment), fold and seed."""

    model: str
    fold: int
    seed: int

    @property
    def key(self) -> str:
        """A folder name."""
        return f"{folder_name(self.model)}-f{self.fold}-s{self.seed}"


def folder_name(model: str) -> str:
    """A model's label as the name of a folder.

    >>> folder_name("lstm[layers=3]")
    'lstm_layers=3_'
    """
    return re.sub(r"[^A-Za-z0-9.=,-]+", "_", model)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model with what it needs to forecast: fitted arrays, the scaler's arrays, the label's units, calibration."""

    weights: Weights
    scaler: Weights
    scale: HeadScale
    calibration: Weights = field(default_factory=dict)


def fit(
    experiment: Experiment, data: Dataset, fold: Fold, model: Model, seed: int,
    *, checkpoint: Path | None = None, progress: Progress | None = None,
) -> tuple[Fitted, dict[str, Any]]:  # fmt: skip
    """Fit scaler, label units and model on the fold's training rows; the second value is what the run records.

    An estimator has no use for validation rows and is fitted on both: it would otherwise be a weaker baseline
    than its user could have. So only a network is calibrated, on the validation rows.
    """
    started = elapsed_s()
    head = experiment.answer
    rows = fold.fitting if isinstance(model, Estimator) else fold.train
    scaler = experiment.scaler.fit(data, rows)
    scaled = data.with_x(experiment.scaler.apply(scaler, data, fold.fitting.index))
    scale = head.fit_scale(data.y[rows.index])
    if isinstance(model, Estimator):
        weights = model.fit(Samples(scaled, rows.index), head=head, scale=scale, seed=seed)
        extra: dict[str, Any] = {}
    else:
        assert isinstance(model, Network)
        weights, extra = _train(experiment, scaled, fold, model, seed, scale, checkpoint, progress)
    fitted = Fitted(weights, scaler, scale)
    if experiment.calibrate and isinstance(model, Network) and len(fold.validation):
        fitted = replace(fitted, calibration=_calibrated(experiment, data, model, fitted, fold.validation.index))
        extra["calibration"] = {name: array.tolist() for name, array in fitted.calibration.items()}
    counts = model.count(data.x.shape[1], head, data.length)
    record = {
        "seconds": elapsed_s() - started,
        "train_rows": len(rows),
        "parameters": sum(layer.parameters for layer in counts),
        "multiply_adds": sum(layer.multiply_adds for layer in counts),
        **extra,
    }
    return fitted, record


def _calibrated(
    experiment: Experiment, data: Dataset, model: Network, fitted: Fitted, index: np.ndarray
) -> Weights:  # fmt: skip
    raw = raw_forecast(experiment, data, model, fitted, index)
    z = (data.y[index] - fitted.scale.center) / fitted.scale.scale
    return calibrate.fit(experiment.answer, raw, z)


def forecast(experiment: Experiment, data: Dataset, model: Model, fitted: Fitted, index: np.ndarray) -> Belief:
    """Beliefs for the rows `index` of `data` (unscaled)."""
    return experiment.answer.decode(raw_forecast(experiment, data, model, fitted, index), fitted.scale)


def raw_forecast(
    experiment: Experiment, data: Dataset, model: Model, fitted: Fitted, index: np.ndarray
) -> np.ndarray:  # fmt: skip
    """float64 (m, outputs): calibrated raw outputs, in the head's space, for the rows `index` of `data` (unscaled)."""
    samples = Samples(data.with_x(experiment.scaler.apply(fitted.scaler, data, index)), index)
    if isinstance(model, Estimator):
        return model.predict(fitted.weights, samples, head=experiment.answer, scale=fitted.scale)
    from candlewick.train.infer import predict

    assert isinstance(model, Network)
    raw = predict(model, fitted.weights, samples, head=experiment.answer, recipe=experiment.train)
    return calibrate.apply(experiment.answer, raw, fitted.calibration)


def complete(
    plain: dict[str, Any], data: Dataset, fold: Fold, unit: Unit, folder: Path, progress: Progress | None
) -> Path:
    """Fit and forecast one unit into `folder/KEY`; a unit that is already whole is left as it is.

    The experiment comes as plain data: a worker process loads a user's own members from their files itself.
    `record.json` is written last, so its presence says that the rest is whole.
    """
    place = folder / unit.key
    if (place / "record.json").is_file():
        return place
    place.mkdir(parents=True, exist_ok=True)
    experiment = Experiment.of(plain)
    model, checkpoint = experiment.everything[unit.model], place / "checkpoint"
    if isinstance(model, Network):
        from candlewick.train.device import choose_device

        choose_device(experiment.train)  # loads torch and its kernels, which are no part of the fit's memory
    with measured_memory() as memory:
        fitted, record = fit(experiment, data, fold, model, unit.seed, checkpoint=checkpoint, progress=progress)
    record["memory"] = {"peak": memory.peak, "grown": memory.grown}
    started = elapsed_s()
    belief = forecast(experiment, data, model, fitted, fold.test.index)
    record["forecast_us_per_row"] = (elapsed_s() - started) / len(fold.test) * 1e6
    save(fitted, place / "fitted.safetensors")
    files.write_bytes(place / "forecasts.safetensors", packed(_arrays(belief, fold.test.index)))
    files.write_json(place / "record.json", {**asdict(unit), "scale": asdict(fitted.scale), **record})
    return place


def save(fitted: Fitted, path: Path) -> None:
    """Weights, scaler and calibration in one safetensors file; the label's units are a float64 array in it."""
    arrays = {f"weights.{name}": np.ascontiguousarray(value) for name, value in fitted.weights.items()}
    arrays |= {f"scaler.{name}": np.ascontiguousarray(value) for name, value in fitted.scaler.items()}
    arrays |= {f"calibration.{name}": value for name, value in fitted.calibration.items()}
    arrays["scale"] = np.array([fitted.scale.center, fitted.scale.scale])
    files.write_bytes(path, packed(arrays))


def load(path: Path) -> Fitted:
    """What `save` wrote."""
    arrays = load_file(path)
    center, scale = arrays.pop("scale")
    parts = {prefix: {name.partition(".")[2]: value for name, value in arrays.items() if name.startswith(prefix)}
             for prefix in ("weights.", "scaler.", "calibration.")}  # fmt: skip
    units = HeadScale(float(center), float(scale))
    return Fitted(parts["weights."], parts["scaler."], units, parts["calibration."])


def _train(
    experiment: Experiment, scaled: Dataset, fold: Fold, model: Network, seed: int, scale: HeadScale,
    checkpoint: Path | None, progress: Progress | None,
) -> tuple[Weights, dict[str, Any]]:  # fmt: skip
    from candlewick.train.loop import fit as train

    result = train(
        model, Samples(scaled, fold.train.index), Samples(scaled, fold.validation.index), head=experiment.answer,
        scale=scale, recipe=experiment.train, seed=seed, checkpoint=checkpoint, progress=progress or Silent(),
    )  # fmt: skip
    curve = [asdict(epoch) for epoch in result.curve]
    kept = {name: getattr(result, name) for name in ("device", "precision", "best_epoch", "stopped", "device_bytes")}
    return result.weights, {**kept, "train_seconds": result.seconds, "curve": curve}


def flow(experiment: Experiment, data: Dataset, fold: Fold) -> list[dict[str, Any]]:
    """Gradient norms per layer over the model's first training steps, each mechanism on and off; [] for estimators."""
    if not isinstance(experiment.model, Network):
        return []
    from candlewick.train.numerics import gradient_flow

    scaler = experiment.scaler.fit(data, fold.train)
    scaled = data.with_x(experiment.scaler.apply(scaler, data, fold.train.index))
    train = Samples(scaled, fold.train.index)
    head, seed = experiment.answer, experiment.seeds[0]
    scale = head.fit_scale(train.y)
    flows = gradient_flow(experiment.model, train, head=head, scale=scale, recipe=experiment.train, seed=seed)
    return [asdict(variant) for variant in flows]


def _arrays(belief: Belief, index: np.ndarray) -> Weights:
    arrays = {"index": index, "value": belief.value}
    if belief.quantiles is not None:
        arrays |= {"quantiles": belief.quantiles, "levels": np.array(belief.levels)}
    if belief.probabilities is not None:
        arrays["probabilities"] = belief.probabilities
    return {name: np.ascontiguousarray(value) for name, value in arrays.items()}


def read_forecasts(place: Path) -> tuple[np.ndarray, Belief]:
    """Row positions and beliefs of a whole unit."""
    arrays = load_file(place / "forecasts.safetensors")
    levels = tuple(float(level) for level in arrays["levels"]) if "levels" in arrays else ()
    belief = Belief(arrays["value"], arrays.get("quantiles"), levels, arrays.get("probabilities"))
    return arrays["index"], belief
