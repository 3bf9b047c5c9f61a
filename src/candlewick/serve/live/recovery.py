"""A start: the newest snapshot, and the journal since. What comes out is what was there when the server ended."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from candlewick.core.clock import elapsed_ns, iso, now_ns
from candlewick.core.disk import Disk
from candlewick.core.errors import CandlewickError, ConfigError
from candlewick.core.progress import Progress, Silent
from candlewick.core.versions import versions
from candlewick.release.bundle import Bundle, open_bundle
from candlewick.release.publish import releases_folder
from candlewick.release.records import Anchored, Columns, Gap, Late, Noticed, Revised, Serving, Started, Taken
from candlewick.release.registry import Registry
from candlewick.runtime.choose import Setting
from candlewick.serve.live import history, snapshot
from candlewick.serve.live.followed import Followed, Rules, gap_mark
from candlewick.serve.live.resident import Begun, Resident
from candlewick.serve.live.side import MOST_SYMBOLS, Live
from candlewick.serve.live.warm import setting_for

LIBRARIES = ("candlewick", "numpy", "numba", "onnxruntime", "msgspec", "fastapi", "uvicorn")
_TOLD_EVERY = 10_000


def recover(
    folder: Path, *, clock: Callable[[], int] = now_ns, elapsed: Callable[[], int] = elapsed_ns,
    members: Sequence[Path] = (), wishes: Sequence[str] = (), most_symbols: int = MOST_SYMBOLS,
    disk: Disk | None = None, progress: Progress | None = None,
) -> Live:  # fmt: skip
    """The live side of a folder, as it was left, with the champion that the registry names in memory and warm.

    The caller holds the folder's lock.

    Args:
        members: folders in which a user's own members are looked for.
        wishes: a precision ("int8"), a number of threads ("2"), or nothing; the fastest way within them is taken.

    Raises:
        StorageError: journal or registry are damaged, or a release cannot be opened.
        ConfigError: the champion cannot be run with these wishes here.
    """
    registry = Registry(folder, disk=disk)
    registry.settle()
    registry.close()
    journal = history.open_journal(folder, disk=disk)
    live = Live(journal, clock=clock, elapsed=elapsed, most_symbols=most_symbols)
    rebuilding = _Rebuilding(live, folder, registry, members=members, wishes=list(wishes))
    since = rebuilding.restore(snapshot.newest(folder, journal)) + 1
    progress = progress or Silent()
    if journal.seq - since > _TOLD_EVERY:
        progress.stage(f"reading {journal.seq + 1 - since:,} records of the journal again", journal.seq + 1 - since)
    for seq, record in journal.read(since):
        rebuilding.apply(seq, record)
        if seq % _TOLD_EVERY == 0:
            progress.advance(_TOLD_EVERY)
    rebuilding.finish()
    live.record(Started(clock(), versions(LIBRARIES), journal.cut))
    journal.commit()
    return live


class _Rebuilding:
    def __init__(
        self, live: Live, folder: Path, registry: Registry, *, members: Sequence[Path], wishes: list[str]
    ) -> None:  # fmt: skip
        self._live, self._folder, self._members, self._wishes = live, folder, members, wishes
        self._champion, self._standby = registry.aliases.get("champion"), registry.previous
        self._generation = registry.generation
        self._residents: dict[str, Resident] = {}
        self._serving = ""
        self._differing: list[Taken] = []

    def restore(self, found: snapshot.Snapshot | None) -> int:
        """Begin with a snapshot; gives the seq of the last record that it contains."""
        if found is None:
            return -1
        live = self._live
        live.followed.update((one.symbol, one) for one in found.followed())
        for number, *names in found.about["columns"]:
            live.know(Columns(number, tuple(names)))
        live.generation, live.since = found.about["generation"], found.about["since"]
        for release, setting in found.settings().items():
            self._serving = self._serving or release  # the champion stands first
            resident = self._resident(release, setting)
            if resident is not None:
                try:
                    found.put_into(resident)
                except CandlewickError as error:
                    live.notices.append(f"the snapshot's states of {release[:12]} are not used: {error}")
                    del self._residents[release]
        if self._serving:
            live.rules = self._rules(self._serving)
        return found.position

    def apply(self, seq: int, record: Any) -> None:
        """Live on through one record."""
        live = self._live
        if isinstance(record, Columns):
            live.know(record)
        elif isinstance(record, Serving):
            self._serving, live.generation, live.since = record.release, record.generation, record.at
            live.rules = self._rules(record.release)
        elif isinstance(record, Noticed):
            live.notices.append(f"{iso(record.at)} {record.what}: {record.detail}")
        elif isinstance(record, Anchored | Gap | Late | Revised | Taken):
            followed = live.followed.setdefault(record.symbol, Followed(record.symbol))
            if seq > followed.seq:
                self._follow(seq, record, followed)

    def _follow(self, seq: int, record: Any, followed: Followed) -> None:
        followed.seq = seq
        if isinstance(record, Anchored):
            self._anchor(seq, record)
        elif isinstance(record, Gap):
            followed.find_flaw(gap_mark(record.missing, record.after))
        elif isinstance(record, Late):
            followed.find_flaw(f"the bar at {iso(record.t)} came after the one at {iso(followed.t)}")
        elif isinstance(record, Revised):
            followed.find_flaw(f"the bar at {iso(record.t)} was revised after it had been used")
        else:
            self._take(record, followed)

    def _take(self, record: Taken, followed: Followed) -> None:
        live, told = self._live, record.told
        values = dict(zip(live.names[record.columns], record.values, strict=True))
        followed.bars += 1
        followed.t, followed.columns, followed.values = record.t, record.columns, record.values
        followed.status, followed.reason = told.status, told.reason
        if live.rules is not None:
            followed.trade(live.rules, record.t, values, float("nan") if told.target is None else told.target)
        for resident in self._residents.values():
            if record.symbol in resident.engines and record.symbol not in resident.failed:
                resident.owe(record.symbol, record.t, values)
                resident.catch_up()
                raw = resident.newest_raw(record.symbol)
                if told.release == resident.id and told.raw and raw != told.raw:
                    self._differing.append(record)

    def _anchor(self, seq: int, record: Anchored) -> None:
        resident = self._resident(record.release, record.setting)
        if resident is None:
            return
        journal, names, symbol = self._live.journal, self._live.names, record.symbol
        bars = history.newest(journal, symbol, record.before, known=record.known)
        taken = [journal.get(s) for s in journal.newest(symbol, (history.TAKEN,), seq - record.known, until=seq)
                 if s > record.known]  # fmt: skip
        with suppress(CandlewickError):  # as it broke off then; the next beginning stands further on
            resident.warm(symbol, Begun(record.first, record.before, record.known), [*bars, *taken], names)

    def _resident(self, release: str, setting: Setting) -> Resident | None:
        # In memory, where it is one that is wanted and this machine can run it as it was run.
        if release not in (self._champion, self._standby):
            return None
        found = self._residents.get(release)
        if found is not None and found.setting == setting:
            return found
        if not set(self._wishes) <= {setting.precision, str(setting.threads)}:
            return None
        try:
            self._residents[release] = Resident(self._opened(release), setting)
        except ConfigError:
            return None
        return self._residents[release]

    def _opened(self, release: str) -> Bundle:
        return open_bundle(releases_folder(self._folder) / release, members=self._members)

    def _rules(self, release: str) -> Rules:
        resident = self._residents.get(release)
        return Rules.of((resident.bundle if resident else self._opened(release)).card)

    def finish(self) -> None:
        """Let the champion answer, warmed where it is new, and say what is not as it was."""
        live = self._live
        if self._differing:
            first = self._differing[0]
            live.notice(
                "differs", f"{len(self._differing):,} forecasts came out differently than recorded, the first for "
                f"{first.symbol} at {iso(first.t)}: another machine or other libraries?",
            )  # fmt: skip
        if self._champion is None:
            return
        champion = self._residents.get(self._champion)
        if champion is None:
            bundle = self._opened(self._champion)
            champion = Resident(bundle, setting_for(bundle.exported, self._wishes))
        for symbol in live.followed:
            if champion.knows(symbol):
                live.ensure(champion, symbol)
        if self._serving != champion.id:
            live.swap(champion, generation=self._generation, why="start")
        live.champion, live.standby = champion, self._residents.get(self._standby or "")
        live.generation, live.rules = self._generation, Rules.of(champion.bundle.card)
