"""What an experiment will cost, before it is trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from candlewick.cli.show import Show, table

if TYPE_CHECKING:
    from candlewick.plan.machine import Machine
    from candlewick.plan.plan import ModelPlan, Plan

_MIB = 2**20


def plan(
    experiment: Annotated[str, Parameter(help="A packaged name or a YAML file.")],
    /,
    *overrides: Annotated[str, Parameter(help="For example model=lstm10 limits.latency.refuse=1.")],
    data: Annotated[Path | None, Parameter(help="A file of bars in place of the experiment's own data.")] = None,
    workers: Annotated[int | None, Parameter(help="Processes that fit side by side; one a core by default.")] = None,
    show: Show = Show(),  # noqa: B008 (frozen)
) -> int:
    """Say what an experiment costs in parameters, memory and time, whether it fits, and what would."""
    from candlewick.lab.planning import plan as carry_out

    with show.progress() as progress:
        found = carry_out(experiment, *overrides, data=data, workers=workers, progress=progress)
    if not show.data(found.to_dict()):
        _tell(found)
    return int(found.outcome == "refuse")


def _tell(plan: "Plan") -> None:
    print(plan.title)
    _machine(plan.machine)
    _layers(plan.models[0])
    for model in plan.models:
        _gates(model)


def _machine(machine: "Machine") -> None:
    print(f"machine  {machine.processor}, {machine.cores} cores, {machine.memory / 2**30:.1f} GiB")


def _layers(model: "ModelPlan") -> None:
    rows = [
        (layer.layer, f"{layer.parameters:,}", f"{layer.multiply_adds:,}", f"{layer.activations:,}")
        for layer in model.layers
    ]
    total = ("all", f"{model.parameters:,}", f"{model.multiply_adds:,}", f"{model.activations:,}")
    table(("layer", "parameters", "multiply-adds", "activations"), [*rows, total], title=f"{model.label}, one step")


def _gates(model: "ModelPlan") -> None:
    for gate in model.gates:
        print(f"{gate.outcome:8} {model.label}: {gate.sentence}")
    if model.nearest:
        near = model.nearest
        print(f"passes   {near.words}: {near.parameters:,} parameters, saves {near.saving:.0%}")
    if model.sampling:
        print(f"sampling {model.sampling.sentence}")
