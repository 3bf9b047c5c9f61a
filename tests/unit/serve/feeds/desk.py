"""A feed without sockets to a server: what it yields is offered to a book, in a world whose time the test makes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from small_server import Book

from candlewick.serve.feeds._base import Feed, World


class StopError(Exception):
    """The test has seen enough."""


@dataclass
class Desk:
    """Runs feeds against `book`; a sleep takes no time but is told to `passing`, and ends the run where it says so."""

    book: Book
    passing: Callable[[float], None] = lambda seconds: None
    said: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    now_s: float = 0.0
    most: int = 2_000
    seen: bool = False

    def world(self) -> World:
        return World(
            last=lambda: {one["symbol"]: one["t"] for one in self.book.last()},
            sleep=self.sleep,
            elapsed_s=lambda: self.now_s,
            say=self.said.append,
        )

    def sleep(self, seconds: float) -> None:
        if self.seen:
            raise StopError
        if seconds <= 0:
            return
        self.now_s += seconds
        self.slept.append(seconds)
        if len(self.slept) > self.most:
            raise AssertionError(f"it sleeps for ever; it said {self.said}")
        self.passing(seconds)

    def run(self, feed: Feed, until: Callable[[], bool] = lambda: False) -> None:
        """Until the feed has no more, or until it is about to wait after `until` has said so of what was answered."""
        self.seen = False
        feeding = feed.bars(self.world())
        try:
            bars = next(feeding)
            while True:
                answers = [self.book.offer(bar) for bar in bars]
                self.seen = until()
                bars = feeding.send(answers)
                if self.seen:
                    return
        except (StopIteration, StopError):
            return
        finally:
            feeding.close()
