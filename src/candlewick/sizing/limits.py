"""What an experiment may cost before it is warned of, or refused: numbers that are part of no identity."""

from typing import Annotated

from pydantic import Field

from candlewick.core.spec import Spec

Level = Annotated[float | None, Field(gt=0)]


class Limit(Spec):
    """Two levels of one figure: where a warning begins, and where a refusal. None is never."""

    warn: Level = None
    refuse: Level = None


class Latency(Limit):
    """Milliseconds, at most: one live forecast of one instrument, p99, in the fastest precision that may serve."""

    refuse: Level = 10.0


class Memory(Limit):
    """Share of the machine's memory, at most: all fits that run side by side, at their peak."""

    refuse: Level = 0.8


class TrainingTime(Limit):
    """Hours, at most: all fits of the experiment, on all its workers."""


class ParametersPerSample(Limit):
    """Parameters for each effective sample of the smallest training fold, at most; overlapping labels count less."""

    warn: Level = 10.0
    refuse: Level = 1000.0


class ClassRows(Limit):
    """Training rows of the rarest class in the smallest training fold, at least."""

    warn: Level = 30.0


class Limits(Spec):
    """Budgets of an experiment. They decide whether it is carried out, never what comes out of it.

    >>> Limits(parameters_per_sample={"refuse": None}).parameters_per_sample
    ParametersPerSample(warn=10.0, refuse=None)
    """

    latency: Latency = Latency()
    memory: Memory = Memory()
    training_time: TrainingTime = TrainingTime()
    parameters_per_sample: ParametersPerSample = ParametersPerSample()
    class_rows: ClassRows = ClassRows()
