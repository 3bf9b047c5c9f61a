"""A live folder at work: the live side, its upkeep, and changes of the champion while bars go on.

Whoever owns a station steps `live`, calls `settle` when there is time, and lets another thread commit the journal and
write snapshots. What takes long is done in threads of `run_in_executor`; what changes the live side is done by the
loop, between two bars.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from candlewick.core.clock import elapsed_ns, elapsed_s, now_ns
from candlewick.core.disk import Disk
from candlewick.core.errors import ConfigError
from candlewick.core.failpoint import reached
from candlewick.core.progress import Progress
from candlewick.core.words import duration
from candlewick.release.bundle import SHORT, open_bundle
from candlewick.release.gate import Asked, GateError, decide
from candlewick.release.publish import releases_folder
from candlewick.release.records import Stopped
from candlewick.release.registry import Moved, Registry
from candlewick.serve.live.recovery import recover
from candlewick.serve.live.resident import Resident
from candlewick.serve.live.side import MOST_SYMBOLS, Live
from candlewick.serve.live.snapshot import Snapshot, Taking
from candlewick.serve.live.warming import Warming

SNAPSHOT_BARS, SNAPSHOT_STEPPED_NS, SNAPSHOT_NS = 5_000, 500_000_000, 60_000_000_000
"""A new snapshot is begun after so many bars, after so much time in their steps, and after a minute if any came: what
came since the newest one is stepped again at a start, once more where there is a release to go back to."""

TURN_NS = 300_000
"""How long the loop is kept at a time by work that may wait."""

_NEARLY = 8  # bars owed at which a release counts as caught up
_LONGEST_NS = 5_000_000
_PATIENCE = 4_000  # a turn grows by 1 ms in 4 s, so that catching up ends under any load


class Station:
    """One live folder.

    Attributes:
        folder: where it lies; the caller holds its lock.
        live: instruments and releases.
        registry: releases and the pointers to them.
        started: when it began, ns UTC.
    """

    def __init__(
        self, folder: Path, live: Live, *, members: Sequence[Path] = (), wishes: Sequence[str] = ()
    ) -> None:  # fmt: skip
        self.folder, self.live, self.members, self.wishes = folder, live, members, wishes
        self.registry = Registry(folder)
        self.started = live.clock()
        self._changing = asyncio.Lock()
        self._taking: Taking | None = None
        # One is due at once: it spares the next start the bars that this one has stepped again.
        self._taken, self._taken_stepped, self._taken_at = -1, 0, 0

    @classmethod
    def open(
        cls, folder: Path, *, clock: Callable[[], int] = now_ns, members: Sequence[Path] = (),
        wishes: Sequence[str] = (), most_symbols: int = MOST_SYMBOLS, disk: Disk | None = None,
        progress: Progress | None = None,
    ) -> "Station":  # fmt: skip
        """Recover what is in the folder; see `serve.live.recovery.recover`.

        Raises:
            StorageError, ConfigError: as there.
        """
        live = recover(
            folder, clock=clock, members=members, wishes=wishes, most_symbols=most_symbols, disk=disk, progress=progress
        )
        return cls(folder, live, members=members, wishes=wishes)

    def settle(self, most_ns: int) -> bool:
        """Work that may wait, for about so long: the standby's bars, then a snapshot; whether more is left."""
        if self.live.settle(most_ns):
            return True
        if self._due() if self._taking is None else self._taking.spoilt:
            self._taking = Taking(self.live)
            self._taken, self._taken_stepped = self.live.journal.seq, self.live.stepped_ns
            self._taken_at = elapsed_ns()
        if self._taking is None:
            return False
        self._taking.go_on(most_ns)
        return not self._taking.copied

    def snapshot(self) -> Snapshot | None:
        """A snapshot to be written by another thread, once it is whole; None where there is none."""
        if self._taking is None or not self._taking.done:
            return None
        done, self._taking = self._taking.finished(), None
        return done

    def close(self) -> None:
        """End in order: everything on disk, and a snapshot, so that the next start is quick. Twice is once."""
        live = self.live
        if not (live.journal.broken or live.journal.closed):
            live.record(Stopped(live.clock()))
            live.journal.commit()
            if live.standby is not None:
                live.standby.catch_up()
            taking = Taking(live)
            while not taking.copied:
                taking.go_on(SNAPSHOT_NS)
            taking.finished().write(self.folder)
        live.journal.close()

    async def promote(self, release: str, *, alias: str = "champion", reason: str = "") -> dict[str, Any]:
        """Move an alias to a release; returns when it answers.

        The release is loaded and warmed beside the one that serves; then the gate decides, the pointer moves, and the
        swap is one assignment between two bars.

        Raises:
            CandlewickError: no such release, one that cannot be loaded, or the gate keeps the champion.
        """
        async with self._one_change():
            began, found = elapsed_s(), self.registry.get(release).id
            self.registry.require_movable(alias, found)
            if alias != "champion":
                opened = partial(open_bundle, releases_folder(self.folder) / found, members=self.members)
                moved = await _beside(self._moved, Asked(await _beside(opened), alias), reason)
                return _told(moved, began)
            resident = await self._loaded(found)
            asked = Asked(
                resident.bundle, alias, self.live.champion.bundle.card if self.live.champion else None,
                columns=self.live.columns, symbols=tuple(self.live.followed), session=resident.session, checked=True,
            )  # fmt: skip
            try:
                moved = await _beside(self._moved, asked, reason)
            except BaseException:
                self.live.warming = None
                raise
            return await self._swapped(resident, moved, began)

    async def rollback(self, *, reason: str = "") -> dict[str, Any]:
        """Let the champion before this one answer again; where it is still in memory, within milliseconds.

        Raises:
            CandlewickError: there was none, or it cannot be loaded any more.
        """
        async with self._one_change():
            began, found = elapsed_s(), self.registry.rollback_target()
            resident = await self._loaded(found)
            moved = await _beside(partial(self.registry.move, "champion", found, why="rollback", reason=reason))
            return await self._swapped(resident, moved, began)

    def _due(self) -> bool:
        live = self.live
        came = live.journal.seq - self._taken
        return live.champion is not None and (
            came >= SNAPSHOT_BARS
            or live.stepped_ns - self._taken_stepped > SNAPSHOT_STEPPED_NS
            or (came > 0 and elapsed_ns() - self._taken_at > SNAPSHOT_NS)
        )

    def _one_change(self) -> asyncio.Lock:
        if self._changing.locked():
            raise ConfigError("another change of the champion is under way. Try again when it is done.")
        return self._changing

    async def _loaded(self, release: str) -> Resident:
        live = self.live
        if live.standby is not None and live.standby.id == release:
            standby = live.standby
            await _caught_up(standby)
            return standby
        warming = Warming(
            self.folder, release, known=live.journal.durable, symbols=list(live.followed), members=self.members,
            setting=live.champion.setting if live.champion else None, wishes=self.wishes,
        )  # fmt: skip
        live.warm(warming)
        try:
            resident: Resident = await _beside(warming.run)
            await _caught_up(resident)
        except BaseException:
            live.warming = None
            warming.stop()  # where it is not the child that failed: nobody waits for it any more
            raise
        return resident

    def _moved(self, asked: Asked, reason: str) -> Moved:
        # Not by the loop: the registry waits for the disk.
        release, decision = asked.bundle.id, decide(asked)
        self.registry.decided(release, asked.alias, decision)
        if not decision.allowed:
            raise GateError(
                f"{release[:SHORT]} was not promoted: {'; '.join(decision.reasons)}. "
                f"The {asked.alias} stays what it was. Mend that, or release another model."
            )
        return self.registry.move(asked.alias, release, reason=reason)

    async def _swapped(self, resident: Resident, moved: Moved, began: float) -> dict[str, Any]:
        reached("swap.moved")
        self.live.swap(resident, generation=moved.generation, why=moved.why)
        await _beside(self.live.journal.commit)
        return _told(moved, began)


async def _caught_up(resident: Resident) -> None:
    # Between the bars that are answered.
    began, turn = elapsed_ns(), TURN_NS
    while len(resident.backlog) > _NEARLY:
        resident.catch_up(turn)
        turn = min(TURN_NS + (elapsed_ns() - began) // _PATIENCE, _LONGEST_NS)
        await asyncio.sleep(0)


def _told(moved: Moved, began: float) -> dict[str, Any]:
    seconds = elapsed_s() - began
    return {
        "release": moved.release, "alias": moved.alias, "generation": moved.generation, "seconds": seconds,
        "said": f"{moved.alias} is {moved.release[:SHORT]} now (generation {moved.generation}, {duration(seconds)})",
    }  # fmt: skip


async def _beside(work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)
