"""One model of one finished run, as a comparison needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from candlewick.evaluate.metrics._base import ForecastMetric
from candlewick.evaluate.spread import Forecasts
from candlewick.evaluate.track import Track, Trades
from candlewick.lab.runs import Run
from candlewick.models import Network

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Contestant:
    """A model's out-of-sample forecasts by seed, its track (seeds in equal shares), its metric rows and its units.

    Attributes:
        name: the model's label, with its run's folder in front where runs are compared.
        track: None where the run traded nothing; holds bars only, no trades.
    """

    name: str
    run: Run
    model: str
    forecasts: Mapping[int, Forecasts]
    track: Track | None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The model's rows of the run's metric tables, under its name here."""
        tables = (*self.run.record["metrics"], *self.run.record.get("trading", []))
        return [{**row, "model": self.name} for row in tables if row["model"] == self.model]

    @property
    def units(self) -> list[dict[str, Any]]:
        """Records of the model's units."""
        return [unit for unit in self.run.record["units"] if unit["model"] == self.model]

    def loss_at_times(self, metric: ForecastMetric) -> np.ndarray:
        """float64 (times,): mean loss over seeds and instruments at each distinct time, in order."""
        total: np.ndarray | float = 0.0
        for part in self.forecasts.values():
            times, place = np.unique(part.t, return_inverse=True)
            rows = metric.rows(part.truth, part.value, part.probabilities)
            assert rows is not None, "the loss of a label kind is a mean over rows"
            total = total + np.bincount(place, rows, len(times)) / np.bincount(place, minlength=len(times))
        return np.asarray(total) / len(self.forecasts)

    def costs(self) -> dict[str, float | None]:
        """Parameters, multiply-adds, epochs and seconds to the best epoch, and microseconds of a single forecast."""
        units = self.units
        trained = [unit for unit in units if unit.get("curve")]
        return {
            "parameters": units[0]["parameters"],
            "multiply_adds": units[0]["multiply_adds"],
            "epochs_to_best": _mean([unit["best_epoch"] for unit in trained]),
            "seconds_to_best": _mean([_seconds_to_best(unit) for unit in trained]),
            "fit_seconds": _mean([unit["seconds"] for unit in units]),
            "forecast_us": self._forecast_us(),
        }

    def _forecast_us(self) -> float | None:
        experiment = self.run.experiment
        model = experiment.everything[self.model]
        if not isinstance(model, Network):
            return None
        from candlewick.train.latency import forecast_seconds

        inputs = len(experiment.feature_set.outputs)
        return 1e6 * forecast_seconds(model, inputs=inputs, head=experiment.answer, length=experiment.length)


def contestants(run: Run, *, alone: bool) -> list[Contestant]:
    """The models of a run that a comparison is about.

    `alone` means there is no other run: then its model and rivals, or with no rivals its model and baselines.
    Otherwise its model.
    """
    experiment = run.experiment
    labels = list(experiment.models)
    wanted = labels[: 1 + len(experiment.rivals)] if experiment.rivals else labels
    forecasts = run.forecasts()
    tracks = run.tracks() if experiment.policy is not None else None
    return [_contestant(run, model, forecasts, tracks, alone) for model in (wanted if alone else labels[:1])]


def _contestant(
    run: Run, model: str, forecasts: "pl.DataFrame", tracks: "pl.DataFrame | None", alone: bool
) -> Contestant:
    own = forecasts.filter(forecasts["model"] == model).sort("t", "symbol", "fold")
    by_seed = {int(seed): _forecasts(part) for (seed,), part in own.group_by("seed", maintain_order=True)}
    name = model if alone else f"{run.folder.name}: {model}"
    return Contestant(name, run, model, by_seed, None if tracks is None else _track(tracks, model, run))


def _forecasts(part: "pl.DataFrame") -> Forecasts:
    chances = [name for name in part.columns if name[:1] == "p" and name[1:].isdigit() and part[name].null_count() == 0]
    return Forecasts(
        t=part["t"].to_numpy(),
        fold=part["fold"].to_numpy(),
        truth=part["truth"].to_numpy(),
        value=part["value"].to_numpy(),
        probabilities=part.select(chances).to_numpy() if chances else None,
    )


def _track(tracks: "pl.DataFrame", model: str, run: Run) -> Track:
    own = tracks.filter(tracks["model"] == model)
    mean = own.drop("model").group_by("t").mean().sort("t")
    none = np.empty(0, dtype=np.int64)
    return Track(
        t=mean["t"].to_numpy(),
        returns=mean["returns"].to_numpy(),
        exposure=mean["exposure"].to_numpy(),
        traded=mean["traded"].to_numpy(),
        cost=mean["cost"].to_numpy(),
        trades=Trades(none, none, none, none, np.empty(0), np.empty(0)),
        bars_per_year=run.record["bars_per_year"],
    )


def _seconds_to_best(unit: Mapping[str, Any]) -> float:
    return float(sum(epoch["seconds"] for epoch in unit["curve"] if epoch["number"] <= unit["best_epoch"]))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
