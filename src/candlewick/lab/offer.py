"""Which fit of a run is offered for use, and that fit as a model that can serve."""

from dataclasses import dataclass, field
from typing import Any

from candlewick.core import files
from candlewick.core.errors import ConfigError
from candlewick.lab.runs import Run
from candlewick.lab.unit import Fitted, Unit, load
from candlewick.models._base import Network
from candlewick.runtime.exported import Exported


@dataclass(frozen=True, eq=False)
class Offer:
    """A fit and what is known of it.

    Attributes:
        unit: the model, the fold whose test rows are its evidence, and the seed.
        evidence: in words, what the run's figures say of these weights.
        seen: whether the weights were fitted on the fold's test rows too.
        facts: more for its lineage; plain data.
    """

    unit: Unit
    fitted: Fitted
    evidence: str
    seen: bool = False
    facts: dict[str, object] = field(default_factory=dict)


def offer(run: Run, model: str) -> Offer:
    """The last fold's fit, whose training rows reach furthest, with the seed of best validation loss.

    Raises:
        ConfigError: the run has no such model, has not fitted it yet, or a member's own file was changed since: what
            was fitted is of no use to other features.
    """
    require_model(run, model)
    _require_same_sources(run)
    places = [path.parent for path in (run.folder / "units").glob("*/record.json")]
    records = [(files.read_json(place / "record.json"), place) for place in places]
    own = [(record, place) for record, place in records if record["model"] == model]
    if not own:
        raise ConfigError(f"{run.folder} holds no fitted {model}. The run is {run.status}; resume it.")
    last = max(record["fold"] for record, _ in own)

    def loss(record: dict[str, Any]) -> tuple[float, int]:
        losses = [e["validation_loss"] for e in record.get("curve", []) if e["validation_loss"] is not None]
        return min(losses, default=0.0), record["seed"]

    record, place = min(((r, p) for r, p in own if r["fold"] == last), key=lambda pair: loss(pair[0]))
    evidence = f"test fold {last} of {run.experiment.split.spec_name()}, which these weights were not fitted on"
    return Offer(Unit(model, last, record["seed"]), load(place / "fitted.safetensors"), evidence)


def require_model(run: Run, model: str) -> None:
    """Refuse a label that the run does not know.

    Raises:
        ConfigError: with those that it does know.
    """
    if model not in run.experiment.everything:
        raise ConfigError(f"the run has no model {model!r}. It has: {', '.join(run.experiment.everything)}.")


def _require_same_sources(run: Run) -> None:
    fitted = run.record.get("sources", {})  # runs of older versions do not tell
    for name, source in run.experiment.sources.items():
        if fitted.get(name, source) != source:
            raise ConfigError(
                f"{name.partition(':')[0]} was changed since {run.folder} was fitted with it. "
                "Put back the file as it was, or run the experiment again."
            )


def exported(run: Run, offered: Offer) -> Exported:
    """The fit as a model to be run in fp32, with its lineage.

    Raises:
        ConfigError: a network that ONNX has no operators for.
        MissingDependencyError: it is a network, which only torch can turn into a graph, and torch is not installed.
    """
    experiment, unit, fitted = run.experiment, offered.unit, offered.fitted
    spec, head = experiment.everything[unit.model], experiment.answer
    streams = isinstance(spec, Network) and experiment.train.sampling == "streams"
    graphs = {}
    if isinstance(spec, Network):
        from candlewick.train.export import to_graph

        graph = to_graph(
            spec, fitted.weights, inputs=experiment.feature_set.width, head=head, length=experiment.length,
            streams=streams,
        )  # fmt: skip
        graphs = {"fp32": graph}
    lineage = {
        "run": run.folder.name, "title": run.record["title"], "experiment": run.record["experiment"],
        "data": run.record["data"]["hash"], "model": unit.model, "fold": unit.fold, "seed": unit.seed,
        "evidence": offered.evidence, **offered.facts,
    }  # fmt: skip
    return Exported(
        features=experiment.feature_set, label=experiment.label, length=experiment.length, model=spec,
        weights=fitted.weights, scaler=fitted.scaler, head=head, scale=fitted.scale, streams=streams,
        warmup=experiment.train.warmup if streams else 0, calibration=fitted.calibration, graphs=graphs,
        lineage=lineage,
    )  # fmt: skip
