"""The forecast verdict: is anything here forecast better than trivially, and is the main model worth its cost."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from candlewick.core.errors import ConfigError, DataError
from candlewick.core.random import seed_for
from candlewick.evaluate.statistics.bootstrap import MINIMUM_ROWS, Interval, checked_rows, mean_interval
from candlewick.evaluate.statistics.spa import superiority
from candlewick.evaluate.verdict.words import listed, plain, spoken

LEVEL = 0.01
"""A run without skill passes with at most this chance."""

WORTH_LEVEL = 0.05
"""The level at which the main model counts as better than the simple ones."""


@dataclass(frozen=True)
class ModelEvidence:
    """One model's mean loss, and the p-value of its being below each trivial baseline, all models allowed for."""

    name: str
    loss: float
    p: dict[str, float]

    @property
    def worst_p(self) -> float:
        """The p-value against the baseline that is hardest to beat."""
        return max(self.p.values())


@dataclass(frozen=True)
class Worth:
    """The main model against the simple ones.

    Attributes:
        simple: the simple model with the lowest mean loss.
        gain: its mean loss minus the main model's; above zero the main model is better.
        p: one-sided, of the main model's being below every simple one.
        below: whether `p` is at most `WORTH_LEVEL`.
    """

    simple: str
    gain: Interval
    p: float
    below: bool


@dataclass(frozen=True)
class ForecastVerdict:
    """Whether a model of the run forecasts better than every trivial baseline, and whether the main one is worth it.

    Attributes:
        main: the model the run is about.
        models: every model that is no trivial baseline, lowest loss first.
        trivial: mean loss of every trivial baseline.
        worth: the main model against the simple ones; None where it is one of them or there are none.
        rows: times at which every model forecast.
        leaks: leak checks that failed.
    """

    main: str
    models: tuple[ModelEvidence, ...]
    trivial: dict[str, float]
    worth: Worth | None
    rows: int
    leaks: tuple[str, ...]

    @property
    def skilled(self) -> tuple[str, ...]:
        """Models below every trivial baseline, one-sided at `LEVEL`, lowest loss first."""
        return tuple(model.name for model in self.models if model.worst_p <= LEVEL)

    @property
    def passed(self) -> bool:
        """Leak checks pass and at least one model is skilled."""
        return bool(self.skilled) and not self.leaks

    @property
    def main_passed(self) -> bool:
        """The verdict passes and the main model is among the skilled."""
        return self.passed and self.main in self.skilled

    @property
    def p(self) -> float:
        """The smallest over models of their largest p-value over the baselines."""
        return min((model.worst_p for model in self.models), default=1.0)

    @property
    def use(self) -> str:
        """The simplest model that the evidence speaks for; a trivial baseline where it speaks for none."""
        if not self.passed:
            return min(self.trivial, key=lambda name: self.trivial[name])
        worth = self.worth
        if worth is not None and not worth.below and (self.main_passed or worth.simple in self.skilled):
            return worth.simple
        return self.main if self.main_passed else self.skilled[0]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdict in words. The first names the simpler model to use where the main one is not worth its cost."""
        return (*self._advice(), self._outcome(), *self._credit(), *self._praise())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, what is derived included; NaN became None."""
        derived = ("passed", "main_passed", "skilled", "p", "use", "sentences")
        return dict(plain({**asdict(self), **{name: getattr(self, name) for name in derived}}))

    def _advice(self) -> list[str]:
        if self.use == self.main or self.leaks or self.rows < MINIMUM_ROWS:
            return []
        if not self.passed:
            return [f"Use {self.use}: nothing here is shown to forecast better than a trivial baseline."]
        if self.worth is None or self.use != self.worth.simple:
            return [f"Use {self.use}: {self.main} is not shown to forecast better than a trivial baseline."]
        return [
            f"Use {self.use} instead of {self.main}: {self.main} does not measurably forecast better "
            f"(gain in loss {spoken(self.worth.gain)}, p {self.worth.p:.2g})."
        ]

    def _outcome(self) -> str:
        baselines = listed(tuple(self.trivial))
        if self.leaks:
            return f"The forecast verdict fails: leaks were found ({listed(self.leaks)}), so none of its figures count."
        if self.rows < MINIMUM_ROWS:
            return f"The forecast verdict fails: {self.rows} times are too few to judge, {MINIMUM_ROWS} are needed."
        if self.passed:
            return (
                f"The forecast verdict passes: {listed(self.skilled)} {'lose' if len(self.skilled) > 1 else 'loses'} "
                f"less on average than {baselines} (one-sided p {self.p:.2g} over {self.rows} times, "
                f"{len(self.models)} models looked at)."
            )
        return (
            f"The forecast verdict fails: no model is shown to lose less on average than {baselines} "
            f"(smallest p {self.p:.2g} over {self.rows} times, {LEVEL:g} is needed)."
        )

    def _credit(self) -> list[str]:
        if not self.passed or self.main_passed:
            return []
        baselines = listed(tuple(self.trivial))
        return [f"The pass is not owed to {self.main}, which is not itself shown to lose less than {baselines}."]

    def _praise(self) -> list[str]:
        if not self.main_passed or self.worth is None or not self.worth.below:
            return []
        return [
            f"{self.main} is worth its cost: it loses less than {self.worth.simple}, the best simple model "
            f"(gain in loss {spoken(self.worth.gain)}, p {self.worth.p:.2g})."
        ]


