"""The whole journey: data, folds, units in parallel, judgement, run folder."""

import os
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from candlewick.core import files
from candlewick.core.clock import elapsed_s, iso, now_ns
from candlewick.core.errors import ConfigError
from candlewick.core.progress import Progress, Silent
from candlewick.core.versions import versions
from candlewick.lab import ledger
from candlewick.lab.audit import quick_checks
from candlewick.lab.experiment import Experiment
from candlewick.lab.export import export_all
from candlewick.lab.hindsight import hindsight
from candlewick.lab.outcome import conclude
from candlewick.lab.planning import measured_machine, require_affordable
from candlewick.lab.prepare import Prepared, prepare, reading_of
from candlewick.lab.runs import Run
from candlewick.lab.unit import Unit, complete, flow
from candlewick.models._base import Estimator, Network
from candlewick.sizing.measure import cores, known
from candlewick.train.requirement import require_torch

_LIBRARIES = ("candlewick", "numpy", "numba", "scipy", "scikit-learn", "polars", "arch", "torch")


def run(
    experiment: Experiment | str | Path | Mapping[str, Any], *overrides: str, data: Any = None,
    out: str | Path | None = None, resume: str | Path | None = None, workers: int | None = None,
    progress: Progress | None = None, **reading: Any,
) -> Run:  # fmt: skip
    """Carry out an experiment and judge it.

    The experiment is a packaged name, a YAML path, plain data or an `Experiment`, with dotted overrides as on the
    command line. `data`, anything `read` takes and with its options, replaces the experiment's own: `run("quickstart",
    data=frame, stamp="close", zone="UTC")`. The folder is `out`, or a new one below `./runs`; `resume` goes on in the
    folder of a run that was stopped, where units that are whole are kept and a half-trained network goes on from its
    last checkpoint to the same bits. `workers` processes fit units side by side (default: one a core); with one unit
    or one worker everything happens in this process. Where networks are to be trained and this machine is not known, it
    is measured first, which takes seconds and is done once, so that what was predicted stands beside what came.

    Raises:
        ConfigError: the experiment cannot be meant as written, a gate of its `limits` refuses a model (with the
            nearest one that passes), or `resume` names a run of another experiment or data.
        MissingDependencyError: a network is to be trained and torch is not installed; nothing is read or written.
        StorageError: the folder or the ledger cannot be written, or another process works on the folder.
        DataError, LeakError, TrainingError: as their names say.
    """
    progress = progress or Silent()
    started = elapsed_s()
    experiment = Experiment.of(experiment, *overrides)
    if data is not None:
        experiment = Experiment.of({**experiment.to_dict(), "data": "given"})
    networks = any(isinstance(model, Network) for model in experiment.everything.values())
    if networks:
        require_torch()
    folder = Path(resume) if resume else Path(out) if out else _new_folder(experiment)
    progress.say(f"reading {experiment.data.spec_name()}")
    prepared = prepare(experiment, reading_of(data, reading))
    for note in prepared.notes:
        progress.say(note)
    workers = workers or cores()
    if resume and not (folder / "run.json").is_file():
        raise ConfigError(f"{folder} holds no run to resume: there is no run.json.")
    machine = measured_machine(progress=progress) if networks else known()
    require_affordable(experiment, prepared, machine, workers=workers, progress=progress)
    ledger.record(prepared.panel.content_hash, [])  # one that cannot be written is told before hours of fitting
    with files.locked(folder / ".lock", wait=False):
        record = _open(folder, experiment, prepared, resuming=resume is not None)
        record |= _carried_out(experiment, prepared, folder, workers, progress)
        record["plan"] = hindsight(experiment, prepared, record, machine, workers=workers)
        record["seconds"] = record.get("seconds", 0.0) + elapsed_s() - started
        _close(folder, record)
    progress.advance()
    return Run(folder)


