"""Gates: whether a model fits its data, the machine and the clock, each with a sentence that says why."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from candlewick.core.words import duration, number
from candlewick.sizing.limits import Limit, Limits
from candlewick.sizing.samples import SampleCount

Outcome = Literal["pass", "warn", "refuse"]

OUTCOMES: tuple[Outcome, ...] = ("refuse", "warn", "pass")
"""The worst first."""
_GIB = 2**30


@dataclass(frozen=True)
class Gate:
    """One gate's answer.

    Attributes:
        name: of its limit: `limits.NAME.refuse` moves it.
        outcome: pass, warn or refuse.
        sentence: the figures, and the level they are held against.
        value: the figure in the limit's unit.
    """

    name: str
    outcome: Outcome
    sentence: str
    value: float


@dataclass(frozen=True)
class Figures:
    """What a model costs; a figure that is not known is None, and its gate is not asked.

    Attributes:
        parameters: of the model.
        samples: of the training fold with the fewest effective ones.
        class_names: what the classes of `samples` are called.
        memory: bytes that the fits which run side by side take at their peak.
        memory_at_least: whether `memory` is only what they keep in arrays, with no process around them.
        machine_memory: bytes that the machine has.
        latency: seconds of one forecast of one instrument at p99, in the precision that is fastest.
        precision: the one that `latency` is of.
        latency_fp32: the same in fp32, which always may serve.
        training: seconds of all fits of the experiment.
    """

    parameters: int
    samples: SampleCount
    class_names: tuple[str, ...] = ()
    memory: float | None = None
    memory_at_least: bool = False
    machine_memory: float | None = None
    latency: float | None = None
    precision: str = "fp32"
    latency_fp32: float | None = None
    training: float | None = None


def gates(figures: Figures, limits: Limits) -> tuple[Gate, ...]:
    """Every gate whose figure is known, refusals first, then warnings.

    >>> figures = Figures(parameters=50_000, samples=SampleCount(rows=2_000, effective=400.0))
    >>> [gate] = gates(figures, Limits())
    >>> gate.outcome
    'warn'
    >>> print(gate.sentence)
    50,000 parameters for 400 effective samples (2,000 rows with overlapping labels) are 125 a sample. Warned from \
10, refused from 1,000.
    """
    return tuple(sorted(_gates(figures, limits), key=lambda gate: OUTCOMES.index(gate.outcome)))


def _gates(figures: Figures, limits: Limits) -> Iterator[Gate]:
    if figures.latency is not None:
        yield _latency(figures, figures.latency, limits.latency)
    if figures.memory is not None and figures.machine_memory is not None:
        share = figures.memory / figures.machine_memory
        said = (
            f"fits side by side take {'more than ' if figures.memory_at_least else ''}{number(figures.memory / _GIB)} "
            f"GiB at their peak, {number(100 * share)} % of the machine's {number(figures.machine_memory / _GIB)} GiB"
        )
        yield _at_most("memory", share, limits.memory, said, " of it")
    if figures.training is not None:
        said = f"all fits take {duration(figures.training)} at most"
        yield _at_most("training_time", figures.training / 3600, limits.training_time, said, " h")
    yield _per_sample(figures, limits.parameters_per_sample)
    if figures.samples.classes:
        yield _rarest(figures, limits.class_rows)


def _latency(figures: Figures, seconds: float, limit: Limit) -> Gate:
    said = f"one forecast takes {_moment(seconds)} at p99 in {figures.precision}"
    gate = _at_most("latency", 1e3 * seconds, limit, said, " ms")
    exact = figures.latency_fp32
    if exact is None or limit.refuse is None or gate.outcome == "refuse" or 1e3 * exact < limit.refuse:
        return gate
    depends = f" In fp32 it is {_moment(exact)}, so {figures.precision} has to prove itself after training."
    return replace(gate, outcome="warn", sentence=gate.sentence + depends)


def _per_sample(figures: Figures, limit: Limit) -> Gate:
    samples = figures.samples
    each = figures.parameters / max(samples.effective, 1.0)
    overlap = f" ({samples.rows:,} rows with overlapping labels)" if round(samples.effective) < samples.rows else ""
    said = (
        f"{figures.parameters:,} parameters for {samples.effective:,.0f} effective samples{overlap} "
        f"are {number(each)} a sample"
    )
    return _at_most("parameters_per_sample", each, limit, said, "")


def _rarest(figures: Figures, limit: Limit) -> Gate:
    counts = figures.samples.classes
    fewest = min(counts)
    name = figures.class_names[counts.index(fewest)] if figures.class_names else str(counts.index(fewest))
    said = f"class {name}, the rarest of {len(counts)}, has {fewest:,} training rows"
    return _judged("class_rows", float(fewest), limit, said, "", lambda level: fewest < level, "below")


def _at_most(name: str, value: float, limit: Limit, said: str, unit: str) -> Gate:
    return _judged(name, value, limit, said, unit, lambda level: value >= level, "from")


def _judged(
    name: str, value: float, limit: Limit, said: str, unit: str, reached: Callable[[float], bool], where: str
) -> Gate:
    levels: dict[Outcome, float | None] = {"refuse": limit.refuse, "warn": limit.warn}
    met = [outcome for outcome, level in levels.items() if level is not None and reached(level)]
    told = ", ".join(
        f"{word} {where} {number(level)}{unit}"
        for word, level in (("warned", limit.warn), ("refused", limit.refuse))
        if level is not None
    )
    return Gate(name, met[0] if met else "pass", f"{said}. {told.capitalize() or 'No limit is set'}.", value)


def _moment(seconds: float) -> str:
    return f"{number(1e3 * seconds)} ms" if seconds >= 1e-3 else f"{number(1e6 * seconds)} us"
