"""The live side of a folder: bars in, answers out. Single-threaded; knows no sockets."""

from collections import Counter, deque
from collections.abc import Callable
from math import isnan
from typing import Any

from candlewick.core.clock import elapsed_ns, iso
from candlewick.core.errors import CandlewickError, ConfigError
from candlewick.core.failpoint import reached
from candlewick.core.words import duration
from candlewick.release.journal import Journal
from candlewick.release.records import Anchored, Columns, Gap, Late, Noticed, Revised, Serving, Taken, Told
from candlewick.runtime.histogram import Histogram
from candlewick.serve.live import history
from candlewick.serve.live.followed import Followed, Rules, gap_mark, missing_before
from candlewick.serve.live.intake import refusal
from candlewick.serve.live.resident import Begun, Resident, Step
from candlewick.serve.live.warming import Warming
from candlewick.serve.protocol import Answer, Bar, Outcome

MOST_SYMBOLS = 1024
JUMP_NS = 2_000_000_000
"""How far the wall clock may stray from the steady one between two bars before it counts as a jump."""

_MOST_OWED = 20_000  # bars: a standby that falls so far behind costs more than it is worth
_MOST_FEEDS = 256

Watcher = Callable[[str, Any], None]
"""Told ("event", (bar, answer)) of every bar taken in, and ("record", (seq, record)) of whatever else is journalled."""


