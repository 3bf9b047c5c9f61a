"""For every contract of labels, a planted fault that it must catch; a sound plant beside them must pass."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from candlewick.labels._base import UNKNOWN, Label, LabelRows
from candlewick.labels._horizon import ahead, answered, fixed_end
from candlewick.testing.label_contracts import LABEL_CONTRACTS, check_label


class Sound(Label):
    """Change of the close over the horizon: the honest label that every plant below spoils in one way."""

    kind: ClassVar[str] = "number"
    horizon: int = 3

    def run(self, bars):
        close = bars.column("close")
        value = ahead(close, self.horizon) / close - 1
        return answered(bars, value, fixed_end(len(bars), self.horizon), self.max_gap)

    @property
    def echo(self):
        return None


class PeeksAnotherBar(Sound):
    """Looks at the bar after the one it names."""

    def run(self, bars):
        close = bars.column("close")
        value = np.nan_to_num(ahead(close, self.horizon + 1) / close - 1)
        return answered(bars, value, fixed_end(len(bars), self.horizon), self.max_gap)


class KnownTooEarly(Sound):
    """Says that it is known a bar before it is."""

    def run(self, bars):
        rows = super().run(bars)
        known_at = rows.known_at.copy()
        known_at[rows.known_at != UNKNOWN] -= bars.interval_ns
        return replace(rows, known_at=known_at)


class KnownTooLate(Sound):
    """Asks about `horizon - 1` bars and says it is known after `horizon`."""

    def run(self, bars):
        close = bars.column("close")
        value = ahead(close, max(self.horizon - 1, 0)) / close - 1
        return answered(bars, value, fixed_end(len(bars), self.horizon), self.max_gap)


class BeyondTheHorizon(Sound):
    def run(self, bars):
        close = bars.column("close")
        value = ahead(close, self.horizon + 1) / close - 1
        return answered(bars, value, fixed_end(len(bars), self.horizon + 1), self.max_gap)


class ScaledByTheWholeSample(Sound):
    def run(self, bars):
        rows = super().run(bars)
        spread = np.nanstd(rows.value) if len(bars) > self.horizon + 1 else 1.0
        return replace(rows, value=rows.value / (spread or 1.0))


class FillsTheEnd(Sound):
    def run(self, bars):
        rows = super().run(bars)
        return replace(rows, value=np.nan_to_num(rows.value))


class NegativeVariance(Sound):
    kind: ClassVar[str] = "variance"


class UnnamedClasses(Sound):
    kind: ClassVar[str] = "classes"


class IgnoresGaps(Sound):
    def run(self, bars):
        close = bars.column("close")
        value = ahead(close, self.horizon) / close - 1
        return answered(bars, value, fixed_end(len(bars), self.horizon), None)


class DropsGapsBesideIt(Sound):
    """Loses rows whose own bar follows a gap, too."""

    def run(self, bars):
        rows = super().run(bars)
        if self.max_gap is None:
            return rows
        beside = rows.crosses_gap | np.append(False, rows.crosses_gap[:-1])
        beside &= rows.known_at != UNKNOWN
        return LabelRows(np.where(beside, np.nan, rows.value), rows.known_at, beside)


class IgnoredParameter(Sound):
    threshold: float = 0.5


class WrongEcho(Sound):
    """The echo is the return of one bar, whatever the horizon."""

    @property
    def echo(self):
        return {"name": "log_return", "length": 1}


class UnknownBelowZero(Sound):
    """Gives a NaN for a row that it says is known."""

    def run(self, bars):
        close = bars.column("close")
        with np.errstate(invalid="ignore"):
            value = np.log(ahead(close, self.horizon)) - np.log(close)
        return answered(bars, value, fixed_end(len(bars), self.horizon), self.max_gap)


PLANTS = {
    PeeksAnotherBar: "nothing_after_known_at_matters",
    KnownTooEarly: "nothing_after_known_at_matters",
    ScaledByTheWholeSample: "nothing_after_known_at_matters",
    KnownTooLate: "the_bar_at_known_at_matters",
    BeyondTheHorizon: "known_by_the_horizon",
    FillsTheEnd: "values_are_of_their_kind",
    NegativeVariance: "values_are_of_their_kind",
    UnnamedClasses: "describes_itself",
    IgnoresGaps: "gaps_give_no_label",
    DropsGapsBesideIt: "gaps_give_no_label",
    IgnoredParameter: "every_parameter_matters",
    WrongEcho: "echo_states_the_last_known_value",
    UnknownBelowZero: "odd_markets_are_answered",
}


def test_a_sound_label_raises_no_alarm():
    assert [result for result in check_label(Sound) if not result.passed] == []


@pytest.mark.parametrize(("plant", "contract"), PLANTS.items(), ids=lambda value: getattr(value, "__name__", value))
def test_the_planted_fault_is_caught(plant, contract):
    failed = {result.name: result.message for result in check_label(plant) if not result.passed}
    assert contract in failed


def test_every_contract_has_a_plant():
    assert {contract.__name__ for contract in LABEL_CONTRACTS} | {"every_parameter_matters"} == set(PLANTS.values())
