"""Planning an experiment: what each model costs, whether it fits, and what would."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from candlewick.core.errors import ConfigError
from candlewick.core.progress import Progress, Silent
from candlewick.lab.experiment import Experiment
from candlewick.lab.prepare import Prepared, prepare, reading_of
from candlewick.lab.pricing import Pricing
from candlewick.models._base import Network
from candlewick.runtime import rates, step_rates
from candlewick.runtime.rates import Trial
from candlewick.runtime.session import Precision
from candlewick.sizing import fit_time
from candlewick.sizing.machine import Machine
from candlewick.sizing.measure import Supply, cores, measured, this_machine
from candlewick.sizing.plan import ModelPlan, Plan
from candlewick.sizing.record import past_error
from candlewick.train.requirement import require_torch


def plan(
    experiment: Experiment | str | Path | Mapping[str, Any], *overrides: str, data: Any = None,
    workers: int | None = None, learning_curve: bool = False, remeasure: bool = False,
    progress: Progress | None = None, **reading: Any,
) -> Plan:  # fmt: skip
    """What an experiment will cost, before anything is trained.

    Experiment, overrides, `data` and its reading options, and `workers` are as for `run`. The machine is measured
    once, which takes seconds, and known again; `remeasure` measures it anew. `learning_curve` also fits the model and
    `linear` on growing shares of the last fold's training rows, which may take long: it says how long first.

    Raises:
        ConfigError: the experiment cannot be meant as written.
        MissingDependencyError: a learning curve of a network is asked for and torch is not installed.
        DataError, LeakError, TrainingError: as their names say.
    """
    progress = progress or Silent()
    experiment = Experiment.of(experiment, *overrides)
    if data is not None:
        experiment = Experiment.of({**experiment.to_dict(), "data": "given"})
    if learning_curve and isinstance(experiment.model, Network):
        require_torch()
    prepared = prepare(experiment, reading_of(data, reading))
    for note in prepared.notes:
        progress.say(note)
    found = _planned(experiment, prepared, measured_machine(progress=progress, remeasure=remeasure), workers)
    if not learning_curve:
        return found
    from candlewick.lab.learning import learning_curves

    return replace(found, learning=learning_curves(experiment, prepared, progress=progress))


def measured_machine(*, progress: Progress | None = None, remeasure: bool = False) -> Machine:
    """This machine by every library that is installed: as it was measured before, or measured now."""
    supplies: dict[str, Supply] = {"process": _process}
    if find_spec("torch"):
        supplies["torch"] = _torch_trials
    # Later than torch, for they load libraries that no process which trains has in its memory.
    supplies |= {"runtime": rates.trials, "engine": step_rates.trials, "fits": fit_time.trials}
    late = {
        f"compiled networks in {precision}": partial(step_rates.network_trials, precision)
        for precision in get_args(Precision)
    }
    return measured(supplies, late=late, progress=progress, remeasure=remeasure)


def _process(threads: int) -> Iterable[Trial]:
    return [rates.resident("runtime")] if threads == 1 else []


def _torch_trials(threads: int) -> Iterable[Trial]:
    from candlewick.train.rates import trials  # imports torch, which a machine that is known does not need

    return trials(threads)


def require_affordable(
    experiment: Experiment, prepared: Prepared, machine: Machine | None, *, workers: int, progress: Progress
) -> None:
    """Say each warning, and refuse what a gate refuses; time and latency only on a machine that was measured.

    Raises:
        ConfigError: a gate refuses, with the nearest model that passes and how to override it.
    """
    found = _planned(experiment, prepared, machine or this_machine(), workers)
    for model in found.models:
        for gate in model.gates:
            if gate.outcome == "warn":
                progress.say(f"warning: {model.label}: {gate.sentence}")
    refused = [model for model in found.models if model.outcome == "refuse"]
    if refused:
        raise ConfigError("\n".join(_refusal(model) for model in refused))


def _refusal(model: ModelPlan) -> str:
    refusing = [gate for gate in model.gates if gate.outcome == "refuse"]
    why = " ".join(gate.sentence for gate in refusing)
    instead = f"This passes: {model.proposal}." if model.proposal else "No smaller variant of it passes."
    override = " ".join(f"limits.{gate.name}.refuse=null" for gate in refusing)
    return f"{model.label} is refused: {why} {instead} To run it nevertheless, say {override}."


def _planned(experiment: Experiment, prepared: Prepared, machine: Machine, workers: int | None) -> Plan:
    pricing = Pricing(experiment, prepared, machine, workers or cores())
    models = tuple(pricing.plan(label, model) for label, model in experiment.models.items())
    return Plan(experiment.title or experiment.label.spec_name(), machine, past_error(machine), models)
