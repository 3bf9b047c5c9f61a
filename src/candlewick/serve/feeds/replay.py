"""A file of bars, posted in order of time at any speed."""

from collections.abc import Generator, Iterator
from itertools import groupby
from operator import attrgetter
from typing import ClassVar, Literal

from pydantic import Field

from candlewick.core.clock import NS_PER_SECOND
from candlewick.serve.feeds._base import Answered, Feed, World
from candlewick.serve.protocol import MOST_BARS, Bar


class Replay(Feed):
    """Bars that close at the same time are posted together, and no bar before one that closed earlier.

    With `since: last` it goes on after the newest bar that the server has of each instrument, so that a replay that
    was broken off can be started again.
    """

    subject: ClassVar[str] = "path"

    path: str = Field(description="the file: CSV, Parquet or npz")
    speed: float = Field(
        0.0, ge=0.0, description="times as fast as it happened: 60 is an hour a minute; 0 is as fast as the server"
    )
    since: Literal["begin", "last"] = Field(
        "begin", description="from the file's begin, or after the server's last bar"
    )
    stamp: Literal["open", "close"] | None = Field(None, description="whether a stamp is the bar's open or its close")
    zone: str | None = Field(None, description="zone of the stamps where they do not say: UTC, America/New_York")
    interval: str | None = Field(None, description="length of a bar; the median step where it is not given")
    session_close: str | None = Field(None, description="when a bar stamped with a date is known: '16:00'")
    symbol: str | None = Field(None, description="name of the only instrument, or the one to keep of several")
    on_error: Literal["refuse", "drop"] = Field("refuse", description="what happens to rows at fault")
    nonpositive: bool = Field(False, description="prices of zero and below are meant")

    @property
    def source(self) -> str:
        """`replay`."""
        return "replay"

    def bars(self, world: World) -> Generator[list[Bar], Answered, None]:
        """Bars of the file."""
        from candlewick.data.read import read
        from candlewick.serve.rows import in_order

        panel = read(self.path, **self.model_dump(exclude={"path", "speed", "since"})).panel
        last = world.last() if self.since == "last" else {}
        left = (bar for bar in in_order(panel, self.source) if bar.t > last.get(bar.symbol, -1))
        if self.speed == 0:
            yield from _batches(left)
        else:
            yield from _paced(left, self.speed, world)


def _batches(bars: Iterator[Bar]) -> Iterator[list[Bar]]:
    batch: list[Bar] = []
    for bar in bars:
        batch.append(bar)
        if len(batch) == MOST_BARS:
            yield batch
            batch = []
    if batch:
        yield batch


def _paced(bars: Iterator[Bar], speed: float, world: World) -> Iterator[list[Bar]]:
    first, begun = None, world.elapsed_s()
    for t, together in groupby(bars, key=attrgetter("t")):
        first = t if first is None else first
        # Counted from the begin, so that what a post takes does not add up.
        world.sleep(begun + (t - first) / NS_PER_SECOND / speed - world.elapsed_s())
        yield list(together)