def judge_forecast(
    losses: Mapping[str, np.ndarray],
    *,
    trivial: Sequence[str],
    simple: Sequence[str] = (),
    main: str,
    leak_checks: Mapping[str, bool],
    seed: int,
) -> ForecastVerdict:
    """The forecast verdict, from every model's losses in time order.

    A model must be below every trivial baseline, so the largest of its p-values counts: a baseline that suits the
    market badly (the last value, where the variance is constant) lends nobody skill.

    Args:
        losses: name -> float64 (n,), mean over seeds and instruments at each time, the same times for all.
        trivial: names of the trivial baselines.
        simple: names of the simple models that a deep one must beat to be worth its cost.
        main: the model the run is about.
        leak_checks: name of each check -> whether it passed.
        seed: fixes the bootstrap.

    Raises:
        ConfigError: a name without losses, or no trivial baseline.
        DataError: losses of different lengths, or that are not finite.
    """
    losses = _checked(losses, [*trivial, *simple, main])
    if not trivial:
        raise ConfigError("a forecast verdict needs at least one trivial baseline, was none. Add naive models.")
    names = [name for name in losses if name not in trivial]
    models = []
    if names:
        matrix = np.column_stack([losses[name] for name in names])
        tests = {base: superiority(losses[base], matrix, seed=seed_for(seed, "trivial", base)) for base in trivial}
        models = [
            ModelEvidence(name, _mean(losses[name]), {base: test.p_each[k] for base, test in tests.items()})
            for k, name in enumerate(names)
        ]
    return ForecastVerdict(
        main=main,
        models=tuple(sorted(models, key=lambda model: model.loss)),
        trivial={base: _mean(losses[base]) for base in trivial},
        worth=_worth(losses, simple, main, seed) if simple and main not in simple else None,
        rows=len(losses[main]),
        leaks=tuple(name for name, fine in leak_checks.items() if not fine),
    )


def _checked(losses: Mapping[str, np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
    missing = [name for name in names if name not in losses]
    if missing:
        raise ConfigError(f"there are no losses of {', '.join(missing)}. There are: {', '.join(losses)}.")
    arrays = {name: checked_rows(rows) for name, rows in losses.items()}
    if {rows.shape for rows in arrays.values()} != {(len(arrays[names[0]]),)}:
        shapes = ", ".join(f"{name} {rows.shape}" for name, rows in arrays.items())
        raise DataError(f"every model needs one loss at each of the same times, was {shapes}.")
    return arrays


def _mean(rows: np.ndarray) -> float:
    return float(rows.mean()) if len(rows) else float("nan")


def _worth(losses: Mapping[str, np.ndarray], simple: Sequence[str], main: str, seed: int) -> Worth:
    best = min(simple, key=lambda name: _mean(losses[name]))
    # Below the best of them means below each: the largest p-value decides.
    p = max(superiority(losses[name], losses[main][:, None], seed=seed_for(seed, "simple", name)).p for name in simple)
    gain = mean_interval(losses[best] - losses[main], seed=seed_for(seed, "gain"))
    return Worth(best, gain, p, p <= WORTH_LEVEL)
