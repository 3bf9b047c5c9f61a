"""What a label is: what we want to know of the future, and when it can be known."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from candlewick.core.spec import Spec
from candlewick.data.bars import Bars
from candlewick.data.interval import parse_duration

UNKNOWN = np.iinfo(np.int64).max
"""`known_at` of a row whose label the data does not reach."""

Kind = Literal["number", "variance", "classes"]


@dataclass(frozen=True, eq=False)
class LabelRows:
    """Labels of every bar of one instrument.

    Attributes:
        value: float64 (n,), NaN where the data ends before the label is known, where it crosses a gap, and where the
            question cannot be asked at that bar.
        known_at: int64 (n,), ns; `UNKNOWN` where value is NaN for another reason than a gap.
        crosses_gap: bool (n,), the label interval `(t, known_at]` holds a step longer than `max_gap`.
    """

    value: np.ndarray
    known_at: np.ndarray
    crosses_gap: np.ndarray


class Label(Spec):
    """A frozen spec of a question about the bars after `t`.

    `value[i]` depends on bars up to and including the one that closes at `known_at[i]`, and on none after it.
    """

    kind: ClassVar[Kind]
    """number: any real, 0 is the no-skill answer; variance: never negative; classes: 0 .. classes-1."""

    columns: ClassVar[tuple[str, ...]] = ("close",)
    classes: ClassVar[tuple[str, ...]] = ()
    """Names of the classes in order; empty for numbers."""

    path_dependent: ClassVar[bool] = False
    """Whether the bars on the way decide when the label is known; else it is known `horizon` bars later."""

    horizon: int = Field(1, ge=1, description="bars until the label is known, at most")
    max_gap: str | None = Field(
        None, examples=["2h"], description="longest step inside a label, such as '4h'; longer ones give no label"
    )

    @field_validator("max_gap")
    @classmethod
    def _is_a_duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    @abstractmethod
    def run(self, bars: Bars) -> LabelRows:
        """Labels of every bar."""

    @property
    @abstractmethod
    def echo(self) -> dict[str, Any] | None:
        """The feature that states, at `t`, this label's last known value in the label's units; None where none does."""
