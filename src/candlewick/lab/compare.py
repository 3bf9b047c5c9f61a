"""Two or more models on the same folds, seeds and costs: what differs, by how much, and whether it is real."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from candlewick.core import files
from candlewick.core.errors import ConfigError
from candlewick.core.progress import Progress, Silent
from candlewick.evaluate.difference import forecast_difference, track_difference
from candlewick.evaluate.metrics import METRICS
from candlewick.evaluate.metrics._base import ForecastMetric, TradingMetric
from candlewick.evaluate.report import comparison_page
from candlewick.evaluate.statistics.bootstrap import Interval
from candlewick.evaluate.statistics.diebold_mariano import diebold_mariano
from candlewick.evaluate.statistics.model_confidence_set import model_confidence_set
from candlewick.evaluate.statistics.spa import superiority
from candlewick.evaluate.track import Track
from candlewick.evaluate.verdict.words import listed, plain, spoken
from candlewick.lab.contestant import Contestant, contestants
from candlewick.lab.experiment import Experiment
from candlewick.lab.gather import loss_metric
from candlewick.lab.run import run
from candlewick.lab.runs import Run, open_run
from candlewick.labels._base import Label

LEVEL = 0.05
"""Both tests of a pair must reject at this level for its difference to be called real."""

SEED = 0


@dataclass(frozen=True)
class Pair:
    """Two models compared; every difference is the first's figure minus the second's.

    Attributes:
        loss: difference of mean loss, below zero where the first is better.
        diebold_mariano: two-sided p of that difference.
        superior: one-sided p (SPA) of the one with the lower loss being no better than the other.
        metrics: paired differences of the forecast metrics and of the trading metrics that are made of bars.
    """

    first: str
    second: str
    loss: Interval
    diebold_mariano: float
    superior: float
    metrics: dict[str, Interval]

    @property
    def real(self) -> bool:
        """Both tests reject at `LEVEL` and the interval of the loss difference leaves zero out."""
        apart = self.loss.low > 0 or self.loss.high < 0
        return apart and max(self.diebold_mariano, self.superior) <= LEVEL

    @property
    def sentence(self) -> str:
        """The pair in words."""
        better, other = (self.first, self.second) if self.loss.estimate < 0 else (self.second, self.first)
        figures = (
            f"loss of {self.first} minus {self.second} {spoken(self.loss)}; "
            f"Diebold-Mariano p {self.diebold_mariano:.2g}, SPA p {self.superior:.2g}"
        )
        if self.real:
            return f"The difference is real: {better} forecasts better than {other} ({figures})."
        return f"No real difference is shown between {self.first} and {self.second} ({figures})."


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        names: the models, in the order given.
        loss: the metric whose rows the tests are about.
        best: the model confidence set: those the data cannot tell from the best, at 10 %.
        confidence: each model's p-value in it.
        pairs: every two of them.
        table: one row a model and metric, with interval and spread over seeds and folds.
        costs: per model: parameters, multiply-adds a bar, epochs and seconds to the best epoch, time of a forecast.
        runs: folders of the runs it is made of.
    """

    names: tuple[str, ...]
    loss: str
    best: tuple[str, ...]
    confidence: dict[str, float]
    pairs: tuple[Pair, ...]
    table: tuple[dict[str, Any], ...]
    costs: dict[str, dict[str, float | None]]
    runs: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The comparison in words, each pair first."""
        kept = f"At 90 % confidence the best by {self.loss} is {'among ' * (len(self.best) > 1)}{listed(self.best)}."
        return (*(pair.sentence for pair in self.pairs), kept)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, what is derived included."""
        data = asdict(self) | {"sentences": self.sentences}
        data["pairs"] = [{**asdict(p), "real": p.real, "sentence": p.sentence} for p in self.pairs]
        return dict(plain(data))


