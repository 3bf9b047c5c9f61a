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
from candlewick.models.naive import Naive
from candlewick.runtime.rates import Trial, timed
from candlewick.samples.dataset import Dataset, Samples
from candlewick.sizing.machine import Machine
from candlewick.sizing.scale import by_number
from candlewick.sizing.training_time import Fitting

_SIZES, _ROUNDS = ((1_000, 10), (8_000, 20)), (5, 25)
_LENGTH = 22
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
    """Fits on rows of noise, on one thread; shape (rows, columns, rounds of boosting)."""
    if threads > 1:
        return
    kinds: list[tuple[str, Estimator, Head, int]] = [
        ("linear", Linear(), Point(), 0),
        ("linear classes", Linear(), Classes(), 0),
        ("har", Har(), Variance(), 0),
    ]
    kinds += [("gradient_boosting", GradientBoosting(rounds=rounds), Point(), rounds) for rounds in _ROUNDS]
    for rows, columns in _SIZES:
        for path, model, head, rounds in kinds:
            samples = _noise(rows, columns, head)
            fit = partial(model.fit, samples, head=head, scale=head.fit_scale(samples.y), seed=0)
            yield Trial("fit", path, "fp32", 1, (rows, columns, rounds), 1.0, partial(timed, fit))


def fit_time(model: Model, head: Head, fitting: Fitting, machine: Machine) -> FitTime | None:
    """Seconds of one fit on `fitting.rows` and the validation rows, which estimators are fitted on too.

    None for a model of a user's own, and where fits were not measured.
    """
    rows, columns = fitting.rows + fitting.validation, fitting.inputs
    if isinstance(model, Naive):
        return FitTime(0.0, 0.0)
    if not any(machine.of("fit")):
        return None
    if isinstance(model, GradientBoosting):
        # What was measured is the first fit, on the earlier rows: noise keeps next to no round for the second.
        trees = model.rounds * (head.outputs if isinstance(head, Quantile | Classes) else 1)
        effort = trees * math.sqrt(model.leaves / GradientBoosting().leaves)
        first = _seconds(machine, "gradient_boosting", rows, columns * model.lags, effort)
        return FitTime(first, first * (1 + 1 / _INNER_SHARE))
    if isinstance(model, Har):
        seconds = _seconds(machine, "har", rows, 1)
    elif isinstance(model, Linear):
        kind = "linear classes" if isinstance(head, Classes) else "linear"
        seconds = _seconds(machine, kind, rows, columns * model.lags)
    else:
        return None
    return FitTime(seconds, seconds)


def _seconds(machine: Machine, path: str, rows: int, columns: int, rounds: float = 0) -> float:
    """On a line in the numbers that are read (rows x columns; rows alone for har), and on one in rounds."""
    sizes: dict[float, dict[float, float]] = {}
    for m in machine.of("fit", path=path):
        read = m.shape[0] * (1 if path == "har" else m.shape[1])
        sizes.setdefault(read, {})[m.shape[2]] = m.typical
    return by_number({read: by_number(own, rounds) for read, own in sizes.items()}, rows * columns)


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
