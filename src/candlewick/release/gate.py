"""The gate: whether a release may take the champion's place, for people and schedulers alike. In doubt it stays."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from candlewick.core.errors import CandlewickError
from candlewick.core.words import some
from candlewick.data.interval import format_duration
from candlewick.evaluate.policies._base import Policy
from candlewick.release.bundle import Bundle
from candlewick.release.card import Card
from candlewick.runtime.choose import candidates, open_session
from candlewick.runtime.session import Session

MOST_LEVERAGE = 100.0
"""Largest position, as a share of equity, that a policy may want of the golden forecasts."""

MOST_COST = 0.05
"""Largest cost of trading a notional of one that can be meant."""


@dataclass(frozen=True, eq=False)
class Asked:
    """What a promotion is decided on.

    Attributes:
        bundle: the release that is to be promoted.
        alias: which alias is to point at it. For others than the champion the verdict is not asked: a challenger is
            there to be tried.
        champion: card of the release that serves now; None where none does.
        columns: of the bars that come in; None or () where that is not known.
        symbols: instruments whose bars come in; None or () where that is not known.
        session: in which the golden vectors are checked; the steadiest way to run the model by default.
        checked: they were checked already, in another process of this machine.
    """

    bundle: Bundle
    alias: str = "champion"
    champion: Card | None = None
    columns: tuple[str, ...] | None = None
    symbols: tuple[str, ...] | None = None
    session: Session | None = None
    checked: bool = False


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    Attributes:
        allowed: the release may be promoted.
        reasons: what speaks against it; where nothing does, what speaks for it.
    """

    allowed: bool
    reasons: tuple[str, ...]


class GateError(CandlewickError):
    """The gate did not let a release through: the champion stays."""


def decide(asked: Asked) -> Decision:
    """Every reason against a promotion, or all that speaks for it."""
    found = [check(asked) for check in _CHECKS]
    against = tuple(text for fine, text in found if not fine)
    return Decision(not against, against or tuple(text for _, text in found if text))


_Found = tuple[bool, str]


def _verdict(asked: Asked) -> _Found:
    card = asked.bundle.card
    if card.forced:
        return True, f"it was released by force: {card.forced}"
    if card.verdict.passed and card.verdict.use == card.model:
        return True, "the verdict of its run passed and names it"
    if asked.alias != "champion":
        return True, "a verdict is not asked of it"
    what = f"names {card.verdict.use}" if card.verdict.passed else "did not pass"
    return False, f"the verdict of its run {what}, and it was not released by force"


def _golden(asked: Asked) -> _Found:
    if asked.checked:
        return True, "its golden vectors were equal on this machine"
    bundle = asked.bundle
    try:
        session = asked.session or open_session(bundle.exported, candidates(bundle.exported)[0])
        difference = bundle.golden.check(session)
    except CandlewickError as error:
        return False, str(error).rstrip(".")
    return True, f"its golden vectors are equal on this machine to {difference:.1e}"


def _bars(asked: Asked) -> _Found:
    card = asked.bundle.card
    missing = [name for name in card.columns if asked.columns and name not in asked.columns]
    if missing:
        return False, f"it reads {some(missing)}, the bars that come in have {some(asked.columns or ())}"
    unknown = [name for name in asked.symbols or () if card.symbols is not None and name not in card.symbols]
    if unknown:
        return False, f"its scaler knows {some(card.symbols or ())}, bars of {some(unknown)} come in too"
    return True, "the bars that come in have all it reads" if asked.columns else ""


def _interval(asked: Asked) -> _Found:
    if asked.champion is None or asked.champion.interval_ns == asked.bundle.card.interval_ns:
        return True, ""
    own, other = (format_duration(card.interval_ns) for card in (asked.bundle.card, asked.champion))
    return False, f"it forecasts bars of {own}, the champion bars of {other}"


def _trading(asked: Asked) -> _Found:
    bundle, costs = asked.bundle, asked.bundle.costs
    if costs.rate > MOST_COST:
        return False, f"its costs are {costs.rate:.1%} of every trade, {MOST_COST:.0%} is the most that can be meant"
    if bundle.policy is None:
        return True, "it trades nothing"
    wanted = _tried(bundle, bundle.policy)
    if isinstance(wanted, str):
        return False, wanted
    if not np.isfinite(wanted).all() or np.abs(wanted).max() > MOST_LEVERAGE:
        return False, f"its policy wants positions up to {np.abs(wanted).max():.3g} of equity of its golden forecasts"
    return True, f"its policy wants at most {np.abs(wanted).max():.2g} of equity of its golden forecasts"


def _tried(bundle: Bundle, policy: Policy) -> np.ndarray | str:
    # Positions from the golden forecasts of the first instrument; why there are none.
    golden = bundle.golden
    belief = bundle.exported.head.decode(golden.raw[golden.symbol == golden.symbol[0]], bundle.exported.scale)
    try:
        return policy.targets(belief.value, belief.probabilities, bars_per_year=bundle.card.bars_per_year)
    except CandlewickError as error:
        return f"its policy does not take its forecasts: {str(error).rstrip('.')}"


_CHECKS: tuple[Callable[[Asked], _Found], ...] = (_verdict, _golden, _bars, _interval, _trading)
