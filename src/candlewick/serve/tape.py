"""A thread that reads lines and has the server answer the bars in them, in their order, at its own pace."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from threading import Event, Thread

from candlewick.core.errors import CandlewickError, DataError
from candlewick.serve.inbox import Inbox
from candlewick.serve.lines import Line, Reader
from candlewick.serve.protocol import MOST_BARS, Answer, Bar
from candlewick.serve.web.refusals import RefusalError

_MOST_TOLD = 20
_WAIT_S = 0.5


class Tape:
    """One source of lines.

    Attributes:
        taken, bad: lines so far.
    """

    def __init__(
        self, name: str, inbox: Inbox, loop: asyncio.AbstractEventLoop, *, say: Callable[[str], None],
        answered: Callable[[Sequence[Answer]], None] = lambda answers: None,
        counted: Callable[[str], None] = lambda outcome: None,
    ) -> None:  # fmt: skip
        """`say` is told what a person should know, `answered` of every answer once it is on disk."""
        self.taken, self.bad = 0, 0
        self._name, self._inbox, self._loop = name, inbox, loop
        self._say, self._answered, self._counted = say, answered, counted
        self._reader = Reader(name)
        self._ended = Event()
        self._waits = False

    def start(self, lines: Callable[["Tape"], Iterator[list[Line]]]) -> None:
        """Begin to read what `lines` gives of this tape."""
        Thread(target=self._run, args=(lines(self),), name=self._name, daemon=True).start()

    def ended(self) -> bool:
        """Whether it was stopped."""
        return self._ended.is_set()

    def sleep(self, seconds: float) -> None:
        """Wait, or less where it is stopped."""
        self._ended.wait(seconds)

    def stop(self) -> None:
        """Read no more."""
        self._ended.set()

    def again(self, why: str) -> None:
        """A file is read from its beginning."""
        self._say(f"{self._name} is read from its beginning again: {why}")
        self._reader = Reader(self._name)

    def _run(self, parts: Iterator[list[Line]]) -> None:
        try:
            for part in parts:
                self._take(part)
            if not self.ended():
                self._say(f"{self._name} has ended: {self.taken:,} lines taken, {self.bad:,} not; the server goes on")
        except CandlewickError as error:
            self._say(f"{self._name} is not read any more: {error}")
        except OSError as error:
            self._say(f"{self._name} is not read any more, because nobody takes the answers: {error}")
        except (CancelledError, RuntimeError):  # the loop has gone
            pass

    def _take(self, lines: list[Line]) -> None:
        bars: list[Bar] = []
        for number, line in lines:
            try:
                found = self._reader.bars(line)
            except DataError as error:
                self.bad += 1
                self._counted("bad")
                if self.bad <= _MOST_TOLD or self.bad % 1_000 == 0:
                    self._say(f"{self._name}, line {number}: {error}")
                continue
            self.taken += 1
            self._counted("taken")
            bars += found
        for begin in range(0, len(bars), MOST_BARS):
            self._answer(bars[begin : begin + MOST_BARS])

    def _answer(self, bars: list[Bar]) -> None:
        while not self.ended():
            try:
                answers = asyncio.run_coroutine_threadsafe(self._inbox.take(bars, durable=True), self._loop).result()
            except RefusalError as refusal:
                if not self._waits:
                    self._say(f"{self._name} waits: {refusal.message}")
                self._waits = True
                self.sleep(_WAIT_S)
                continue
            self._waits = False
            self._answered(answers)
            return
