"""What a report is made of: a run's records and frames, and what follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from candlewick.evaluate.metrics import DEFAULT_LOSS

if TYPE_CHECKING:
    import polars as pl

BENCHMARK = "benchmark"
_COLOURS = 8


@dataclass(frozen=True, eq=False)
class Material:
    """A finished run as plain data.

    Attributes:
        record: what `run.json` holds.
        experiment: what `experiment.json` holds.
        forecasts: model, fold, seed, symbol, t, value, truth, known_at, `q0.05` ... or `p0` ... if there are any.
        tracks: model, seed, path, t, returns, exposure, traded, cost; None where nothing was traded.
        classes: names of the label's classes, in order; empty for other labels.
    """

    record: Mapping[str, Any]
    experiment: Mapping[str, Any]
    forecasts: "pl.DataFrame"
    tracks: "pl.DataFrame | None"
    classes: Sequence[str]

    @property
    def main(self) -> str:
        """The model that the run is about."""
        return str(self.record["model"])

    @cached_property
    def models(self) -> list[str]:
        """Every model, the main one first and the trivial ones last."""
        return list(dict.fromkeys(row["model"] for row in self.record["metrics"]))

    @property
    def trivial(self) -> Mapping[str, float]:
        """Mean loss of every trivial baseline."""
        found: Mapping[str, float] = self.record["verdicts"]["forecast"]["trivial"]
        return found

    @cached_property
    def rival(self) -> str:
        """The model to look at beside the main one: the best simple one, else the best other, else the best trivial."""
        verdict = self.record["verdicts"]["forecast"]
        if verdict["worth"]:
            return str(verdict["worth"]["simple"])
        others = [model["name"] for model in verdict["models"] if model["name"] != self.main]
        return others[0] if others else min(self.trivial, key=lambda name: self.trivial[name])

    @cached_property
    def kind(self) -> str:
        """`number`, `variance` or `classes`."""
        return next(kind for kind, loss in DEFAULT_LOSS.items() if loss == self.record["loss"])

    def colour(self, model: str) -> str:
        """The same for a model in every chart."""
        if model == BENCHMARK:
            return "var(--benchmark)"
        return f"var(--c{self.models.index(model) % _COLOURS})"

    @property
    def drawn(self) -> list[str]:
        """Every model in the order of drawing: the main one last, above the others."""
        return sorted(self.models, key=self.rank, reverse=True)

    def rank(self, model: str) -> int:
        """Place in legends: the main model, the one beside it, the benchmark, then the others."""
        first = [self.main, self.rival, BENCHMARK]
        return first.index(model) if model in first else len(first) + self.models.index(model)

    def of_note(self, model: str) -> bool:
        """Whether a chart shows the model before anyone asks for it."""
        return model in (self.main, self.rival, BENCHMARK)

    def units(self, model: str) -> list[Mapping[str, Any]]:
        """Records of the model's units."""
        return [unit for unit in self.record["units"] if unit["model"] == model]
