"""The bounded way from clients to the live side: how many bars are let in, and when their answers are given."""

import asyncio
from collections.abc import Sequence

import msgspec

from candlewick.core.clock import elapsed_ns
from candlewick.core.errors import ConfigError, StorageError
from candlewick.runtime.histogram import Histogram
from candlewick.serve.committer import Committer
from candlewick.serve.live.side import Live
from candlewick.serve.protocol import Answer, Bar
from candlewick.serve.web import limits
from candlewick.serve.web.refusals import not_ready

_TURN_NS = 1_000_000
"""How long the bars of one request are stepped before others have their turn."""


class Inbox:
    """Bars of all clients. Used by the loop alone.

    Attributes:
        waiting: bars that were let in and are not answered yet.
        ending: why no more are let in; "" where they are.
        acknowledged: time from when bars were let in until they were known to be on disk, in ns.
        worked: set whenever something came, for those who tidy up afterwards.
    """

    def __init__(self, live: Live, committer: Committer, *, most: int) -> None:
        self.waiting, self.ending = 0, ""
        self.acknowledged = Histogram()
        self.worked = asyncio.Event()
        self._live, self._committer, self._most = live, committer, most

    def reasons(self) -> tuple[str, ...]:
        """Why bars are not answered; () where they are."""
        return (*([self.ending] if self.ending else ()), *self._live.reasons())

    async def take(self, bars: Sequence[Bar], *, durable: bool) -> list[Answer]:
        """An answer for each bar, in their order; `durable` waits until they are on disk.

        Raises:
            RefusalError: 503, where bars are not answered now or too many wait.
        """
        began = elapsed_ns()
        reasons = self.reasons()
        if reasons:
            raise not_ready(reasons, code="ending" if self.ending else "not_ready")
        if self.waiting + len(bars) > self._most:
            raise limits.overloaded(f"{self.waiting:,} bars wait to be answered, and {self._most:,} may")
        self.waiting += len(bars)
        try:
            answers = await self._offered(bars)
            if not durable:
                return answers
            await self._committer.until(max(answer.seq for answer in answers))
        except StorageError as error:
            raise not_ready((str(error),), code="storage", retry_after=5) from error
        except ConfigError as error:
            raise not_ready((str(error),)) from error
        finally:
            self.waiting -= len(bars)
        self.acknowledged.add(elapsed_ns() - began)
        return [msgspec.structs.replace(one, durable=True) if one.seq >= 0 else one for one in answers]

    async def _offered(self, bars: Sequence[Bar]) -> list[Answer]:
        live, answers = self._live, []
        turn = elapsed_ns()
        for bar in bars:
            if elapsed_ns() - turn > _TURN_NS:
                self._committer.wake()
                await asyncio.sleep(0)
                turn = elapsed_ns()
            answers.append(live.offer(bar))
        self._committer.wake()
        self.worked.set()
        return answers
