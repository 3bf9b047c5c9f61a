"""What the live journal holds: one record for each thing that happened, in the order in which it did."""

from msgspec import Struct

from candlewick.runtime.choose import Setting


class Columns(Struct, frozen=True, array_like=True, tag="columns"):
    """Names of the values of later bars, under a number."""

    number: int
    names: tuple[str, ...]


class Told(Struct, frozen=True, array_like=True):
    """What a release said at a bar.

    Attributes:
        release: its id.
        generation: how often the champion had been moved.
        status, reason, value, quantiles, probabilities, known_at: as in `core.forecast.Forecast`; a value that is not
            known is None.
        raw: the model's raw outputs, calibrated; () where it was not run.
        target: position wanted; None for none.
        position: of the paper account at this close, as a share of equity.
        equity: of the paper account at this close.
    """

    release: str
    generation: int
    status: str
    reason: str
    value: float | None
    quantiles: tuple[tuple[float, float], ...]
    probabilities: tuple[float, ...]
    known_at: int | None
    raw: tuple[float, ...]
    target: float | None
    position: float | None
    equity: float | None


class Taken(Struct, frozen=True, array_like=True, tag="bar"):
    """A closed bar that was taken in, and what was told of it: one record, so that neither can be without the other."""

    symbol: str
    t: int
    columns: int
    values: tuple[float, ...]
    received: int
    source: str
    told: Told


class Revised(Struct, frozen=True, array_like=True, tag="revision"):
    """Other values for a bar that had been taken in. States and forecasts stay as they were."""

    symbol: str
    t: int
    columns: int
    values: tuple[float, ...]
    received: int
    source: str


class Late(Struct, frozen=True, array_like=True, tag="late"):
    """A bar that came after a later one. Recorded for those who warm up from history; stepped by nobody."""

    symbol: str
    t: int
    columns: int
    values: tuple[float, ...]
    received: int
    source: str


class Gap(Struct, frozen=True, array_like=True, tag="gap"):
    """Bars that are missing before the one at `until`: the step to it is longer than is usual."""

    symbol: str
    after: int
    until: int
    missing: int


class Anchored(Struct, frozen=True, array_like=True, tag="anchor"):
    """The zero state of a release for an instrument: from where any replay has to begin.

    Attributes:
        first: close of the first bar that was stepped; -1 where the next bar will be the first.
        before: bars stepped before this record, `first` counted, the last one being the newest of the instrument.
        known: seq up to which revisions are contained in their values.
        setting: how the release was run.
    """

    release: str
    symbol: str
    first: int
    before: int
    known: int
    setting: Setting
    at: int


class Serving(Struct, frozen=True, array_like=True, tag="serving"):
    """From here on, this release answers."""

    release: str
    generation: int
    why: str
    at: int


class Started(Struct, frozen=True, array_like=True, tag="started"):
    """A server began: with which versions, and how many bytes of an unfinished write it had to cut off."""

    at: int
    versions: dict[str, str]
    cut: int


class Noticed(Struct, frozen=True, array_like=True, tag="noticed"):
    """Something that a person should know: a jump of the clock, a watchdog's alarm, a state that had to be rebuilt."""

    at: int
    what: str
    detail: str


class Stopped(Struct, frozen=True, array_like=True, tag="stopped"):
    """A server ended in order."""

    at: int


Record = Columns | Taken | Revised | Late | Gap | Anchored | Serving | Started | Noticed | Stopped
"""Whatever the live journal holds."""
