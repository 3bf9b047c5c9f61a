"""What the server does of its own accord while bars come: bring up to date what may wait, snapshots, the watchdog."""

import asyncio
import logging

from candlewick.core.clock import elapsed_s
from candlewick.core.errors import StorageError
from candlewick.serve.committer import Committer
from candlewick.serve.inbox import Inbox
from candlewick.serve.live.snapshot import Snapshot
from candlewick.serve.live.station import TURN_NS, Station

TICK_S, WATCHDOG_S = 1.0, 5.0
_log = logging.getLogger("candlewick.serve")


async def upkeep(station: Station, inbox: Inbox, committer: Committer) -> None:
    """Go on until cancelled."""
    watched = elapsed_s()
    while True:
        try:
            async with asyncio.timeout(TICK_S):
                await inbox.worked.wait()
        except TimeoutError:
            pass
        inbox.worked.clear()
        if station.live.journal.broken:
            return
        watches = elapsed_s() - watched > WATCHDOG_S
        try:
            await _once(station, watches=watches)
        except Exception:  # bars can be answered without all of it
            _log.exception("a defect of candlewick, in the upkeep beside the bars")
        watched = elapsed_s() if watches else watched
        committer.wake()


async def _once(station: Station, *, watches: bool) -> None:
    while station.settle(TURN_NS):
        await asyncio.sleep(0)
    snapshot = station.snapshot()
    if snapshot is not None:
        await _write(station, snapshot)
    if watches:
        station.live.watchdog()


async def _write(station: Station, snapshot: Snapshot) -> None:
    try:
        await asyncio.get_running_loop().run_in_executor(None, snapshot.write, station.folder)
    except StorageError as error:
        # The journal is the truth; without a snapshot the next start only takes longer.
        _log.warning("a snapshot was not written: %s", error)