class Live:
    """Instruments and releases of one live folder, as `serve.live.recovery.recover` makes them.

    Attributes:
        journal: the truth. `offer` appends to it; the caller commits.
        champion: the release that answers; None where none was promoted.
        standby: the one that a rollback goes to, stepped by every bar too; None where there is none.
        generation: how often the champion had been moved.
        followed: instruments by name.
        names: names of bars' values by their number.
        outcomes: bars by outcome; `statuses`: forecasts by status.
        latency: histograms of the engine's stages and of `offer` as a whole, in ns.
        stepped_ns: time for which the champion was stepped since the start.
        feeds: of each source, counts by outcome and when it was heard last.
        troubles: of each instrument followed, bars refused, come twice or missing in gaps since the start.
        alarm: why the watchdog does not trust the predict path; "" where it does.
    """

    def __init__(
        self, journal: Journal, *, clock: Callable[[], int], elapsed: Callable[[], int] = elapsed_ns,
        most_symbols: int = MOST_SYMBOLS,
    ) -> None:  # fmt: skip
        self.journal, self.clock, self.most_symbols = journal, clock, most_symbols
        self.champion: Resident | None = None
        self.standby: Resident | None = None
        self.warming: Warming | None = None
        self.rules: Rules | None = None
        self.generation, self.since = 0, 0
        self.followed: dict[str, Followed] = {}
        self.names: dict[int, tuple[str, ...]] = {}
        self.outcomes: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.latency: dict[str, Histogram] = {}
        self.stepped_ns = 0
        self.feeds: dict[str, dict[str, int]] = {}
        self.troubles: dict[str, Counter[str]] = {}
        self.alarm = ""
        self._numbers: dict[tuple[str, ...], int] = {}
        self._watchers: list[Watcher] = []
        self._elapsed = elapsed
        self._times: tuple[int, int] | None = None
        self.notices: deque[str] = deque(maxlen=20)

    def offer(self, bar: Bar) -> Answer:
        """Take in a bar and answer at once; what is recorded of it is on disk after the journal's next commit.

        Raises:
            ConfigError: no release serves.
            StorageError: the journal can be written no more.
        """
        began, now = elapsed_ns(), self.clock()
        if self.champion is None:
            raise ConfigError("no release serves yet. Promote one: candlewick promote RELEASE --as champion.")
        self._watch_clock(now)
        followed = self.followed.get(bar.symbol)
        names = self.names[followed.columns] if followed else ()
        last = followed.last(names) if followed else None
        again = followed is not None and bar.t <= followed.t
        why = refusal(bar, self.champion.terms, None if again else last, now=now)
        if followed is None and len(self.followed) >= self.most_symbols:
            why = why or f"{self.most_symbols:,} instruments are followed, which is the most; this would be one more"
        if why:
            answer = self._unrecorded(bar, now, why)
        elif again and followed is not None:
            answer = self._again(bar, followed, now)
        else:
            answer = self._taken(bar, followed or Followed(bar.symbol), now, began)
        self._count(bar, answer, now)
        return answer

    def settle(self, most_ns: int) -> bool:
        """Work that may wait, for about so long; whether more is left.

        While a release is loaded the standby waits: if all goes well its place is taken by the champion of now.
        """
        if self.standby is None or self.warming is not None:
            return False
        return self.standby.catch_up(most_ns)

    def swap(self, resident: Resident, *, generation: int, why: str) -> None:
        """Let `resident` answer from the next bar on; the champion until now becomes the standby.

        It has to be caught up with nearly all bars; the rest is done here. Nothing can fail after the first record.
        """
        resident.catch_up()
        at = self.clock()
        if resident is not self.standby:
            for symbol, begun in resident.begun.items():
                self.record(anchored(resident, symbol, begun, at))
        self.record(Serving(resident.id, generation, why, at))
        reached("swap.recorded")
        former = self.champion
        rules = Rules.of(resident.bundle.card)
        self.champion, self.standby, self.generation, self.since = resident, former, generation, at
        self.rules, self.warming, self.alarm = rules, None, ""

    def warm(self, warming: Warming) -> None:
        """From now on `warming` is owed every bar that the journal holds after what its child reads."""
        for _, record in self.journal.read(warming.known + 1):
            if isinstance(record, Taken):
                warming.owe(record.symbol, record.t, dict(zip(self.names[record.columns], record.values, strict=True)))
        self.warming = warming

    def record(self, record: Any) -> int:
        """Append to the journal, and tell those who watch."""
        seq = self.journal.append(record)
        for watcher in self._watchers:
            watcher("record", (seq, record))
        return seq

    def notice(self, what: str, detail: str) -> None:
        """Something that a person should know."""
        at = self.clock()
        self.notices.append(f"{iso(at)} {what}: {detail}")
        self.record(Noticed(at, what, detail))

    def on_event(self, watcher: Watcher) -> Callable[[], None]:
        """Tell `watcher` from now on; gives what ends it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of values that the newest bars of all instruments have."""
        own = [set(self.names[followed.columns]) for followed in self.followed.values() if followed.bars]
        return tuple(sorted(set.intersection(*own))) if own else ()

    def reasons(self) -> tuple[str, ...]:
        """Why it is not ready to answer; () where it is."""
        found = []
        if self.champion is None:
            found.append("no release serves yet: promote one")
        if self.journal.broken:
            found.append(self.journal.broken)
        if self.alarm:
            found.append(self.alarm)
        return tuple(found)

    def watchdog(self) -> str:
        """Run the predict path on the release's own golden bars; why it is not to be trusted, "" where it is."""
        alarm = self.champion.probe.alarm() if self.champion is not None else ""
        if alarm and not self.alarm:
            self.notice("watchdog", alarm)
        self.alarm = alarm
        return alarm

    def ensure(self, resident: Resident, symbol: str) -> None:
        """Begin an instrument's state from its anchor, where it has none or one that broke off."""
        if symbol in resident.engines and symbol not in resident.failed:
            return
        why = resident.failed.get(symbol)
        bars = self._warm_history(resident, symbol)
        begun = Begun(bars[0].t if bars else -1, len(bars), self.journal.seq)
        try:
            resident.warm(symbol, begun, bars, self.names)
        except CandlewickError as error:
            begun, why = Begun(-1, 0, self.journal.seq), str(error)
            resident.begin(symbol, begun)
        self.record(anchored(resident, symbol, begun, self.clock()))
        if why:
            self.notice("rebuilt", f"the state of {symbol} was begun anew: {why}")

    def number(self, names: tuple[str, ...]) -> int:
        """The number that stands for these names of values."""
        number = self._numbers.get(names)
        if number is None:
            number = self._numbers[names] = len(self._numbers)
            self.names[number] = names
            self.journal.append(Columns(number, names))
        return number

    def know(self, record: Columns) -> None:
        """Names that the journal tells of."""
        self.names[record.number] = record.names
        self._numbers[record.names] = record.number

    def _warm_history(self, resident: Resident, symbol: str) -> list[history.Known]:
        # The newest bars that all have the columns which the release reads.
        bars = history.newest(self.journal, symbol, resident.anchor, known=self.journal.seq)
        return history.usable(bars, self.names, resident.bundle.exported.columns)

    def _taken(self, bar: Bar, followed: Followed, now: int, began: int) -> Answer:
        champion, rules = self.champion, self.rules
        assert champion is not None
        assert rules is not None
        self.followed[bar.symbol] = followed
        self._look_for_gap(bar, followed, champion)
        self.ensure(champion, bar.symbol)
        if self.standby is not None and self.standby.can_read(bar):
            if bar.symbol not in self.standby.engines:
                self.standby.catch_up()
            self.ensure(self.standby, bar.symbol)
        columns = self.number(tuple(bar.values))
        step = self._stepped(champion, bar)
        target = rules.wanted(step, followed.held)
        followed.bars += 1
        followed.t, followed.columns, followed.values = bar.t, columns, tuple(bar.values.values())
        followed.trade(rules, bar.t, bar.values, target)
        told = self._told(step, followed, champion, target, now)
        record = Taken(bar.symbol, bar.t, columns, followed.values, now, bar.source, told)
        followed.seq = self.journal.append(record)
        followed.status, followed.reason = told.status, told.reason
        for resident in (self.standby, self.warming):
            if resident is not None:
                resident.owe(bar.symbol, bar.t, bar.values)
        if self.standby is not None and len(self.standby.backlog) > _MOST_OWED:
            behind, self.standby = self.standby, None
            self.notice("standby", f"{behind.id[:12]} could not keep up and was let go; a rollback has to load it")
        answer = answered(record, followed.seq, durable=False, timings=self._timed(step, began))
        for watcher in self._watchers:
            watcher("event", (bar, answer))
        return answer

    def _stepped(self, champion: Resident, bar: Bar) -> Step:
        try:
            return champion.step(bar.symbol, bar.t, bar.values)
        except CandlewickError as error:
            self.notice("broken off", f"{bar.symbol} at {iso(bar.t)}: {error}")
            return broken_off(champion, bar, str(error))

    def _look_for_gap(self, bar: Bar, followed: Followed, champion: Resident) -> None:
        card = champion.bundle.card
        step = bar.t - followed.t
        if followed.bars == 0 or step <= max(card.usual_step_ns, 3 * card.interval_ns // 2):
            return
        missing = missing_before(bar.t, followed.t, card.interval_ns)
        followed.find_flaw(gap_mark(missing, followed.t))
        self.troubles.setdefault(bar.symbol, Counter())["missing"] += missing
        self.record(Gap(bar.symbol, followed.t, bar.t, missing))

    def _told(self, step: Step, followed: Followed, champion: Resident, target: float, now: int) -> Told:
        forecast, status, reason = step.forecast, step.forecast.status, step.forecast.reason
        flaw, age = followed.flaw(champion.anchor), now - forecast.t
        if status == "ok" and flaw:
            status, reason = "degraded", flaw
        if status == "ok" and age > champion.bundle.card.interval_ns:
            status, reason = "stale", f"the bar closed {duration(age / 1e9)} ago, and the next one is due"
        return Told(
            release=champion.id, generation=self.generation, status=status, reason=reason,
            value=_known(forecast.value), quantiles=forecast.quantiles, probabilities=forecast.probabilities,
            known_at=forecast.known_at, raw=step.raw, target=_known(target), position=_known(followed.position),
            equity=_known(followed.equity),
        )  # fmt: skip

    def _timed(self, step: Step, began: int) -> dict[str, float]:
        stages = ("features", "scale", "model", "decode", "engine", "offer")
        durations = (*step.durations, elapsed_ns() - began)
        self.stepped_ns += step.durations[-1]
        timings = {}
        for stage, ns in zip(stages, durations, strict=True):
            self.latency.setdefault(stage, Histogram()).add(ns)
            timings[stage] = ns / 1e3
        return timings

    def _again(self, bar: Bar, followed: Followed, now: int) -> Answer:
        names, values = tuple(bar.values), tuple(bar.values.values())
        seqs = self.journal.find(bar.symbol, bar.t, (history.TAKEN, history.LATE, history.REVISED))
        told = next((seq for seq in seqs if isinstance(self.journal.get(seq), Taken)), None)
        if not seqs:
            seq = self.record(Late(bar.symbol, bar.t, self.number(names), values, now, bar.source))
            what = f"the bar at {iso(bar.t)} came after the one at {iso(followed.t)}"
            followed.find_flaw(what)
            return self._kept(bar, "late", f"{what}: it is recorded, and no state was stepped by it", seq, now)
        newest = self.journal.get(seqs[-1])
        if dict(zip(self.names[newest.columns], newest.values, strict=True)) != bar.values:
            seq = self.record(Revised(bar.symbol, bar.t, self.number(names), values, now, bar.source))
            followed.find_flaw(f"the bar at {iso(bar.t)} was revised after it had been used")
            return self._kept(bar, "revision", "the bar had come with other values; they are recorded", seq, now)
        if told is None:
            return self._kept(bar, "duplicate", "the bar had come before, late", seqs[-1], now)
        durable = told <= self.journal.durable
        return answered(self.journal.get(told), told, durable=durable, outcome="duplicate")

    def _kept(self, bar: Bar, outcome: Outcome, reason: str, seq: int, now: int) -> Answer:
        return Answer(
            bar.symbol, bar.t, outcome, "abstain", reason, seq=seq, durable=seq <= self.journal.durable,
            feed_age_ns=now - bar.t,
        )  # fmt: skip

    def _unrecorded(self, bar: Bar, now: int, why: str) -> Answer:
        return Answer(bar.symbol, bar.t, "refused", "abstain", f"{bar.symbol}: {why}", feed_age_ns=now - bar.t)

    def _count(self, bar: Bar, answer: Answer, now: int) -> None:
        self.outcomes[answer.outcome] += 1
        if answer.outcome == "accepted":
            self.statuses[answer.status] += 1
        source = bar.source if bar.source in self.feeds or len(self.feeds) < _MOST_FEEDS else "others"
        feed = self.feeds.setdefault(source, {"bars": 0, "duplicates": 0, "refused": 0, "last_received": 0})
        which = {"refused": "refused", "duplicate": "duplicates"}.get(answer.outcome, "bars")
        feed[which] += 1
        if which != "bars" and bar.symbol in self.followed:
            self.troubles.setdefault(bar.symbol, Counter())[which] += 1
        feed["last_received"] = now

    def _watch_clock(self, now: int) -> None:
        steady = self._elapsed()
        if self._times is not None:
            strayed = (now - self._times[0]) - (steady - self._times[1])
            if abs(strayed) > JUMP_NS:
                way = "forward" if strayed > 0 else "back"
                self.notice("clock", f"the wall clock jumped {way} by {duration(abs(strayed) / 1e9)}")
        self._times = now, steady


def anchored(resident: Resident, symbol: str, begun: Begun, at: int) -> Anchored:
    """The record of where a state began."""
    return Anchored(resident.id, symbol, begun.first, begun.before, begun.known, resident.setting, at)


def answered(
    record: Taken, seq: int, *, durable: bool, outcome: Outcome = "accepted", timings: dict[str, float] | None = None
) -> Answer:  # fmt: skip
    """The answer that was given, or is to be given, for a bar."""
    told = record.told
    status: Any = told.status
    return Answer(
        record.symbol, record.t, outcome, status, told.reason, told.value, told.quantiles, told.probabilities,
        told.known_at, told.target, told.position, told.equity, told.release, told.generation, seq, durable,
        record.received - record.t, timings or {},
    )  # fmt: skip


def broken_off(champion: Resident, bar: Bar, reason: str) -> Step:
    """What is said where the model's arithmetic broke off."""
    from candlewick.core.forecast import Forecast

    forecast = Forecast(bar.symbol, bar.t, None, float("nan"), release=champion.id, status="abstain", reason=reason)
    return Step(forecast, (), (0,) * 5)


def _known(value: float) -> float | None:
    return None if isnan(value) else value
