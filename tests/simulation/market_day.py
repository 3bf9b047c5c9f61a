"""A market day of two instruments, minute by minute, through a live folder on a disk that fails: all from one seed.

The feed is one that asks again until a bar is acknowledged. Beside the live side stands an oracle of a few lines that
knows what must become of each bar; it is begun anew from what must have outlasted each end of the process.
"""

import asyncio
import json
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from math import isfinite
from pathlib import Path

import msgspec
import numpy as np
from small_releases import parts, small_exported

from candlewick.core.errors import CandlewickError, StorageError
from candlewick.core.random import stream
from candlewick.data.bars import Bars, Panel
from candlewick.data.synthetic import MARKETS
from candlewick.release.publish import publish
from candlewick.release.records import Late, Revised, Taken
from candlewick.release.registry import Registry
from candlewick.serve.live import history, warm
from candlewick.serve.live.recovery import recover
from candlewick.serve.live.station import Station
from candlewick.serve.protocol import Bar
from candlewick.testing.faulty_disk import FaultyDisk

MINUTE = 60 * 10**9
SECOND = 10**9
BEGIN = 1_750_000_000 * SECOND // MINUTE * MINUTE
SYMBOLS = ("A", "B")
POINTS = ("journal.write", "journal.sync", "journal.synced", "journal.rotate", "journal.rotated")
CHANGING = ("warming.loaded", "registry.move", "swap.moved", "swap.recorded", "journal.sync", "journal.synced")


class Killed(BaseException):
    """The process ends here."""


