"""The thread that puts the journal on disk: whatever has been appended goes in one commit, then the next."""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from threading import Event, Thread

from candlewick.core.clock import elapsed_ns
from candlewick.core.errors import StorageError
from candlewick.release.journal import Journal
from candlewick.runtime.histogram import Histogram


class Committer:
    """Group commits beside the loop; those who wait are woken by the loop.

    Attributes:
        durable: seq up to which all is on disk, as the loop knows it.
        failure: why nothing will be on disk any more; None where all is well.
        took: how long commits took, in ns.
    """

    def __init__(self, journal: Journal, loop: asyncio.AbstractEventLoop) -> None:
        self.durable, self.failure = journal.durable, None if not journal.broken else StorageError(journal.broken)
        self.took = Histogram()
        self._journal, self._loop = journal, loop
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._watching: list[Callable[[], None]] = []
        self._count = 0
        self._wanted, self._ended = Event(), False
        self._thread = Thread(target=self._run, name="committer", daemon=True)

    def start(self) -> None:
        """Begin to commit."""
        self._thread.start()

    def wake(self) -> None:
        """Something may have been appended."""
        if self._journal.seq > self._journal.durable:
            self._wanted.set()

    async def until(self, seq: int) -> None:
        """Wait until everything up to `seq` is on disk.

        Raises:
            StorageError: it will not be.
        """
        if seq <= self.durable:
            return
        if self.failure is not None:
            raise StorageError(str(self.failure))
        future: asyncio.Future[None] = self._loop.create_future()
        self._count += 1
        heappush(self._waiting, (seq, self._count, future))
        await future

    def on_durable(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call `watcher` after every commit, and where there will be none any more; gives what ends that."""
        self._watching.append(watcher)
        return lambda: self._watching.remove(watcher)

    def stop(self) -> None:
        """Commit what is left and end."""
        self._ended = True
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended:
            self._wanted.wait()
            self._wanted.clear()
            began = elapsed_ns()
            try:
                durable = self._journal.commit()
            except StorageError as error:
                self._tell(self._fail, error)
                return
            self.took.add(elapsed_ns() - began)
            self._tell(self._settle, durable)

    def _tell(self, what: Callable[..., None], told: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what, told)

    def _settle(self, durable: int) -> None:
        self.durable = max(self.durable, durable)
        while self._waiting and self._waiting[0][0] <= self.durable:
            future = heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)
        self._call()

    def _fail(self, error: StorageError) -> None:
        self.failure = error
        for _, _, future in self._waiting:
            if not future.done():
                future.set_exception(StorageError(str(error)))
        self._waiting.clear()
        self._call()

    def _call(self) -> None:
        for watcher in list(self._watching):
            watcher()
