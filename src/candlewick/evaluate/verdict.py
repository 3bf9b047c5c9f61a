"""Two verdicts, never merged: does it forecast, and would trading on it have paid."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from candlewick.core.errors import ConfigError, DataError
from candlewick.core.random import seed_for
from candlewick.evaluate.statistics.bootstrap import MINIMUM_ROWS, Interval, checked_rows, interval, mean
from candlewick.evaluate.statistics.spa import superiority

LEVEL = 0.01
"""A forecast verdict passes wrongly in at most this share of runs without skill."""

WORTH_LEVEL = 0.05
"""The level at which the main model counts as better than the simple ones."""


@dataclass(frozen=True)
class ModelEvidence:
    """One model's mean loss, and the p-value of its being below each trivial baseline (all models allowed for)."""

    name: str
    loss: float
    p: dict[str, float]

    @property
    def worst_p(self) -> float:
        """The p-value against the baseline that is hardest to beat."""
        return max(self.p.values())


@dataclass(frozen=True)
class Worth:
    """The main model against the simple ones: `gain` is the best simple model's mean loss minus the main model's."""

    simple: str
    gain: Interval
    p: float
    below: bool


@dataclass(frozen=True)
class ForecastVerdict:
    """Whether any model of the run forecasts better than every trivial baseline, and whether the main one is worth it.

    Attributes:
        passed: leak checks pass and some model is below every trivial baseline, one-sided at `LEVEL`.
        p: the smallest over models of the largest p-value over the baselines.
        main: the model the run is about.
        main_passed: whether the main model is itself among `skilled`.
        skilled: models below every trivial baseline, lowest loss first.
        models: every model that is no trivial baseline, lowest loss first.
        trivial: mean loss of every trivial baseline.
        worth: the main model against the simple ones; None where there are none or it is one of them.
        rows: times at which all models forecast.
        leaks: failed leak checks.
        sentences: the verdict in words, the most important first.
    """

    passed: bool
    p: float
    main: str
    main_passed: bool
    skilled: tuple[str, ...]
    models: tuple[ModelEvidence, ...]
    trivial: dict[str, float]
    worth: Worth | None
    rows: int
    leaks: tuple[str, ...]
    sentences: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; NaN became None."""
        return dict(plain(asdict(self)))


def judge_forecast(
    losses: Mapping[str, np.ndarray],
    *,
    trivial: Sequence[str],
    simple: Sequence[str] = (),
    main: str,
    leak_checks: Mapping[str, bool],
    seed: int,
) -> ForecastVerdict:
    """The forecast verdict from every model's losses in time order.

    Args:
        losses: name -> float64 (n,), mean over seeds and instruments at each time, the same times for all.
        trivial: names of the trivial baselines; a model must be below every one of them.
        simple: names of the simple models that a deep one must beat to be worth its cost.
        main: the model the run is about.
        leak_checks: name of each check -> whether it passed.
        seed: fixes the bootstrap.

    Raises:
        ConfigError: a name without losses, no trivial baseline, or nothing but trivial baselines.
        DataError: losses of different lengths or that are not finite.
    """
    losses = _checked(losses, [*trivial, *simple, main])
    candidates = [name for name in losses if name not in trivial]
    if not trivial or not candidates:
        raise ConfigError("a forecast verdict needs at least one trivial baseline and one other model.")
    matrix = np.column_stack([losses[name] for name in candidates])
    tests = {name: superiority(losses[name], matrix, seed=seed_for(seed, "trivial", name)) for name in trivial}
    models = tuple(
        sorted(
            (
                ModelEvidence(name, _mean(losses[name]), {base: tests[base].p_each[k] for base in trivial})
                for k, name in enumerate(candidates)
            ),
            key=lambda model: model.loss,
        )
    )
    skilled = tuple(model.name for model in models if model.worst_p <= LEVEL)
    leaks = tuple(name for name, fine in leak_checks.items() if not fine)
    rows = len(matrix)
    parts = {
        "passed": bool(skilled) and not leaks,
        "p": min(model.worst_p for model in models),
        "main": main,
        "main_passed": main in skilled and not leaks,
        "skilled": skilled,
        "models": models,
        "trivial": {name: _mean(losses[name]) for name in trivial},
        "worth": _worth(losses, [name for name in simple if name != main], main, seed) if main not in simple else None,
        "rows": rows,
        "leaks": leaks,
    }
    return ForecastVerdict(**parts, sentences=_sentences(**parts))


def _checked(losses: Mapping[str, np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
    missing = [name for name in names if name not in losses]
    if missing:
        raise ConfigError(f"there are no losses of {', '.join(missing)}. There are: {', '.join(losses)}.")
    arrays = {name: checked_rows(rows) for name, rows in losses.items()}
    if len({rows.shape for rows in arrays.values()}) != 1 or next(iter(arrays.values())).ndim != 1:
        shapes = ", ".join(f"{name} {rows.shape}" for name, rows in arrays.items())
        raise DataError(f"every model needs one loss at each of the same times, was {shapes}.")
    return arrays


def _mean(rows: np.ndarray) -> float:
    return float(rows.mean()) if len(rows) else float("nan")


def _worth(losses: Mapping[str, np.ndarray], simple: Sequence[str], main: str, seed: int) -> Worth | None:
    if not simple:
        return None
    best = min(simple, key=lambda name: _mean(losses[name]))
    # Below the best of them means below each: the largest p-value decides.
    p = max(superiority(losses[name], losses[main][:, None], seed=seed_for(seed, "simple", name)).p for name in simple)
    gain = interval(mean, losses[best] - losses[main], seed=seed_for(seed, "gain"))
    return Worth(best, gain, p, p <= WORTH_LEVEL)


def _sentences(
    *,
    passed: bool,
    p: float,
    main: str,
    main_passed: bool,
    skilled: tuple[str, ...],
    models: tuple[ModelEvidence, ...],
    trivial: dict[str, float],
    worth: Worth | None,
    rows: int,
    leaks: tuple[str, ...],
) -> tuple[str, ...]:
    baselines = " and ".join(trivial)
    said = []
    if worth is not None and not worth.below:
        said.append(
            f"Use {worth.simple} instead of {main}: {main} does not forecast measurably better "
            f"(gain {worth.gain.estimate:.4g}, interval {worth.gain.low:.4g} to {worth.gain.high:.4g}, "
            f"p {worth.p:.2g})."
        )
    if leaks:
        said.append(f"The forecast verdict fails: leak checks failed ({', '.join(leaks)}), so no figure here counts.")
    elif passed:
        said.append(
            f"The forecast verdict passes: {', '.join(skilled)} lose less than {baselines} "
            f"(one-sided p {p:.2g} over {rows} times, {len(models)} models looked at)."
        )
    elif rows < MINIMUM_ROWS:
        said.append(
            f"The forecast verdict fails: {rows} times are too few to judge, at least {MINIMUM_ROWS} are needed."
        )
    else:
        said.append(
            f"The forecast verdict fails: no model is shown to lose less than {baselines} "
            f"(best p {p:.2g}, at most {LEVEL:g} is needed)."
        )
    if passed and not main_passed:
        said.append(f"The pass is not due to {main}, which is not shown to be below {baselines}.")
    if worth is not None and worth.below:
        said.append(
            f"{main} is worth its cost: it loses less than {worth.simple}, the best simple model "
            f"(gain {worth.gain.estimate:.4g}, interval {worth.gain.low:.4g} to {worth.gain.high:.4g}, p {worth.p:.2g})."
        )
    return tuple(said)


def plain(data: Any) -> Any:
    """Nested dicts, tuples and numbers as JSON data: tuples are lists and numbers that are not finite are None."""
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    if isinstance(data, float) and not np.isfinite(data):
        return None
    return data
