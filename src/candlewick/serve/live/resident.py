"""A release in memory, ready to answer: its session, and an engine for each instrument."""

from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from candlewick.core.clock import elapsed_ns
from candlewick.core.errors import CandlewickError
from candlewick.core.forecast import Forecast
from candlewick.release.bundle import Bundle
from candlewick.runtime.choose import Setting, open_session
from candlewick.runtime.engine import Engine
from candlewick.runtime.state import Arrays
from candlewick.serve.live.history import Known
from candlewick.serve.live.intake import Terms
from candlewick.serve.live.probe import Probe
from candlewick.serve.protocol import Bar


@dataclass(frozen=True, slots=True)
class Begun:
    """From where an instrument's state was stepped: `release.records.Anchored` without what is the same for all."""

    first: int
    before: int
    known: int


@dataclass(frozen=True, slots=True)
class Step:
    """What a release said at a bar: the forecast, the raw outputs behind it, and how long it took, in ns."""

    forecast: Forecast
    raw: tuple[float, ...]
    durations: tuple[int, ...]


class Resident:
    """A release with a state for each instrument. Used by one thread at a time.

    A release that does not answer is *behind* by the bars in its backlog, and catches up when there is time.

    Attributes:
        bundle: the release.
        setting: how its arithmetic is run.
        engines: by instrument.
        begun: by instrument, where each state began.
        backlog: bars that it has still to be stepped by.
        failed: instruments whose engine broke off, with the reason.
        known: seq of the journal up to which its states were warmed when it was loaded; -1 for one that was not.
        probe: a trial of the predict path.
    """

    def __init__(self, bundle: Bundle, setting: Setting) -> None:
        """Open the session; it may take seconds.

        Raises:
            ConfigError, StorageError: the model cannot be run so.
        """
        self.bundle, self.setting = bundle, setting
        self.session = open_session(bundle.exported, setting)
        self.engines: dict[str, Engine] = {}
        self.begun: dict[str, Begun] = {}
        self.backlog: deque[tuple[str, int, dict[str, float]]] = deque()
        self.failed: dict[str, str] = {}
        self.known = -1
        self.probe = Probe(bundle, self.session)

    @property
    def id(self) -> str:
        """The release's id."""
        return self.bundle.id

    @property
    def anchor(self) -> int:
        """Bars before the first forecast."""
        return self.bundle.exported.anchor

    @cached_property
    def terms(self) -> Terms:
        """What it asks of a bar."""
        card = self.bundle.card
        symbols = None if card.symbols is None else frozenset(card.symbols)
        return Terms(self.bundle.exported.columns, symbols, card.interval_ns, card.nonpositive)

    def begin(self, symbol: str, begun: Begun, arrays: Arrays | None = None) -> None:
        """An engine for an instrument: from zero, or from a snapshot of one.

        Raises:
            DataError: the snapshot does not fit.
        """
        engine = Engine(
            self.bundle.exported, [symbol], self.session, release=self.id, interval_ns=self.bundle.card.interval_ns
        )
        if arrays is not None:
            engine.restore(arrays)
        self.engines[symbol], self.begun[symbol] = engine, begun
        self.failed.pop(symbol, None)

    def warm(
        self, symbol: str, begun: Begun, bars: Iterable[Known], names: Mapping[int, tuple[str, ...]]
    ) -> None:  # fmt: skip
        """An engine for an instrument, stepped from zero over `bars`.

        Raises:
            CandlewickError: the model's arithmetic broke off.
        """
        self.begin(symbol, begun)
        for bar in bars:
            self.step(symbol, bar.t, dict(zip(names[bar.columns], bar.values, strict=True)))

    def step(self, symbol: str, t: int, values: dict[str, float]) -> Step:
        """One bar of an instrument that has begun.

        Raises:
            CandlewickError: the model's arithmetic broke off; the instrument has to begin again.
        """
        engine = self.engines[symbol]
        row = np.array([values[name] for name in self.bundle.exported.columns])
        try:
            (forecast,) = engine.step(t, row)
        except CandlewickError as error:
            self.failed[symbol] = str(error)
            raise
        known = forecast.status != "abstain"
        return Step(forecast, self.newest_raw(symbol) if known else (), engine.durations)

    def knows(self, symbol: str) -> bool:
        """Whether it can forecast this instrument."""
        return self.terms.symbols is None or symbol in self.terms.symbols

    def can_read(self, bar: Bar) -> bool:
        """Whether it knows the instrument and the bar has all columns that it reads."""
        return self.knows(bar.symbol) and all(name in bar.values for name in self.terms.columns)

    def newest_raw(self, symbol: str) -> tuple[float, ...]:
        """Raw outputs of an instrument's newest step."""
        return tuple(self.engines[symbol].raw[0].tolist())

    def owe(self, symbol: str, t: int, values: dict[str, float]) -> None:
        """A bar to be stepped later."""
        self.backlog.append((symbol, t, values))

    def catch_up(self, most_ns: int | None = None) -> bool:
        """Step what is owed, for about so long; whether something is left."""
        end = None if most_ns is None else elapsed_ns() + most_ns
        while self.backlog and (end is None or elapsed_ns() < end):
            symbol, t, values = self.backlog.popleft()
            if symbol not in self.engines and self.knows(symbol):
                self.begin(symbol, Begun(-1, 0, self.known))
            if symbol in self.engines and symbol not in self.failed:
                self._follow(symbol, t, values)
        return bool(self.backlog)

    def _follow(self, symbol: str, t: int, values: dict[str, float]) -> None:
        if any(name not in values for name in self.bundle.exported.columns):
            self.failed[symbol] = "a bar had not all the columns it reads"
            return
        with suppress(CandlewickError):  # told by `failed`
            self.step(symbol, t, values)