def compare(
    *sources: Experiment | Run | str | Path, models: Sequence[str] = (), out: str | Path | None = None,
    workers: int | None = None, progress: Progress | None = None,
) -> Comparison:  # fmt: skip
    """Compare models on the same data, label, folds, seeds and costs.

    One source with `models` (names such as `lstm3`): that experiment with those models. One source alone: its model
    and rivals, or all models of the run where it has no rivals. Several: the model of each. A source is an
    experiment, its name or file, or a finished run; experiments are run first. With `out` the comparison is written
    to `out/comparison.json` and, with the report of the run where there is only one, to `out/report.html`.

    Raises:
        ConfigError: fewer than two models, or sources that differ in what must be the same.
    """
    progress = progress or Silent()
    runs = [_run(source, models, workers, progress) for source in sources]
    entrants = [entrant for done in runs for entrant in contestants(done, alone=len(runs) == 1)]
    if len(entrants) < 2:
        raise ConfigError(f"a comparison needs at least two models, was {len(entrants)}. Name two with --models A,B.")
    twice = sorted({entrant.name for entrant in entrants if [e.name for e in entrants].count(entrant.name) > 1})
    if twice:
        raise ConfigError(f"{', '.join(twice)} would stand twice. Name different runs, in folders of different names.")
    _require_same(runs)
    label = runs[0].experiment.label
    metric = loss_metric(label.kind)
    progress.stage("comparing", len(entrants))
    losses = _losses(entrants, metric)
    chosen = model_confidence_set(losses, seed=SEED)
    pairs = []
    for first, second in combinations(entrants, 2):
        pairs.append(_pair(first, second, losses, metric, label))
        progress.advance(note=f"{first.name} and {second.name}")
    comparison = Comparison(
        names=tuple(entrant.name for entrant in entrants),
        loss=metric.spec_name(),
        best=chosen.included,
        confidence=chosen.p,
        pairs=tuple(pairs),
        table=tuple(row for entrant in entrants for row in entrant.rows),
        costs={entrant.name: entrant.costs() for entrant in entrants},
        runs=tuple(str(done.folder) for done in runs),
    )
    if out is not None:
        found = comparison.to_dict()
        report = runs[0].page(found) if len(runs) == 1 else comparison_page(found)
        files.write_json(Path(out) / "comparison.json", found)
        files.write_bytes(Path(out) / "report.html", report.encode())
    return comparison


def _run(source: Experiment | Run | str | Path, models: Sequence[str], workers: int | None, progress: Progress) -> Run:
    if isinstance(source, str | Path) and (Path(source) / "run.json").is_file():
        source = open_run(source)
    if isinstance(source, Run):
        if models:
            raise ConfigError("models can be named for an experiment, not for a run that is done. Name the experiment.")
        return source
    experiment = Experiment.of(source)
    if models:
        experiment = experiment.among(models)
    return run(experiment, workers=workers, progress=progress)


def _require_same(runs: Sequence[Run]) -> None:
    reference = runs[0]
    for other in runs[1:]:
        for part in ("label", "split", "seeds", "policy", "costs"):
            one, two = getattr(reference.experiment, part), getattr(other.experiment, part)
            if one != two:
                raise ConfigError(
                    f"{reference.folder} and {other.folder} differ in {part}: {one!r} and {two!r}. "
                    f"Only runs with the same {part} can be compared; run one of them again."
                )
        if reference.record["data"]["hash"] != other.record["data"]["hash"]:
            raise ConfigError(
                f"{reference.folder} and {other.folder} were run on different data. Run both on the same."
            )


def _losses(entrants: Sequence[Contestant], metric: ForecastMetric) -> dict[str, np.ndarray]:
    """Mean loss over seeds and instruments at each time, the times all of them forecast."""
    return {entrant.name: entrant.loss_at_times(metric) for entrant in entrants}


def _pair(
    first: Contestant, second: Contestant, losses: Mapping[str, np.ndarray], metric: ForecastMetric, label: Label
) -> Pair:
    one, two = losses[first.name], losses[second.name]
    better, worse = (one, two) if one.mean() < two.mean() else (two, one)
    metrics = {
        member.spec_name(): forecast_difference(member, first.forecasts, second.forecasts, seed=SEED)
        for member in _members(ForecastMetric) if label.kind in member.kinds
    }  # fmt: skip
    if first.track is not None and second.track is not None:
        metrics |= _track_differences(first.track, second.track)
    loss = forecast_difference(metric, first.forecasts, second.forecasts, seed=SEED)
    return Pair(
        first=first.name,
        second=second.name,
        loss=loss,
        diebold_mariano=diebold_mariano(one, two, horizon=label.horizon).p,
        superior=superiority(worse, better[:, None], seed=SEED).p,
        metrics=metrics,
    )


def _track_differences(first: Track, second: Track) -> dict[str, Interval]:
    return {
        member.spec_name(): track_difference(member, first, second, seed=SEED)
        for member in _members(TradingMetric) if member.reads == "bars"
    }  # fmt: skip


def _members(base: type[Any]) -> list[Any]:
    return [member for member in (METRICS.build(name) for name in METRICS.names()) if isinstance(member, base)]
