"""What an experiment will cost, before it is trained."""

import textwrap
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from candlewick.cli.show import Show, table, width
from candlewick.core.words import duration, some

if TYPE_CHECKING:
    from candlewick.sizing.latency import Latency
    from candlewick.sizing.machine import Machine
    from candlewick.sizing.plan import ModelPlan, Plan
    from candlewick.sizing.predict import Prediction

_MIB = 2**20


def plan(
    experiment: Annotated[str, Parameter(help="A packaged name or a YAML file.")],
    /,
    *overrides: Annotated[str, Parameter(help="For example model=lstm10 limits.latency.refuse=1.")],
    workers: Annotated[int | None, Parameter(help="Processes that fit side by side; one a core by default.")] = None,
    learning_curve: Annotated[
        bool, Parameter(show_default=False, help="Fit growing shares of the labels: would more of them pay?")
    ] = False,
    remeasure: Annotated[bool, Parameter(show_default=False, help="Measure this machine anew.")] = False,
    show: Show = Show(),  # noqa: B008 (frozen)
) -> int:
    """Say what an experiment costs in parameters, memory and time, whether it fits, and what would."""
    from candlewick.lab.planning import plan as carry_out

    with show.progress() as progress:
        found = carry_out(
            experiment, *overrides, workers=workers, learning_curve=learning_curve, remeasure=remeasure,
            progress=progress,
        )  # fmt: skip
    if not show.data(found.to_dict()):
        _tell(found)
    return int(found.outcome == "refuse")


def _tell(plan: "Plan") -> None:
    print(plan.title)
    print()
    _machine(plan.machine)
    first = plan.models[0]
    _layers(first)
    if first.predicted:
        _forecasts(first.label, first.predicted)
    _models(plan)
    _gates(plan)
    for model in plan.models:
        if model.outcome == "refuse":
            _line("instead", model.proposal or f"nothing: no smaller {model.label} passes")
    if first.nearest:
        _line("", f"as overrides: {' '.join(f'model.{name}={size}' for name, size in first.nearest.sizes.items())}")
    if first.sampling:
        _line("bars", first.sampling.sentence)
    if first.predicted and first.predicted.untold:
        _line("untold", first.predicted.untold)
    _line("past", plan.past.sentence)
    for curve in plan.learning:
        _line("labels", curve.sentence)
    if len(plan.learning) > 1:
        from candlewick.sizing.learning_curve import beside

        _line("", beside(*plan.learning[:2]))


def _line(name: str, text: str) -> None:
    print(textwrap.fill(f"{name:<8} {text}", width(), subsequent_indent=" " * 9, break_on_hyphens=False))


def _machine(machine: "Machine") -> None:
    _line("machine", f"{machine.words}, {machine.memory / 2**30:.1f} GiB")
    for precision in ("fp32", "bf16", "int8"):
        if peak := machine.peak(precision):
            rate, path = peak
            _line("peak", f"{precision} {rate:,.0f} G{'operations' if precision == 'int8' else 'FLOP'}/s ({path})")
    if machine.left_out:
        left = some(machine.left_out, most=2)
        _line("left out", f"{left}; what hangs on them is predicted from the rest. --remeasure takes the time for all")
    print()


def _layers(model: "ModelPlan") -> None:
    from candlewick.sizing.count import optimiser_bytes

    rows = [
        (
            one.layer,
            one.parameters,
            one.multiply_adds,
            4 * one.activations,
            optimiser_bytes(one.parameters, kahan=False),
        )
        for one in model.layers
    ]
    total = [sum(column) for column in zip(*(row[1:] for row in rows), strict=True)]
    columns = ("layer", "parameters", "multiply-adds", "activations, B", "optimiser, B")
    table(columns, [*rows, ("all", *total)], title=f"{model.label}: each layer, for one bar")


def _forecasts(label: str, predicted: "Prediction") -> None:
    latencies: dict[str, list[Latency]] = {}
    for one in predicted.latency:
        latencies.setdefault(one.precision, []).append(one)
    rows = [
        (
            precision,
            *(duration(figure) for one in each for figure in (one.p50, one.p99)),
            each[0].path.partition(" (")[0],
        )
        for precision, each in latencies.items()
    ]
    heads = [f"p{share} of {one.instruments}" for one in next(iter(latencies.values())) for share in (50, 99)]
    table(("precision", *heads, "by"), rows, title=f"{label}: live forecast of 1 or 32 instruments")


def _models(plan: "Plan") -> None:
    rows = []
    for model in plan.models:
        predicted, fits = model.predicted, model.fits
        memory = predicted and predicted.training_memory
        time = predicted.training.get(fits.precision) if predicted and fits else None
        rows.append(
            (
                model.label,
                model.parameters,
                f"{duration(time.epoch)} {fits.precision}" if time and fits else "-",
                _from_to(fits.shortest, fits.longest) if fits else "-",
                fits.number if fits else None,
                f"{memory / _MIB:,.0f} MiB" if memory else "-",
            )
        )
    table(("model", "parameters", "epoch", "all fits", "fits", "memory"), rows, title="training")


def _gates(plan: "Plan") -> None:
    rows = [
        (gate.outcome, model.label, gate.sentence)
        for model in plan.models
        for gate in model.gates
        if gate.outcome != "pass" or model is plan.models[0]
    ]
    rows += [
        ("pass", model.label, f"all {len(model.gates)} gates") for model in plan.models[1:] if model.outcome == "pass"
    ]
    order = ("refuse", "warn", "pass")
    table(("gate", "model", "why"), sorted(rows, key=lambda row: order.index(row[0])))


def _from_to(shortest: float, longest: float) -> str:
    ends = dict.fromkeys((duration(shortest), duration(longest)))
    return " to ".join(ends)
