"""What an audit found: one check after the other, each with its figures and, where it failed, the mend."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from candlewick.core.errors import CandlewickError, MissingDependencyError

Kind = Literal["structural", "statistical"]
Figure = int | float | str

KINDS: dict[str, Kind] = {
    "bars": "structural", "stamps": "structural", "future_echo": "structural", "features": "structural",
    "scale": "structural", "labels": "structural", "echo": "structural", "split": "structural",
    "duplicates": "structural", "fit": "structural", "forecasts": "structural", "truncate": "structural",
    "shuffle": "statistical", "delay": "statistical",
}  # fmt: skip
"""Every check by name, in the order they are made."""


@dataclass(frozen=True)
class Check:
    """One question that was put to an experiment.

    Attributes:
        name: one of `KINDS`.
        passed: no leak was seen.
        message: what was tried; where it failed, the column, the bar and the mend.
        figures: what was counted or measured.
    """

    name: str
    passed: bool
    message: str
    figures: dict[str, Figure] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """Structural checks compare bits; statistical ones have a chance of a false alarm, 1 % in all."""
        return KINDS[self.name]


@dataclass(frozen=True)
class Cost:
    """What an audit was expected to take, told before it began."""

    seconds: float
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return f"about {_rounded(self.seconds)}: {'; '.join(self.parts)}"


@dataclass(frozen=True)
class AuditReport:
    """All checks of one experiment.

    Attributes:
        experiment: content id of what was audited.
        seed, cuts: what the structural checks were drawn with.
        cost: the estimate that was printed first.
        seconds: what it took.
    """

    experiment: str
    title: str
    seed: int
    cuts: int
    cost: Cost
    seconds: float
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that did not."""
        return tuple(check.name for check in self.checks if not check.passed)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; figures that are not finite become null."""
        data = asdict(self) | {"passed": self.passed}
        for plain, check in zip(data["checks"], self.checks, strict=True):
            plain["kind"] = check.kind
            plain["figures"] = {k: None if _is_odd(v) else v for k, v in check.figures.items()}
        return data


def guarded(name: str, question: Callable[[], Check]) -> Check:
    """The check that `question` makes; one that the pipeline itself refuses to go through has failed."""
    try:
        return question()
    except MissingDependencyError:
        raise  # it says nothing of leaks
    except CandlewickError as error:
        return Check(name, False, f"refused while it was checked: {error}")


def _is_odd(value: Figure) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _rounded(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{seconds / 60:.0f} min"
