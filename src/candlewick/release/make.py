"""From a finished run to a release: the model that the verdict names, with all that serving and judging it needs."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from candlewick.core.errors import ConfigError, DataError
from candlewick.core.progress import Progress, Silent
from candlewick.core.spec import canonical_json
from candlewick.core.versions import versions
from candlewick.data.bars import Panel
from candlewick.data.evidence import open_equals_previous_close
from candlewick.data.interval import bars_per_year
from candlewick.lab.experiment import Experiment
from candlewick.lab.export import MODEL as EXPORTED
from candlewick.lab.export import REFERENCE as EXPORTED_REFERENCE
from candlewick.lab.export import export
from candlewick.lab.offer import require_model
from candlewick.lab.prepare import reading_of
from candlewick.lab.runs import Run, open_run
from candlewick.release.bundle import EXPERIMENT, MODEL, REFERENCE
from candlewick.release.card import schema_hash, symbols_of
from candlewick.release.golden import GOLDEN, MOST_BARS, MOST_FORECASTS, MOST_SYMBOLS, Golden, compared
from candlewick.release.publish import publish
from candlewick.release.registry import Registry
from candlewick.runtime import store
from candlewick.runtime.choose import candidates
from candlewick.runtime.exported import Exported
from candlewick.runtime.members import is_own, without_place
from candlewick.runtime.reference import Reference

LIBRARIES = ("candlewick", "numpy", "numba", "onnxruntime", "safetensors")
OFTEN = 3
"""Times that a step between bars must have occurred to be usual."""


@dataclass(frozen=True)
class Released:
    """A release that was made.

    Attributes:
        id: its id.
        model: the model's label in the run.
        new: false where the same release was there already.
        forced: the reason where the verdict does not speak for it.
    """

    id: str
    model: str
    new: bool
    forced: str


def release(
    run: Run | str | Path, *, model: str | None = None, force: str = "", live: str | Path = "live", data: Any = None,
    progress: Progress | None = None, **reading: Any,
) -> Released:  # fmt: skip
    """Make an immutable release of a finished run's model in a live folder, and register it; twice is once.

    Args:
        model: a label of the run, baselines included; the one that the forecast verdict names by default.
        force: why it is released although the verdict fails or names another model; recorded in the card.
        live: the live folder.
        data: the bars of the run, where it was given them in Python; anything `read` takes, with its options.

    Raises:
        ConfigError: the run is not finished, has no such model, or the verdict does not speak for it and no reason was
            given; data of another run.
        DataError: there are no bars to check the release on.
        StorageError: the folder cannot be written.
        TrainingError, MissingDependencyError: see `lab.export.export`.
    """
    run, progress = run if isinstance(run, Run) else open_run(run), progress or Silent()
    if not run.complete:
        raise ConfigError(f"only a finished run can be released, was {run.folder}, which is {run.status}. Resume it.")
    verdict = run.record["verdicts"]["forecast"]
    model = model or str(verdict["use"])
    require_model(run, model)
    forced = _reason(run, model, force)
    folder = export(run, model=model, data=data, progress=progress, **reading)
    exported = store.open_exported(folder / EXPORTED, trust_code=True)
    reference = Reference.open(folder / EXPORTED_REFERENCE)
    reference.require_of(exported)
    exported = replace(exported, lineage={**exported.lineage, "title": _named(run.record["title"], run.experiment)})
    panel = _panel(run, data, reading)
    progress.say(f"making golden vectors of {model}")
    golden = _golden(exported, reference, panel)
    contents = {f"{MODEL}/{name}": part for name, part in store.contents(exported, placeless=True).items()} | {
        GOLDEN: golden.packed(),
        REFERENCE: reference.packed(),
        EXPERIMENT: canonical_json(_without_places(run.experiment.to_dict())),
    }
    made, new = publish(contents, _card(run, exported, panel, model, forced), live)
    Registry(live).register(made, origin="run", reason=forced)
    return Released(made, model, new, forced)


def _reason(run: Run, model: str, force: str) -> str:
    # Why it is released against the verdict; "" where the verdict speaks for it.
    verdict = run.record["verdicts"]["forecast"]
    if verdict["passed"] and verdict["use"] == model:
        return ""
    if force.strip():
        return force.strip()
    what = f"names {verdict['use']}" if verdict["passed"] else "fails"
    raise ConfigError(
        f"the forecast verdict of {run.folder} {what}, was asked to release {model}. "
        "A model that the verdict does not speak for is released with a reason only, which its card keeps. "
        f"Say --force REASON{', or release the one it names' * bool(verdict['passed'])}."
    )


def _panel(run: Run, data: Any, reading: dict[str, Any]) -> Panel:
    given = reading_of(data, reading)
    given = run.experiment.data.read() if given is None else given
    panel = given if isinstance(given, Panel) else given.panel
    if panel.content_hash != run.record["data"]["hash"]:
        raise ConfigError(
            f"the data is not that of {run.folder}: its hash begins {panel.content_hash[:12]}, the run's "
            f"{run.record['data']['hash'][:12]}. Give the bars that the run was made of."
        )
    return panel


def _golden(exported: Exported, reference: Reference, panel: Panel) -> Golden:
    stretch = reference.cut(panel)
    if stretch is None or not len(reference.t):
        raise DataError(
            f"a release needs forecasts that it can be checked on, was a reference of {len(reference.t)}. "
            "Release a run with more test rows."
        )
    each = exported.anchor + MOST_FORECASTS
    longest = sorted(stretch.bars, key=len, reverse=True)[: max(1, min(MOST_SYMBOLS, MOST_BARS // each))]
    chosen = tuple(bars[max(len(bars) - each, 0) :] for bars in stretch.bars if bars in longest)
    setting = reference.setting if reference.setting in candidates(exported) else candidates(exported)[0]
    spread = compared(exported.head.decode(reference.raw, exported.scale)).std(axis=0)
    return Golden.made(exported, Panel(chosen), setting, spread)


def _card(run: Run, exported: Exported, panel: Panel, model: str, forced: str) -> dict[str, Any]:
    experiment, record = run.experiment, run.record
    verdict, policy = record["verdicts"]["forecast"], experiment.policy
    interval = max(bars.interval_ns for bars in panel.bars)
    t = np.concatenate([bars.t for bars in panel.bars])
    lineage = {
        **exported.lineage, "split": experiment.split.to_dict(), "versions": record["versions"], "bars": len(panel),
        "first": int(t.min()), "last": int(t.max()),
    }  # fmt: skip
    return {
        "format": 1,
        "title": _named(record["title"], experiment),
        "model": model,
        "content_id": exported.content_id,
        "interval_ns": interval,
        "usual_step_ns": usual_step_ns(panel, interval),
        "columns": list(exported.columns),
        "symbols": symbols_of(exported),
        "nonpositive": any(bool((bars.values[:, _prices(bars.columns)] <= 0).any()) for bars in panel.bars),
        "bars_per_year": float(record.get("bars_per_year") or np.median([bars_per_year(b.t) for b in panel.bars])),
        "fill": record["fill"]["price"] if record.get("fill") else _fill(run, panel),
        "policy": _without_places(policy.to_dict()) if policy is not None else None,
        "costs": experiment.costs.model_dump(mode="json"),
        "schema_hash": schema_hash(exported),
        "sources": _sources(run),
        "verdict": {
            "passed": verdict["passed"],
            "use": verdict["use"],
            "sentences": [_named(line, experiment) for line in run.sentences],
        },
        "forced": forced,
        "lineage": _without_places(lineage),
        "made_by": versions(LIBRARIES),
    }


def _named(text: str, experiment: Experiment) -> str:
    # A run's sentences name members of the user's own by the place of their file.
    for place in experiment.sources:
        text = text.replace(place, without_place(place))
    return text


def usual_step_ns(panel: Panel, interval_ns: int) -> int:
    """The longest step between bars of one instrument that occurred three times or more: nights and weekends too."""
    steps = np.concatenate([np.diff(bars.t) for bars in panel.bars])
    lengths, counts = np.unique(steps, return_counts=True)
    often = lengths[counts >= OFTEN]
    return max(int(often.max()) if len(often) else interval_ns, interval_ns)


def _prices(columns: tuple[str, ...]) -> list[int]:
    return [k for k, name in enumerate(columns) if name in ("open", "high", "low", "close")]


def _fill(run: Run, panel: Panel) -> str:
    shares = [open_equals_previous_close(bars) for bars in panel.bars]
    return run.experiment.costs.fill_for(float(np.mean(np.nan_to_num(shares, nan=1.0))))


def _sources(run: Run) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, digest in run.experiment.sources.items():
        name = without_place(place)
        if found.setdefault(name, str(digest)) != digest:
            raise ConfigError(
                f"two files of your own are called {name}, and a release knows them by name only. Rename one of them."
            )
    return found


def _without_places(value: Any) -> Any:
    # A release tells nothing of the folders of the machine that made it.
    if isinstance(value, dict):
        return {key: _without_places(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_places(inner) for inner in value]
    if not isinstance(value, str):
        return value
    if is_own(value):
        return without_place(value)
    path = Path(value)
    return path.name if path.is_absolute() and len(path.parts) > 2 else value
