"""A feed at work: its bars posted, counted and told of, until there are no more or it is asked to end."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from candlewick.core.clock import elapsed_s, iso, sleep_s
from candlewick.core.errors import DataError
from candlewick.serve.client import Client, fault
from candlewick.serve.feeds._base import Feed, World
from candlewick.serve.protocol import MOST_BARS, Answer, Bar

MOST_REFUSALS = 10
"""Refused bars that are told one by one between two lines of progress; the others are counted."""


class AskedToEndError(Exception):
    """The feed was asked to end while it waited."""


@dataclass
class Tally:
    """What became of the bars so far.

    Attributes:
        outcomes: how often each; "refused" counts those that could not even be sent.
        newest: the latest close that was answered, ns UTC.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    newest: int | None = None

    @property
    def posted(self) -> int:
        """Bars that were answered."""
        return self.outcomes.total()

    @property
    def sentence(self) -> str:
        """All of it, for people."""
        parts = [f"{self.posted:,} bars posted", f"{self.outcomes['accepted']:,} accepted"]
        named = {"duplicate": "duplicates", "revision": "revisions", "late": "late", "refused": "refused"}
        parts += [f"{self.outcomes[key]:,} {word}" for key, word in named.items()]
        return ", ".join(parts) + ("" if self.newest is None else f"; newest {iso(self.newest)}")


class Post:
    """Brings the bars of one feed to one server."""

    def __init__(
        self,
        feed: Feed,
        client: Client,
        *,
        say: Callable[[str], None],
        progress: Callable[[str], None],
        every_s: float = 30.0,
        ended: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], None] = sleep_s,
        elapsed_s: Callable[[], float] = elapsed_s,
    ) -> None:
        """Nothing begins yet.

        Args:
            feed: where the bars come from.
            client: of the server; give it `wait` as its `sleep` and `waiting`, so that it tells and ends as well.
            say: told what a person should know.
            progress: told how it goes, each `every_s` seconds.
            ended: whether the feed is asked to end.
            sleep: lets seconds pass, fewer where it is asked to end meanwhile.
        """
        self.tally = Tally()
        self._feed, self._client = feed, client
        self._say, self._progress, self._every_s = say, progress, every_s
        self._ended, self._sleep, self._elapsed_s = ended, sleep, elapsed_s
        self._next_s = elapsed_s() + every_s
        self._refusals, self._trouble = 0, ""

    def run(self) -> Tally:
        """Post until the feed has no more bars or is asked to end.

        Raises:
            CandlewickError: the feed or the server cannot go on.
        """
        world = World(last=self._last, sleep=self.wait, elapsed_s=self._elapsed_s, say=self._say)
        feeding = self._feed.bars(world)
        try:
            bars = next(feeding)
            while True:
                self._pause()
                bars = feeding.send(self._answers(bars))
        except (StopIteration, AskedToEndError):
            return self.tally
        finally:
            feeding.close()

    def wait(self, seconds: float) -> None:
        """Let time pass and tell how it goes.

        Raises:
            AskedToEndError: the feed is asked to end.
        """
        end = self._elapsed_s() + seconds
        while True:
            self._pause()
            left = min(end, self._next_s) - self._elapsed_s()
            if end <= self._elapsed_s():
                return
            self._sleep(max(left, 0.0))

    def waiting(self, reason: str, seconds: float) -> None:
        """Tell once that the server does not answer."""
        if reason != self._trouble:
            self._say(f"the server does not answer ({reason}); trying again in {seconds:.3g} s, then less often")
        self._trouble = reason

    def _pause(self) -> None:
        if self._ended():
            raise AskedToEndError
        if self._elapsed_s() >= self._next_s:
            self._progress(self.tally.sentence)
            if self._refusals > MOST_REFUSALS:
                self._say(f"{self._refusals - MOST_REFUSALS:,} more bars were refused")
            self._refusals = 0
            self._next_s = self._elapsed_s() + self._every_s

    def _last(self) -> Mapping[str, int]:
        found = self._client.status().get("symbols", [])
        return {one["symbol"]: one["t"] for one in found if isinstance(one.get("t"), int)}

    def _answers(self, bars: list[Bar]) -> list[Answer]:
        answers: list[Answer] = []
        for begin in range(0, len(bars), MOST_BARS):
            answers += self._posted(bars[begin : begin + MOST_BARS])
        if answers and self._trouble:
            self._say("the server answers again")
            self._trouble = ""
        for answer in answers:
            self.tally.outcomes[answer.outcome] += 1
            self.tally.newest = max(answer.t, self.tally.newest or 0)
            if answer.outcome == "refused":
                self._tell(answer)
        return answers

    def _posted(self, bars: list[Bar]) -> list[Answer]:
        """Answers to bars of which some may not even be sent: those are refused here."""
        faults = [fault(bar) for bar in bars]
        sendable = [bar for bar, said in zip(bars, faults, strict=True) if not said]
        found = iter(self._sent(sendable))
        return [_refused(bar, said) if said else next(found) for bar, said in zip(bars, faults, strict=True)]

    def _sent(self, bars: list[Bar]) -> list[Answer]:
        try:
            return self._client.post(bars)
        except DataError as error:
            # The server refused the request as a whole: the bar at fault is found by halves.
            if len(bars) <= 1:
                return [_refused(bar, str(error)) for bar in bars]
            middle = len(bars) // 2
            return [*self._sent(bars[:middle]), *self._sent(bars[middle:])]

    def _tell(self, answer: Answer) -> None:
        self._refusals += 1
        if self._refusals <= MOST_REFUSALS:
            self._say(f"refused: {answer.symbol} at {iso(answer.t)}: {answer.reason}")


def _refused(bar: Bar, reason: str) -> Answer:
    return Answer(bar.symbol, bar.t, "refused", "abstain", reason)
