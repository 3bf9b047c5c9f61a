"""What a client and the server say to each other: every number bounded, every unknown field refused."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Symbol = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,63}$", description="the instrument's name")]
Column = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Nanoseconds = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Source = Annotated[str, Meta(max_length=64, pattern=r"^[ -~]*$", description="the feed that sends it")]

MOST_BARS = 1_000
"""Bars of one request at most."""

Outcome = Literal["accepted", "duplicate", "revision", "late", "refused"]
Status = Literal["ok", "stale", "degraded", "abstain"]


class Bar(Struct, frozen=True, forbid_unknown_fields=True):
    """A closed bar as a feed posts it.

    Attributes:
        symbol: the instrument.
        t: its close, int64 ns UTC.
        values: open, high, low, close, volume and named extra columns; all finite.
        interval_ns: its length, where the feed knows it; another than the release forecasts is refused.
        source: the feed's own name.
        confirm: whether a close far away from the last one is meant: a split, another unit.
    """

    symbol: Symbol
    t: Nanoseconds
    values: Annotated[dict[Column, float], Meta(min_length=1, max_length=64)]
    interval_ns: Nanoseconds | None = None
    source: Source = ""
    confirm: bool = False


class Answer(Struct, frozen=True):
    """What became of a bar, and the forecast that was made of it.

    Attributes:
        outcome: "accepted", "duplicate" (the answer that was given before), "revision" or "late" (recorded; state and
            forecasts stay as they were), "refused" (nothing has changed).
        status: of the forecast: "ok", "stale" (the bar is old), "degraded" (something before it is wrong), "abstain".
        reason: why the outcome is not "accepted" or the status is not "ok"; "" where both are.
        value, quantiles, probabilities, known_at: as in `core.forecast.Forecast`; null where there is none.
        target: position that the policy wants, as a share of equity; null without a policy or a forecast.
        position: paper position held at this close, as a share of equity.
        equity: paper equity at this close after costs, 1 at the start.
        release: content id of the release that made it.
        generation: how often the champion had been moved when it was made.
        seq: place in the journal; -1 where nothing was recorded.
        durable: whether it is on disk.
        feed_age_ns: time between the bar's close and its arrival.
        timings_us: of each stage.
    """

    symbol: str
    t: int
    outcome: Outcome
    status: Status
    reason: str = ""
    value: float | None = None
    quantiles: tuple[tuple[float, float], ...] = ()
    probabilities: tuple[float, ...] = ()
    known_at: int | None = None
    target: float | None = None
    position: float | None = None
    equity: float | None = None
    release: str = ""
    generation: int = 0
    seq: int = -1
    durable: bool = False
    feed_age_ns: int = 0
    timings_us: dict[str, float] = {}


class Answers(Struct, frozen=True, tag="answers"):
    """One answer for each bar, in their order."""

    answers: tuple[Answer, ...]


class Durable(Struct, frozen=True, tag="durable"):
    """Everything up to `seq` is on disk."""

    seq: int


class Problem(Struct, frozen=True, tag="problem"):
    """Why a request was not carried out; `code` is for programs, `message` for people."""

    code: str
    message: str


Bars = Bar | Annotated[list[Bar], Meta(min_length=1, max_length=MOST_BARS)]

_decoder = msgspec.json.Decoder(Bars)
encode = msgspec.json.Encoder().encode
