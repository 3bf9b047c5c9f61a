"""A feed at work: every bar answered and counted, refusals told and no end of it, progress told, a clean end."""

from collections.abc import Generator
from itertools import pairwise

import pytest
from small_server import Book

from candlewick.core.errors import RemoteError
from candlewick.serve.client import Client
from candlewick.serve.feeds._base import Answered, Feed, World
from candlewick.serve.feeds._post import MOST_REFUSALS, Post
from candlewick.serve.protocol import Bar

MINUTE = 60 * 10**9
T = 1_700_000_040 * 10**9


class Given(Feed):
    """Batches of a test: bars, or seconds to wait."""

    @property
    def source(self) -> str:
        return "given"

    def bars(self, world: World) -> Generator[list[Bar], Answered, None]:
        for batch in BATCHES:
            if isinstance(batch, float):
                world.sleep(batch)
            else:
                SETTLED.append(list((yield batch)))


BATCHES: list[list[Bar] | float] = []
SETTLED: list[list[object]] = []


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now_s, self.naps = 0.0, []

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now_s += seconds


class Line:
    """What a feed at work says, and a post of it."""

    def __init__(self, address: str, *batches: list[Bar] | float) -> None:
        BATCHES[:], SETTLED[:] = batches, []
        self.clock, self.said, self.progress, self.asked = Clock(), [], [], False
        client = Client(
            address,
            patience_s=None,
            sleep=lambda seconds: self.post.wait(seconds),
            waiting=lambda *told: self.post.waiting(*told),
        )
        self.post = Post(
            Given(), client, say=self.said.append, progress=self.progress.append, every_s=10.0,
            ended=lambda: self.asked, sleep=self.clock.sleep, elapsed_s=lambda: self.clock.now_s,
        )  # fmt: skip


def bars(*steps: int, **changes: object) -> list[Bar]:
    return [Bar("A", T + step * MINUTE, {"close": 10.0 + step}, **changes) for step in steps]


def test_bars_are_counted_by_what_became_of_them(book: Book, address: str) -> None:
    book.refuse = {("A", T + 2 * MINUTE)}
    line = Line(address, bars(0, 1), [], bars(1, 2), bars(3))
    tally = line.post.run()
    assert tally.outcomes == {"accepted": 3, "duplicate": 1, "refused": 1}
    assert tally.sentence.startswith("5 bars posted, 3 accepted, 1 duplicates, 0 revisions, 0 late, 1 refused; newest")
    assert line.said == ["refused: A at 2023-11-14T22:16:00Z: the test refuses it"]
    assert [len(answers) for answers in SETTLED] == [2, 0, 2, 1]
    assert book.requests == [("POST", "/v1/bars")] * 3, "nothing is asked for an empty batch"


def test_a_bar_that_cannot_even_be_sent_is_refused_and_the_others_go_on(book: Book, address: str) -> None:
    line = Line(address, [*bars(0), Bar("A", T, {"close": float("nan")}), Bar("no name!", T, {"close": 1.0}), *bars(1)])
    assert line.post.run().outcomes == {"accepted": 2, "refused": 2}
    assert [answer.outcome for answer in SETTLED[0]] == ["accepted", "refused", "refused", "accepted"]
    assert len(line.said) == 2


def test_a_request_that_is_refused_as_a_whole_is_halved_until_the_bar_at_fault_is_found(
    book: Book, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A client that lets through what the server will not have, as an older one may.
    monkeypatch.setattr("candlewick.serve.client.fault", lambda bar: "")
    monkeypatch.setattr("candlewick.serve.feeds._post.fault", lambda bar: "")
    wrong = Bar("A", T + 3 * MINUTE, {"Close": 1.0})
    line = Line(address, [*bars(0, 1, 2), wrong, *bars(4, 5)])
    assert line.post.run().outcomes == {"accepted": 5, "refused": 1}
    assert book.of("A") == [T + step * MINUTE for step in (0, 1, 2, 4, 5)]


def test_refusals_do_not_flood(book: Book, address: str) -> None:
    book.refuse = {("A", T + step * MINUTE) for step in range(100)}
    line = Line(address, bars(*range(100)), 11.0)
    line.post.run()
    assert sum(text.startswith("refused") for text in line.said) == MOST_REFUSALS
    assert line.said[-1] == "90 more bars were refused"


def test_progress_is_told_while_it_waits(address: str) -> None:
    line = Line(address, bars(0), 35.0, bars(1))
    line.post.run()
    assert len(line.progress) == 3
    assert line.progress[0].startswith("1 bars posted")
    assert line.clock.now_s == 35.0


def test_a_server_that_is_away_is_waited_for_as_long_as_it_takes_and_told_once(book: Book, address: str) -> None:
    book.script, book.retry_after = [503] * 60, "0"
    line = Line(address, bars(0))
    assert line.post.run().outcomes == {"accepted": 1}
    assert [text for text in line.said if "does not answer" in text] == line.said[:1]
    assert line.said[1:] == ["the server answers again"]
    assert max(line.clock.naps) <= 5.0
    assert all(earlier <= 2 * later + 10 for earlier, later in pairwise(line.clock.naps))
    assert len(line.progress) >= 20


@pytest.mark.parametrize("while_waiting", [True, False])
def test_it_ends_when_it_is_asked_to(while_waiting: bool, book: Book, address: str) -> None:
    line = Line(address, bars(0), 1e9, bars(1)) if while_waiting else Line(address, bars(0), bars(1))
    sleep = line.clock.sleep

    def asked(seconds: float) -> None:
        sleep(seconds)
        line.asked = True

    line.post._sleep = asked
    if not while_waiting:
        line.asked = True
    tally = line.post.run()
    assert tally.posted == (1 if while_waiting else 0)
    assert line.clock.now_s <= 10.0


def test_it_ends_while_the_server_is_away(book: Book, address: str) -> None:
    book.script = [503] * 1_000
    line = Line(address, bars(0))
    sleep = line.clock.sleep

    def asked(seconds: float) -> None:
        sleep(seconds)
        line.asked = len(line.clock.naps) > 5

    line.post._sleep = asked
    assert line.post.run().posted == 0


def test_what_the_server_holds_is_asked_of_it(book: Book, address: str) -> None:
    for bar in (*bars(0, 5), Bar("B", T, {"close": 1.0})):
        book.offer(bar)
    line = Line(address)
    assert line.post._last() == {"A": T + 5 * MINUTE, "B": T}


def test_a_server_that_fails_ends_the_feed_with_an_error(book: Book, address: str) -> None:
    book.script = [500]
    with pytest.raises(RemoteError, match="HTTP 500"):
        Line(address, bars(0)).post.run()
