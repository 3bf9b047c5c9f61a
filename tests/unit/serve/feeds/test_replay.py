"""A file as a feed: in order of time across instruments, at the pace that is asked for, from where it was left."""

from pathlib import Path

import numpy as np
import pytest
from desk import Desk
from small_server import Book

from candlewick.core.errors import DataError
from candlewick.serve.feeds.replay import Replay

MINUTE = 60 * 10**9
T = 1_700_000_040 * 10**9


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two instruments, one of them every minute and the other every second one, not in order of time."""
    path = tmp_path / "bars.csv"
    rows = [("A", step) for step in range(30)] + [("B", step) for step in range(0, 30, 2)]
    lines = [
        f"{symbol},{(T + step * MINUTE) // 10**9},{10 + step},{11 + step},9,{10.5 + step},7" for symbol, step in rows
    ]
    path.write_text("\n".join(["symbol,close_time,open,high,low,close,volume", *lines]) + "\n")
    return path


@pytest.fixture
def desk(book: Book) -> Desk:
    return Desk(book)


def replay(file: Path, **options: object) -> Replay:
    return Replay(path=str(file), **{"zone": "UTC"} | options)


def test_bars_come_in_order_of_time_across_instruments(file: Path, desk: Desk) -> None:
    desk.run(replay(file))
    came = [((bar.t - T) // MINUTE, bar.symbol) for bar in desk.book.order]
    assert came == sorted([(step, "A") for step in range(30)] + [(step, "B") for step in range(0, 30, 2)])
    first = desk.book.order[0]
    assert first.values == {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 7.0}
    assert (first.source, first.interval_ns) == ("replay", MINUTE)
    assert desk.slept == []


def test_at_sixty_times_its_speed_a_minute_takes_a_second(file: Path, desk: Desk) -> None:
    batches = []
    desk.run(replay(file, speed=60.0), lambda: bool(batches.append((desk.now_s, len(desk.book.order)))))
    assert [now for now, _ in batches] == pytest.approx(range(30))
    assert [count for _, count in batches] == np.cumsum([2, 1] * 15).tolist()


def test_what_posting_takes_does_not_add_up(file: Path, desk: Desk) -> None:
    def slow() -> bool:
        desk.now_s += 0.4
        return False

    desk.run(replay(file, speed=60.0), slow)
    assert desk.now_s == pytest.approx(29.4)


def test_it_goes_on_after_the_last_bar_of_the_server(file: Path, desk: Desk) -> None:
    desk.run(replay(file, speed=60.0), lambda: len(desk.book.order) >= 20)
    before = len(desk.book.order)
    assert before < 45
    offered = []
    offer = desk.book.offer
    desk.book.offer = lambda bar, **options: offered.append(bar) or offer(bar, **options)  # type: ignore[method-assign]
    desk.run(replay(file, since="last"))
    assert len(offered) == 45 - before
    assert len(desk.book.order) == 45


def test_the_begin_again_is_answered_as_duplicates(file: Path, desk: Desk) -> None:
    desk.run(replay(file))
    desk.run(replay(file))
    assert len(desk.book.order) == 45


def test_a_file_that_cannot_be_used_is_refused_before_anything_is_posted(file: Path, desk: Desk) -> None:
    file.write_text(file.read_text().replace("A,1700000100,11", "A,1700000100,-11"))
    with pytest.raises(DataError):
        desk.run(replay(file))
    assert desk.book.order == []
    desk.run(replay(file, on_error="drop"))
    assert len(desk.book.order) == 44
