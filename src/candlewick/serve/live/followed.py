"""What is remembered of one instrument beside the states of releases: its newest bar, its paper account, its faults."""

from dataclasses import dataclass, field
from math import isnan, nan

import numpy as np

from candlewick.core.clock import iso
from candlewick.evaluate.account import PaperAccount
from candlewick.evaluate.costs import Costs, Fill
from candlewick.evaluate.policies._base import Policy
from candlewick.release.card import Card
from candlewick.serve.live.intake import Last
from candlewick.serve.live.resident import Step


@dataclass(frozen=True)
class Rules:
    """How forecasts are traded on paper; `policy` is None where they are not."""

    policy: Policy | None
    costs: Costs
    fill: Fill
    bars_per_year: float

    @classmethod
    def of(cls, card: Card) -> "Rules":
        """Those of a release."""
        return cls(card.policy_spec, card.costs, card.fill, card.bars_per_year)

    def wanted(self, step: Step, held: float) -> float:
        """The position to be held from now on; NaN for no decision."""
        forecast = step.forecast
        if self.policy is None or forecast.status == "abstain":
            return nan
        probabilities = np.array([forecast.probabilities]) if forecast.probabilities else None
        wanted = self.policy.wanted(np.array([forecast.value]), probabilities, bars_per_year=self.bars_per_year)
        return self.policy.follow(float(wanted[0]), held)


@dataclass
class Followed:
    """One instrument.

    Attributes:
        symbol: its name.
        seq: of the newest record about it that is contained here.
        t: close of its newest bar.
        columns: number of the names of its values.
        values: of that bar.
        bars: bars taken in.
        marked: value of `bars` when something before was found wrong; -1 for never.
        mark: what that was.
        held: position that the policy follows; NaN before its first decision.
        account: the paper account's state; empty where nothing is traded.
        position, equity: of the paper account at the newest close; NaN where there is none.
        status, reason: of the newest forecast.
    """

    symbol: str
    seq: int = -1
    t: int = -1
    columns: int = -1
    values: tuple[float, ...] = ()
    bars: int = 0
    marked: int = -1
    mark: str = ""
    held: float = nan
    account: np.ndarray = field(default_factory=lambda: np.zeros(0))
    position: float = nan
    equity: float = nan
    status: str = ""
    reason: str = ""

    def last(self, names: tuple[str, ...]) -> Last:
        """Its newest bar."""
        return Last(self.t, dict(zip(names, self.values, strict=True)).get("close"))

    def flaw(self, anchor: int) -> str:
        """What the newest forecasts of a release with this anchor suffer from; "" for nothing."""
        if self.marked < 0 or self.bars - self.marked > anchor:
            return ""
        return f"{self.mark}; it is remembered for {anchor - (self.bars - self.marked)} more bars"

    def find_flaw(self, what: str) -> None:
        """Something before the next bar is wrong."""
        self.marked, self.mark = self.bars, what

    def trade(self, rules: Rules, t: int, values: dict[str, float], target: float) -> None:
        """Take the paper account through a bar at whose close `target` is wanted."""
        close = values.get("close", nan)
        if rules.policy is None or not close > 0:
            return
        if not isnan(target):
            self.held = target
        opened = values.get("open")
        fill: Fill = rules.fill if opened is not None and opened > 0 else "next_close"
        account = PaperAccount(costs=rules.costs, fill=fill)
        if len(self.account):
            account.state[:] = self.account
        self.equity, self.position, _ = account.step(t, opened, close, target)
        self.account = account.state


def missing_before(t: int, last: int, interval_ns: int) -> int:
    """Bars of the nominal interval that are missing between two closes."""
    return max(round((t - last) / interval_ns) - 1, 0)


def gap_mark(missing: int, after: int) -> str:
    """A gap in words."""
    return f"{missing:,} bar{'s' * (missing > 1)} after {iso(after)} did not come"
