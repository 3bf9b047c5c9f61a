"""How long models that are fitted in one call take, from small fits of the same models."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from candlewick.core.random import stream
from candlewick.models._base import Estimator, Model
from candlewick.models._heads import Classes, Head, Point, Quantile, Variance
from candlewick.models.gradient_boosting import GradientBoosting
from candlewick.models.har import Har
from candlewick.models.linear import Linear
from candlewick.plan.machine import Machine
from candlewick.plan.scale import by_number
from candlewick.plan.training_time import Fitting
from candlewick.runtime.rates import Trial, timed
from candlewick.samples.dataset import Dataset, Samples

_SIZES = ((1_000, 10), (6_000, 20))
_ROUNDS, _LENGTH = 10, 22
_INNER_SHARE = 0.8  # of the training rows, which choose the number of rounds before the final fit


@dataclass(frozen=True)
class FitTime:
    """Seconds of one fit of an estimator.

    Attributes:
        shortest: where the training rows choose to keep nothing.
        longest: where they choose to keep everything; the same for models that choose nothing that costs time.
    """

    shortest: float
    longest: float


def trials(threads: int) -> Iterator[Trial]:
    """Fits on rows of noise, one thread; shape (rows, columns, rounds)."""
    if threads > 1:
        return
    kinds: tuple[tuple[str, Estimator, Head], ...] = (
        ("linear", Linear(), Point()),
        ("linear classes", Linear(), Classes()),
        ("har", Har(), Variance()),
        ("gradient_boosting", GradientBoosting(rounds=_ROUNDS), Point()),
    )
    for rows, columns in _SIZES:
        for path, model, head in kinds:
            samples = _noise(rows, columns, head)
            fit = partial(model.fit, samples, head=head, scale=head.fit_scale(samples.y), seed=0)
            yield Trial("fit", path, "fp32", 1, (rows, columns, _ROUNDS), 1.0, partial(timed, fit))


def fit_time(model: Model, head: Head, fitting: Fitting, machine: Machine) -> FitTime | None:
    """Seconds of one fit on `fitting.rows` and the validation rows, which estimators are fitted on too.

    None for a model of a user's own, and where fits were not measured.
    """
    rows = fitting.rows + fitting.validation
    if isinstance(model, GradientBoosting):
        every = _seconds(machine, "gradient_boosting", rows, fitting.inputs * model.lags)
        if every is None:
            return None
        # What was measured is the first fit, on the earlier rows: noise keeps next to no round for the second.
        trees = model.rounds * (head.outputs if isinstance(head, Quantile | Classes) else 1)
        first = every / _ROUNDS * trees * math.sqrt(model.leaves / GradientBoosting().leaves)
        return FitTime(first, first * (1 + 1 / _INNER_SHARE))
    kind = {Linear: "linear", Har: "har"}.get(type(model))
    if kind is None:
        return FitTime(0.0, 0.0) if model.spec_name() == "naive" else None
    kind += " classes" if isinstance(head, Classes) else ""
    seconds = _seconds(machine, kind, rows, fitting.inputs)
    return None if seconds is None else FitTime(seconds, seconds)


def _seconds(machine: Machine, path: str, rows: int, columns: int) -> float | None:
    points = {float(m.shape[0] * m.shape[1]): m.seconds for m in machine.of("fit", path=path)}
    return by_number(points, rows * columns) if points else None


def _noise(rows: int, columns: int, head: Head) -> Samples:
    rng, bars = stream(0, "trials"), rows + _LENGTH - 1
    t = np.arange(bars, dtype=np.int64)
    y = rng.random(bars)
    data = Dataset(
        x=rng.standard_normal((bars, columns), np.float32), columns=tuple(f"f{k}" for k in range(columns)), t=t,
        symbol=np.zeros(bars, np.int64), symbols=("SYN",), y=np.round(y) if isinstance(head, Classes) else y,
        known_at=t + 1, echo=rng.random(bars), start=t, length=_LENGTH, ready=t >= _LENGTH - 1,
    )  # fmt: skip
    return Samples(data, np.arange(_LENGTH - 1, bars))
