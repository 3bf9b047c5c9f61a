"""Candles of an exchange through the real ccxt: closed ones only, in order, none left out, whatever goes wrong."""

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from desk import Desk
from small_exchange import BEGIN_MS, FORMING, STEPS, Exchange, close_of, trading
from small_server import Book

from candlewick.core.errors import ConfigError, RemoteError
from candlewick.serve.feeds.ccxt import Ccxt

pytest.importorskip("ccxt", reason="ccxt is not installed")


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def api(exchange: Exchange) -> Iterator[str]:
    with trading(exchange) as address:
        yield address


@pytest.fixture
def desk(book: Book, exchange: Exchange) -> Desk:
    """Where time passes at the exchange while the feed sleeps."""

    def passing(seconds: float) -> None:
        exchange.now_ms += round(seconds * 1_000)

    return Desk(book, passing)


def binance(api: str, **options: object) -> Ccxt:
    return Ccxt(**{"exchange": "binance", "symbols": ("BTC/USDT=BTC",), "api": api, "limit": 50} | options)


def bitstamp(api: str, **options: object) -> Ccxt:
    return binance(api, **{"exchange": "bitstamp", "symbols": ("BTC/USD=BTC",)} | options)


def closes(book: Book, symbol: str = "BTC") -> list[int]:
    """In the order in which they came, ms."""
    return [t // 1_000_000 for t in book.of(symbol)]


def assert_whole(book: Book, exchange: Exchange, timeframe: str = "1m") -> None:
    """Every candle that was posted is as the exchange has it for ever, none came twice or was left out."""
    step = STEPS[timeframe]
    for bar in book.order:
        open_ms = bar.t // 1_000_000 - step
        assert bar.values["close"] == close_of(open_ms), "a candle that was still forming"
        assert bar.values["close"] != FORMING
        assert bar.interval_ns == step * 1_000_000
    for name in {bar.symbol for bar in book.order}:
        came = closes(book, name)
        wanted = range(came[0], came[-1] + step, step)
        assert came == [ms for ms in wanted if ms - step not in exchange.missing]


def test_the_candle_that_is_forming_is_held_back_until_its_close(exchange: Exchange, api: str, desk: Desk) -> None:
    exchange.now_ms = BEGIN_MS + 59_000
    desk.run(binance(api), lambda: len(desk.book.order) > 0)
    assert closes(desk.book)[-1] == BEGIN_MS
    desk.run(binance(api), lambda: closes(desk.book)[-1] > BEGIN_MS)
    assert closes(desk.book)[-1] == BEGIN_MS + 60_000
    assert_whole(desk.book, exchange)


def test_a_bar_is_the_candle_stamped_by_its_close(api: str, desk: Desk) -> None:
    desk.run(binance(api, limit=2), lambda: len(desk.book.order) > 0)
    (bar,) = desk.book.order
    assert bar.t == BEGIN_MS * 1_000_000
    assert bar.values == {
        "open": 100.0, "high": 200.0, "low": 90.0, "close": close_of(BEGIN_MS - 60_000), "volume": 3.5,
    }  # fmt: skip
    assert (bar.interval_ns, bar.source) == (60 * 10**9, "ccxt:binance")


@pytest.mark.parametrize("member", [binance, bitstamp])
def test_a_thousand_closes_while_every_answer_takes_its_time(
    member: type[Ccxt], exchange: Exchange, api: str, desk: Desk
) -> None:
    draw, timeframe = random.Random(7), "1s" if member is binance else "1m"
    step = STEPS[timeframe]
    passing = desk.passing

    def at_odds(seconds: float) -> None:
        passing(seconds)
        exchange.latency_ms = draw.randrange(step // 2)

    desk.passing = at_odds
    desk.run(member(api, timeframe=timeframe), lambda: len(desk.book.order) >= 300)
    assert_whole(desk.book, exchange, timeframe)


@pytest.mark.parametrize("member", [binance, bitstamp])
def test_a_restart_fills_what_was_missed_page_by_page(
    member: type[Ccxt], exchange: Exchange, api: str, desk: Desk
) -> None:
    desk.run(member(api), lambda: len(desk.book.order) > 0)
    before = len(desk.book.order)
    exchange.now_ms += 333 * 60_000
    pages = []
    desk.run(
        member(api), lambda: pages.append(len(desk.book.order)) or closes(desk.book)[-1] >= exchange.now_ms - 60_000
    )
    assert len(desk.book.order) == before + 333
    assert max(later - earlier for earlier, later in pairwise([before, *pages])) <= 50
    assert_whole(desk.book, exchange)


def test_the_first_fill_begins_where_it_is_told(exchange: Exchange, api: str, desk: Desk) -> None:
    desk.run(binance(api, since="2h"), lambda: closes(desk.book)[-1:] == [BEGIN_MS])
    assert closes(desk.book)[0] == BEGIN_MS - 118 * 60_000, "the last two hours, less what the questions took"
    desk.book.order.clear(), desk.book.bars.clear()
    desk.run(binance(api, since="2020-09-13T12:00:00+00:00"), lambda: closes(desk.book)[-1:] == [BEGIN_MS])
    assert closes(desk.book)[0] == 1_599_998_400_000 + 60_000
    assert_whole(desk.book, exchange)


def test_a_beginning_that_cannot_be_meant_is_refused_before_anything_is_asked(exchange: Exchange, api: str) -> None:
    from candlewick.serve.feeds import FEEDS

    with pytest.raises(ConfigError, match="write a date"):
        FEEDS.build({"name": "ccxt", "exchange": "binance", "symbols": ["BTC/USDT"], "since": "yesterday", "api": api})
    assert exchange.asked == []


def test_several_instruments_are_followed_at_once(exchange: Exchange, api: str, desk: Desk) -> None:
    feed = binance(api, symbols=("BTC/USDT=BTC", "ETH/USDT"), since="3h")
    desk.run(feed, lambda: all(closes(desk.book, name)[-1:] == [BEGIN_MS + 120_000] for name in ("BTC", "ETH/USDT")))
    assert len(closes(desk.book)) == len(closes(desk.book, "ETH/USDT")) == 181
    assert_whole(desk.book, exchange)


@pytest.mark.parametrize("trouble", [429, 418, 500, 503, 502, "cut", "garbage"])
def test_an_exchange_that_fails_is_asked_again_with_bounded_waits(
    trouble: object, exchange: Exchange, api: str, desk: Desk
) -> None:
    desk.run(binance(api), lambda: len(desk.book.order) > 0)
    exchange.now_ms += 60_000
    exchange.script = [trouble] * 12
    desk.slept.clear()
    desk.run(binance(api), lambda: closes(desk.book)[-1] >= BEGIN_MS + 60_000)
    assert exchange.script == []
    waits = [seconds for seconds in desk.slept if seconds >= 0.5]
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(waits) <= 60.0
    assert sum("trying again" in line for line in desk.said) <= 2, "told once, not at every attempt"
    assert desk.said[-1] == "binance answers again"
    assert_whole(desk.book, exchange)


def test_a_page_that_is_no_json_is_not_taken_for_hours_without_trade(exchange: Exchange, api: str, desk: Desk) -> None:
    def ill() -> bool:
        if len(closes(desk.book)) == 50:
            exchange.script = [None, *["garbage"] * 3]
        return closes(desk.book)[-1:] == [BEGIN_MS]

    desk.run(binance(api, since="5h"), ill)
    assert any("no JSON" in line for line in desk.said)
    assert_whole(desk.book, exchange)


@pytest.mark.parametrize("seed", [1, 7, 17, 27, 35, 41])
def test_two_hours_of_faults_from_one_seed_leave_every_candle_whole_and_in_its_place(
    seed: int, exchange: Exchange, api: str, desk: Desk
) -> None:
    draw, faults = random.Random(seed), (429, 500, 503, "cut", "garbage", "stale")
    passing = desk.passing

    def ill(seconds: float) -> None:
        passing(seconds)
        exchange.latency_ms = draw.choice((0, 40, 900, 25_000))
        if draw.random() < 0.15:
            exchange.script = [draw.choice((*faults, None)) for _ in range(draw.randrange(1, 4))]

    desk.passing = ill
    member = draw.choice((binance, bitstamp))
    end = BEGIN_MS + 120 * 60_000
    desk.run(member(api), lambda: len(desk.book.order) > 0)
    while closes(desk.book)[-1] < end:
        stop = exchange.now_ms + draw.randrange(30 * 60_000)
        desk.run(member(api), lambda stop=stop: exchange.now_ms > stop or closes(desk.book)[-1] >= end)
        exchange.now_ms += draw.choice((0, 0, 70 * 60_000))  # the feed, or the line, is away
        if draw.random() < 0.2:
            for bar in desk.book.order[-7:]:
                del desk.book.bars[bar.symbol, bar.t]
            del desk.book.order[-7:]
    assert_whole(desk.book, exchange)


def test_the_exchange_says_how_long_to_wait(exchange: Exchange, api: str, desk: Desk) -> None:
    exchange.script, exchange.retry_after = [429], "17"
    desk.run(binance(api), lambda: len(desk.book.order) > 0)
    assert 17.0 in desk.slept


def test_a_cache_on_the_way_does_not_make_a_forming_candle_whole(exchange: Exchange, api: str, desk: Desk) -> None:
    exchange.now_ms = BEGIN_MS + 30_000
    exchange.script = [None] * 4 + ["stale"]
    desk.run(binance(api), lambda: len(desk.book.order) > 0)
    assert "klines" in exchange.asked[4]
    assert closes(desk.book)[-1] == BEGIN_MS - 120_000
    assert_whole(desk.book, exchange)


def test_no_exchange_whose_time_is_unknown_is_believed(exchange: Exchange, api: str, desk: Desk) -> None:
    exchange.tells_date = False
    with pytest.raises(RemoteError, match=r"bitstamp tells no time.*nobody can know whether a candle has closed"):
        desk.run(bitstamp(api))
    assert desk.book.order == []


def test_minutes_without_trade_are_no_end(exchange: Exchange, api: str, desk: Desk) -> None:
    first = BEGIN_MS - 7_200_000
    exchange.missing = {first + minute * 60_000 for minute in (*range(10, 75), 100)}
    desk.run(bitstamp(api, since="2h"), lambda: closes(desk.book)[-1:] == [BEGIN_MS])
    assert len(desk.book.order) == 120 - 66
    assert any("no candles between" in line for line in desk.said)
    assert_whole(desk.book, exchange)


def test_an_exchange_that_gives_the_newest_first_is_asked_for_the_rest(
    exchange: Exchange, api: str, desk: Desk
) -> None:
    exchange.newest_first = True
    desk.run(binance(api, since="4h"), lambda: closes(desk.book)[-1:] == [BEGIN_MS])
    assert len(desk.book.order) == 239
    assert_whole(desk.book, exchange)


def test_a_server_that_has_lost_bars_gets_them_again(exchange: Exchange, api: str, desk: Desk) -> None:
    def lose() -> bool:
        if closes(desk.book)[-1:] == [BEGIN_MS + 180_000] and not desk.said:
            for bar in desk.book.order[-40:]:
                del desk.book.bars[bar.symbol, bar.t]
            del desk.book.order[-40:]
        return bool(desk.said) and closes(desk.book)[-1] >= BEGIN_MS + 240_000

    desk.run(binance(api), lose)
    assert "lost bars" in desk.said[0]
    assert_whole(desk.book, exchange)


def test_a_refused_candle_is_not_posted_for_ever(exchange: Exchange, api: str, desk: Desk) -> None:
    wanted = BEGIN_MS + 60_000
    desk.book.refuse = {("BTC", wanted * 1_000_000)}
    offers = []
    offer = desk.book.offer

    def counting(bar, **options):
        offers.append(bar.t // 1_000_000)
        return offer(bar, **options)

    desk.book.offer = counting  # type: ignore[method-assign]
    desk.run(binance(api), lambda: closes(desk.book)[-1:] == [BEGIN_MS + 180_000])
    assert offers.count(wanted) == 1
    assert len(offers) == len(set(offers))


def test_a_market_that_is_taken_away_leaves_the_others(exchange: Exchange, api: str, desk: Desk) -> None:
    def until() -> bool:
        if closes(desk.book, "ETH")[-1:] == [BEGIN_MS]:
            exchange.unknown.add("BTCUSDT")
        return closes(desk.book, "ETH")[-1:] == [BEGIN_MS + 120_000]

    desk.run(binance(api, symbols=("BTC/USDT=BTC", "ETH/USDT=ETH")), until)
    assert closes(desk.book)[-1] == BEGIN_MS
    assert any("BTC is left out" in line for line in desk.said)
    exchange.unknown.add("ETHUSDT")
    with pytest.raises(RemoteError, match="none of the markets"):
        desk.run(binance(api, symbols=("ETH/USDT=ETH",)))


def test_a_market_without_candles_does_not_hold_the_others_up(exchange: Exchange, api: str, desk: Desk) -> None:
    delays = []
    offer = desk.book.offer

    def late(bar, **options):
        delays.append(exchange.now_ms - bar.t // 1_000_000)
        return offer(bar, **options)

    def until() -> bool:
        if desk.book.of("ETH"):
            exchange.halted.add("ETHUSDT")
        return closes(desk.book)[-1:] == [BEGIN_MS + 1_800_000]

    desk.book.offer = late  # type: ignore[method-assign]
    desk.run(binance(api, symbols=("BTC/USDT=BTC", "ETH/USDT=ETH"), limit=2), until)
    assert max(delays[-30:]) <= 1_500
    assert len(exchange.asked) < 30 * 20


def test_the_clock_of_this_machine_does_not_matter(
    exchange: Exchange, api: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    import ccxt

    def jumping(steps=iter(range(10**9))) -> float:  # noqa: B008 (one for all calls)
        return 4e9 if next(steps) % 2 else 1e6

    monkeypatch.setattr(ccxt.Exchange, "milliseconds", staticmethod(lambda: int(jumping() * 1e3)))
    monkeypatch.setattr(time, "time_ns", lambda: int(jumping() * 1e9))
    begun = time.perf_counter()
    desk.run(binance(api), lambda: closes(desk.book)[-1:] == [BEGIN_MS + 180_000])
    assert_whole(desk.book, exchange)
    assert time.perf_counter() - begun < 20, "ccxt's own pacing would sleep for years"


def test_requests_keep_the_pace_that_the_exchange_asks_for(exchange: Exchange, api: str, desk: Desk) -> None:
    desk.run(binance(api, since="8h"), lambda: closes(desk.book)[-1:] == [BEGIN_MS])
    assert sum(0 < seconds <= 0.05 for seconds in desk.slept) >= 9


def test_a_page_is_not_larger_than_the_exchange_gives(
    exchange: Exchange, api: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccxt.binance.feature_value", lambda *_: 30)
    desk.run(binance(api, since="2h"), lambda: closes(desk.book)[-1:] == [BEGIN_MS])
    assert sum("limit=30&" in path for path in exchange.asked) == 4
    assert not any("limit=50&" in path for path in exchange.asked)
    assert_whole(desk.book, exchange)


def test_the_libraries_of_feeds_stay_out_until_a_feed_needs_them() -> None:
    import subprocess
    import sys

    code = """
import sys
from candlewick.serve.feeds import FEEDS
for name in FEEDS.names():
    FEEDS.member(name)
import candlewick.serve.client, candlewick.serve.live.side
print({"ccxt", "redis", "polars", "torch"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"exchange": "binanse"}, "Did you mean 'binance'"),
        ({"symbols": ("BTC/EUR",)}, "no market called 'BTC/EUR'"),
        ({"timeframe": "7m"}, "no candles of '7m'. It has 1s, 1m"),
        ({"timeframe": "1M"}, "not all of one length"),
        ({"symbols": ("BTC/USDT=A", "ETH/USDT=A")}, "stands once"),
    ],
)
def test_what_cannot_be_asked_is_told(options: dict[str, object], said: str, api: str, desk: Desk) -> None:
    with pytest.raises(ConfigError, match=said):
        desk.run(binance(api, **options))
