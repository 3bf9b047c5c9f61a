"""Whether a bar can be meant as it came: every reason to refuse one, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from candlewick.core.clock import NS_PER_SECOND, iso
from candlewick.core.words import some
from candlewick.data.interval import format_duration
from candlewick.serve.protocol import Bar

PRICES = ("open", "high", "low", "close")
AHEAD_NS = NS_PER_SECOND
"""How far two clocks may be apart before a bar counts as one of the future."""

FARTHEST = 4.0
"""A close so many times the last one, or that part of it, has to be confirmed."""

_NS_BEGIN, _NS_END = 10**17, 4 * 10**18  # 1973 and 2096: a stamp below the first is rather one in another unit
_UNITS = ((10**9, "seconds"), (10**6, "milliseconds"), (10**3, "microseconds"))


@dataclass(frozen=True)
class Terms:
    """What the release that serves asks of a bar.

    Attributes:
        columns: that it reads.
        symbols: that it knows; None for any.
        interval_ns: length of its bars.
        nonpositive: whether prices of zero and below are meant.
    """

    columns: tuple[str, ...]
    symbols: frozenset[str] | None
    interval_ns: int
    nonpositive: bool


@dataclass(frozen=True)
class Last:
    """The newest bar of an instrument."""

    t: int
    close: float | None


def refusal(bar: Bar, terms: Terms, last: Last | None, *, now: int) -> str:
    """Why the bar is refused; "" where it is not.

    Args:
        last: the bar of its instrument that it would follow; None where there is none.
        now: ns UTC.
    """
    return (
        _instrument(bar, terms)
        or _stamp(bar.t, now)
        or _values(bar.values, terms)
        or _step(bar, terms, last)
        or _scale(bar, last)
    )


def _instrument(bar: Bar, terms: Terms) -> str:
    if terms.symbols is not None and bar.symbol not in terms.symbols:
        return f"the release does not know {bar.symbol}; it was fitted on {some(sorted(terms.symbols))}"
    if bar.interval_ns is not None and bar.interval_ns != terms.interval_ns:
        return (
            f"the release forecasts bars of {format_duration(terms.interval_ns)}, "
            f"this one is {format_duration(bar.interval_ns)} long"
        )
    return ""


def _stamp(t: int, now: int) -> str:
    if t < _NS_BEGIN:
        for factor, unit in _UNITS:
            if _NS_BEGIN <= t * factor <= _NS_END:  # whatever this machine's clock says
                return f"t is {t}, which looks like {unit}; it must be the bar's close in ns since 1970 UTC"
    if t > now + AHEAD_NS:
        return f"it closes at {iso(t)}, which has not come: here it is {iso(now)}; a bar is known when it has closed"
    return ""


def _values(values: Mapping[str, float], terms: Terms) -> str:
    for name, value in values.items():
        if not isfinite(value):
            return f"{name} is {value}; a live bar must be finite"
    missing = [name for name in terms.columns if name not in values]
    if missing:
        return f"it has no {some(missing)}, which the release reads; it has {some(sorted(values))}"
    prices = {name: values[name] for name in PRICES if name in values}
    if not terms.nonpositive:
        for name, value in prices.items():
            if value <= 0:
                return f"{name} is {value:g}; the release was fitted on prices above zero"
    if "high" in prices and prices["high"] < max(prices.values()):
        return f"the high {prices['high']:g} is below another price of the bar"
    if "low" in prices and prices["low"] > min(prices.values()):
        return f"the low {prices['low']:g} is above another price of the bar"
    if values.get("volume", 0.0) < 0:
        return f"volume is {values['volume']:g}; it cannot be below zero"
    return ""


def _step(bar: Bar, terms: Terms, last: Last | None) -> str:
    if last is None or not 0 < bar.t - last.t < terms.interval_ns / 2:
        return ""
    return (
        f"it closes {format_duration(bar.t - last.t)} after the bar before, and bars are "
        f"{format_duration(terms.interval_ns)} long; is its stamp the close?"
    )


def _scale(bar: Bar, last: Last | None) -> str:
    close = bar.values.get("close")
    if bar.confirm or last is None or close is None or last.close is None or close <= 0 or last.close <= 0:
        return ""
    factor = close / last.close
    if 1 / FARTHEST < factor < FARTHEST:
        return ""
    return (
        f"its close {close:g} is {factor:.3g} times the last one ({last.close:g}); another unit or a split? "
        "Send it with confirm: true if it is meant"
    )