def _carried_out(
    experiment: Experiment, prepared: Prepared, folder: Path, workers: int, progress: Progress
) -> dict[str, Any]:
    leaks = quick_checks(experiment, prepared.panel, prepared.data, prepared.folds)
    units = units_of(experiment, prepared)
    progress.stage(f"fitting {len(units)} units of {len(experiment.models)} models", len(units))
    for _ in fit_all(experiment, prepared, units, folder / "units", workers, progress):
        progress.advance()
    progress.stage("looking at gradients", 1)
    gradients = flow(experiment, prepared.data, prepared.folds[0])
    progress.stage("judging", 1)
    record = {"gradient_flow": gradients, **conclude(experiment, prepared, units, leaks, folder)}
    use = dict.fromkeys((record["verdicts"]["forecast"]["use"], experiment.model_label))
    record["export"] = export_all(Run(folder), tuple(use), prepared, progress)
    return record


def _close(folder: Path, record: dict[str, Any]) -> None:
    files.write_json(folder / "run.json", record)
    done = Run(folder)
    files.write_bytes(done.report, done.page().encode())
    # Last, so that a run is complete only where its report is.
    files.write_json(folder / "run.json", {**record, "status": "complete"})


def units_of(experiment: Experiment, prepared: Prepared) -> list[Unit]:
    """Every model on every fold; networks once a seed, estimators, which draw nothing that matters, with the first."""
    trained = {label: experiment.seeds[:1] if isinstance(model, Estimator) else experiment.seeds
               for label, model in experiment.everything.items()}  # fmt: skip
    slow_first = sorted(trained.items(), key=lambda item: isinstance(experiment.everything[item[0]], Estimator))
    return [Unit(label, fold.id, seed) for label, seeds in slow_first for fold in prepared.folds for seed in seeds]


def fit_all(
    experiment: Experiment, prepared: Prepared, units: list[Unit], folder: Path, workers: int, progress: Progress
) -> Iterator[Path]:
    """Complete every unit below `folder`; one path each, in any order.

    joblib's backend in force does the work: under `joblib.parallel_config("ray")` it is a Ray cluster.
    """
    from joblib import Parallel, delayed

    alone, plain = workers == 1 or len(units) == 1, experiment.to_dict()
    jobs = (
        delayed(complete)(plain, prepared.data, prepared.folds[unit.fold], unit, folder, progress if alone else None)
        for unit in units
    )
    # One unit a process and one thread a unit: the bits of a fit do not depend on how many run beside it.
    yield from Parallel(n_jobs=1 if alone else workers, return_as="generator_unordered")(jobs)


def _new_folder(experiment: Experiment) -> Path:
    stamp = datetime.fromtimestamp(now_ns() / 1e9, UTC).strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{stamp}-{experiment.label.spec_name()}-{experiment.content_id[:6]}".replace(os.sep, "_")


def _open(folder: Path, experiment: Experiment, prepared: Prepared, *, resuming: bool) -> dict[str, Any]:
    """The folder's record, new or that of the run to go on with."""
    path = folder / "run.json"
    if path.is_file():
        record: dict[str, Any] = files.read_json(path)
        same = record["experiment"] == experiment.content_id and record["data"]["hash"] == prepared.panel.content_hash
        if not resuming or not same:
            raise ConfigError(_occupied(folder, record, same=same, resuming=resuming))
        return record
    record = {
        "status": "running",
        "experiment": experiment.content_id,
        "title": experiment.title or experiment.label.spec_name(),
        "model": experiment.model_label,
        "started": now_ns(),
        "data": prepared.facts,
        "versions": versions(_LIBRARIES),
        "sources": experiment.sources,
        "machine": {"processor": platform.machine(), "system": platform.system(), "cores": os.cpu_count()},
    }
    files.write_json(folder / "experiment.json", experiment.to_dict())
    files.write_json(path, record)
    return record


def _occupied(folder: Path, record: Mapping[str, Any], *, same: bool, resuming: bool) -> str:
    finished = "a finished" if record["status"] == "complete" else "an unfinished"
    whose = "this experiment" if same else "another experiment or other data"
    if same:
        remedy = "Resume it, or choose another folder"
    elif resuming:
        remedy = "Give the same experiment and the same data again"
    else:
        remedy = "Choose another folder"
    return f"{folder} holds {finished} run of {whose}: {record['title']}, begun {iso(record['started'])}. {remedy}."