class Inline(ThreadPoolExecutor):
    """Work is done when it is given, so that threads bring no chance of their own."""

    def submit(self, work, /, *arguments, **named):
        future = Future()
        try:
            future.set_result(work(*arguments, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


def panel_of(seed: int, count: int, begin: int) -> Panel:
    """Minute bars of both instruments."""
    market = MARKETS.build({"name": "clustered", "interval": "1m"})
    found = []
    for number, symbol in enumerate(SYMBOLS):
        bars = market.bars(n=count, seed=seed * 2 + number)
        t = begin + MINUTE * np.arange(1, count + 1)
        columns = {name: bars.column(name) for name in bars.columns}
        found.append(Bars.of(symbol, t, columns, interval_ns=MINUTE))
    return Panel(tuple(found))


def releases(folder: Path, models=("linear", "lstm", "linear")) -> list[str]:
    """Releases that forecast minutes, one for each model, the first of which is the champion."""
    ids = []
    for seed, model in enumerate(models):
        panel = panel_of(100 + seed, 500, BEGIN - 1_000 * MINUTE)
        exported, experiment = small_exported(panel, model, policy={"name": "volatility_target"})
        contents, card = parts(
            exported, experiment, panel, interval_ns=MINUTE, usual_step_ns=MINUTE, bars_per_year=525_960.0
        )
        ids.append(publish(contents, card, folder)[0])
        Registry(folder).register(ids[-1], origin="run")
    Registry(folder).move("champion", ids[0])
    return ids


class Oracle:
    """What must become of a bar, from what has become of others."""

    def __init__(self) -> None:
        self.newest: dict[str, dict[int, dict]] = {symbol: {} for symbol in SYMBOLS}
        self.last: dict[str, tuple[int, float] | None] = dict.fromkeys(SYMBOLS)

    def expects(self, bar: Bar, now: int) -> str:
        known, last = self.newest[bar.symbol], self.last[bar.symbol]
        prices = [bar.values[name] for name in ("open", "high", "low", "close")]
        if bar.t > now + SECOND or bar.t < 10**17 or not all(isfinite(v) and v > 0 for v in prices):
            return "refused"
        if bar.t in known:
            return "duplicate" if known[bar.t] == bar.values else "revision"
        if last is not None and bar.t < last[0]:
            return "late"
        if last is not None and not 0.25 < bar.values["close"] / last[1] < 4:
            return "refused"
        return "accepted"

    def takes(self, kind: str, symbol: str, t: int, values: dict) -> None:
        self.newest[symbol][t] = values
        if kind == "accepted":
            self.last[symbol] = (t, values["close"])


class Inside:
    """`serve.live.child.Child` without a process."""

    def __init__(self, day, asked):
        self.day, self.asked = day, json.loads(json.dumps(asked))

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        pass

    stop = __exit__

    def setting(self):
        try:
            self.follower = warm.Follower(self.asked)
        except CandlewickError as error:
            raise StorageError(str(error)) from error
        for _ in range(2):
            self.day.some_minutes()
            self.follower.follow()
        return self.follower.resident.setting

    def finish(self):
        self.day.some_minutes()
        self.follower.follow()
        self.follower.leave()
        self.day.some_minutes()


class Day:
    """One simulated day.

    Attributes:
        happened: what, and how often.
        log: of each record that a bar made: (outcome, symbol, t, values), by seq.
    """

    def __init__(self, folder: Path, ids: list[str], seed: int, *, minutes: int = 1_440, calm: bool = False) -> None:
        self.folder, self.ids, self.minutes, self.calm = folder, ids, minutes, calm
        self.random = stream(seed, "market day")
        self.disk = FaultyDisk(seed)
        self.happened: Counter[str] = Counter()
        self.log: dict[int, tuple[str, str, int, dict]] = {}
        self.promised = -1
        self.may_serve = [(ids[0], 1)]
        self.steady, self.offset = BEGIN, 0
        self.minute, self.armed = 0, {}
        self.panel = panel_of(seed + 1_000, minutes, BEGIN)
        self.queues: dict[str, deque[Bar]] = {symbol: deque() for symbol in SYMBOLS}
        self.delayed: list[tuple[int, Bar]] = []
        self.dropped: set[tuple[str, int]] = set()
        self.missing = dict.fromkeys(SYMBOLS, 0)
        self.oracle = Oracle()
        self.station: Station | None = None
        self.changing = False

    def chance(self, share: float) -> bool:
        return not self.calm and bool(self.random.random() < share)

    def wall(self) -> int:
        return self.steady + self.offset

    # The process

    def start(self) -> None:
        """Begin, after whatever has ended it, and hold what is found to what was promised."""
        self.armed = {}
        outlasted = history.open_journal(self.folder, writes=False).seq
        try:
            self._open()
        except StorageError as error:
            if not isinstance(error.__cause__, OSError):
                raise AssertionError(f"it does not begin again: {error}") from error
            self.happened["starts that the disk refused"] += 1
            self.disk.kill()
            with self.disk.well():
                self._open()
        live = self.station.live
        assert live.journal.durable >= self.promised, "an acknowledged record is lost"
        self.log = {seq: told for seq, told in self.log.items() if seq <= outlasted}
        self.oracle = Oracle()
        for seq, told in self.log.items():
            if seq > self.promised - 50:  # all are looked at when the day is over
                assert self.recorded(seq) == told, f"record {seq} is another one"
            self.oracle.takes(*told)
        self.promised = live.journal.durable
        serves = (live.champion.id, live.generation)
        assert serves in self.may_serve, f"{serves} serves, and not one of {self.may_serve}"
        self.may_serve = [serves]
        differing = [notice for notice in live.notices if "differs" in notice]
        assert not differing, differing
        self.happened["starts"] += 1

    def _open(self) -> None:
        live = recover(self.folder, clock=self.wall, elapsed=lambda: self.steady, disk=self.disk, wishes=["fp32", "1"])
        self.station = Station(self.folder, live, wishes=["fp32", "1"])
        self.station.registry = Registry(self.folder, clock=self.wall, disk=self.disk)

    def end(self) -> None:
        """The process is gone, or the power; now and then a snapshot rots too."""
        if self.random.random() < 0.5:
            self.happened["kills"] += 1
            self.disk.kill()
        else:
            self.happened["losses of power"] += 1
            self.disk.crash()
        snapshots = sorted((self.folder / "snapshots").glob("*.snapshot"))
        if snapshots and self.chance(0.2):
            self.happened["snapshots that rotted"] += 1
            self.disk.flip(snapshots[-1])

    def reached(self, name: str) -> None:
        """Stands for the failpoints."""
        if name in self.armed:
            self.armed[name] -= 1
            if self.armed[name] <= 0:
                self.armed = {}
                self.happened[f"killed at {name}"] += 1
                raise Killed

    # The day

    def run(self) -> None:
        """From the first minute to the last, and then until everything is acknowledged."""
        self.start()
        while self.minute < self.minutes or any(self.queues.values()) or self.delayed:
            if self.minute >= self.minutes:
                self.calm, self.offset, self.armed = True, 0, {}
                self.disk.write_fails = self.disk.sync_fails = 0.0
            else:
                self.disk.write_fails, self.disk.sync_fails = (0.0, 0.0) if self.calm else (0.002, 0.002)
            try:
                self.one_minute()
                if self.chance(0.004):
                    self.change()
                if self.chance(0.004):
                    raise Killed
            except (StorageError, Killed) as error:
                self.happened["ends"] += 1
                if isinstance(error, StorageError):
                    self.happened["ends that the disk forced"] += 1
                    if not self.disk.failed["write"] + self.disk.failed["sync"]:
                        raise AssertionError("it ended on a disk that is well") from error
                self.end()
                self.start()
        self.armed = {}
        with self.disk.well():
            self.station.close()

    def one_minute(self) -> None:
        """A bar of each instrument closes, and the feed sends what it has."""
        self.steady = BEGIN + (self.minute + 1) * MINUTE
        if self.chance(0.01):
            self.offset = int(self.random.choice([-400, -30, 30, 4_000])) * SECOND
            self.happened["jumps of the clock"] += 1
        elif self.chance(0.2):
            self.offset = 0
        if self.minute < self.minutes:
            for bars in self.panel.bars:
                self.close(bars)
        for due, bar in list(self.delayed):
            if due <= self.minute or self.minute >= self.minutes:
                self.delayed.remove((due, bar))
                self.queues[bar.symbol].append(bar)
        self.minute += 1
        if self.chance(0.02):
            self.armed = {str(self.random.choice(POINTS)): int(self.random.integers(1, 4))}
        self.send()
        self.keep_up()

    def close(self, bars: Bars) -> None:
        values = dict(zip(bars.columns, bars.values[self.minute].tolist(), strict=True))
        bar = Bar(bars.symbol, int(bars.t[self.minute]), values, source="simulated")
        if self.chance(0.004):
            self.missing[bars.symbol] = int(self.random.integers(1, 12))
            self.happened["gaps"] += 1
        if self.missing[bars.symbol] > 0:
            self.missing[bars.symbol] -= 1
            self.dropped.add((bar.symbol, bar.t))
        elif self.chance(0.01):
            self.delayed.append((self.minute + int(self.random.integers(1, 15)), bar))
        else:
            self.queues[bars.symbol].append(bar)
            if self.chance(0.01) and len(self.queues[bars.symbol]) > 1:
                self.queues[bars.symbol].rotate(1)
                self.happened["sent out of order"] += 1

    def send(self) -> None:
        for symbol in SYMBOLS:
            for bar in list(self.queues[symbol]):
                if self.oracle.last[symbol] and self.chance(0.03):  # nothing speaks against the scale of a first bar
                    self.offer(self.spoilt(bar))
                self.offer(bar)
                if self.chance(0.05):
                    self.offer(self.again(symbol, bar))
                if self.chance(0.3):
                    self.commit()
        if self.calm or self.random.random() < 0.9:
            self.commit()

    def offer(self, bar: Bar) -> None:
        live = self.station.live
        expected = self.oracle.expects(bar, self.wall())
        answer = live.offer(bar)
        assert answer.outcome == expected, f"{bar} was {answer.outcome} ({answer.reason}), not {expected}"
        self.happened[expected] += 1
        if expected in ("accepted", "revision", "late"):
            assert answer.seq not in self.log, "a record was told of twice"
            told = expected, bar.symbol, bar.t, bar.values
            self.log[answer.seq] = told
            self.oracle.takes(*told)
        if expected == "accepted":
            assert (answer.release, answer.generation) == (live.champion.id, live.generation)
            assert (answer.release, answer.generation) in self.may_serve
            self.happened[f"forecasts {answer.status}"] += 1
        if expected == "duplicate" and answer.durable:
            assert answer.seq <= self.promised, "told to be durable before it is"

    def commit(self) -> None:
        self.promised = max(self.promised, self.station.live.journal.commit())
        done = {told[1:3] for seq, told in self.log.items() if seq <= self.promised}
        for symbol in SYMBOLS:
            self.queues[symbol] = deque(bar for bar in self.queues[symbol] if (bar.symbol, bar.t) not in done)

    def spoilt(self, bar: Bar) -> Bar:
        """The bar as it must not be taken; where its own stamp is known, it is another stamp."""
        ways = ("nan", "zero", "negative", "scale", "future", "seconds")
        way = str(self.random.choice(ways))
        self.happened[f"sent with {way}"] += 1
        change = {"nan": float("nan"), "zero": 0.0, "negative": -1.0}
        if way in change:
            return msgspec.structs.replace(bar, values=bar.values | {"close": change[way]})
        if way == "scale":
            return msgspec.structs.replace(bar, values={name: 100 * value for name, value in bar.values.items()})
        return msgspec.structs.replace(bar, t=bar.t + 10_000 * MINUTE if way == "future" else bar.t // SECOND)

    def again(self, symbol: str, bar: Bar) -> Bar:
        """One that came before, as it was or corrected."""
        known = self.oracle.newest[symbol]
        if not known:
            return bar
        t = int(self.random.choice(list(known)[-40:]))
        corrected = {"volume": float(self.random.random())} if self.random.random() < 0.5 else {}
        return Bar(symbol, t, known[t] | corrected, source="again")

    def keep_up(self) -> None:
        while self.station.settle(10**9):
            pass
        found = self.station.snapshot()
        if found is not None:
            found.write(self.folder)
            self.happened["snapshots"] += 1

    # Promotions and rollbacks

    def change(self) -> None:
        """Promote another release, or go back, while bars go on; it may be killed anywhere."""
        champion, generation = self.may_serve[0]
        back = self.station.registry.previous
        if back is not None and self.random.random() < 0.5:
            to, work = back, self.station.rollback(reason="simulated")
        else:
            to = str(self.random.choice([one for one in self.ids if one != champion]))
            work = self.station.promote(to, reason="simulated")
        self.armed = {str(self.random.choice(CHANGING)): 1} if self.chance(0.4) else {}
        self.may_serve = [(champion, generation), (to, generation + 1)]

        async def carry_out():
            asyncio.get_running_loop().set_default_executor(Inline(1))
            return await work

        told = asyncio.run(carry_out())
        assert (told["release"], told["generation"]) == (to, generation + 1)
        self.promised = max(self.promised, self.station.live.journal.durable)
        self.may_serve = [(to, generation + 1)]
        self.happened["swaps"] += 1

    def child(self, asked, *, timeout_s):
        """The child that warms a release, in this process; bars come meanwhile."""
        return Inside(self, asked)

    def some_minutes(self) -> None:
        for _ in range(int(self.random.integers(0, 15))):
            if self.minute < self.minutes:
                self.one_minute()

    def recorded(self, seq: int) -> tuple[str, str, int, dict]:
        """A record as the log tells it."""
        live = self.station.live
        record = live.journal.get(seq)
        kind = {Taken: "accepted", Revised: "revision", Late: "late"}[type(record)]
        values = dict(zip(live.names[record.columns], record.values, strict=True))
        return kind, record.symbol, record.t, values
