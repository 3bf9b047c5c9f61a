"""Public candles of an exchange through ccxt, without an API key; only candles that have closed there."""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import Field, field_validator

from candlewick.core.clock import iso
from candlewick.core.errors import ConfigError, RemoteError
from candlewick.data.interval import parse_duration
from candlewick.serve.backoff import Backoff
from candlewick.serve.feeds._base import Answered, Feed, World, require, rest
from candlewick.serve.feeds._exchange import Candle, Exchange, ns
from candlewick.serve.protocol import Bar

_LONGEST_REST_S = 60.0
_MOST_HOLES = 20


class Ccxt(Feed):
    """A candle is posted when the exchange's own time is past its close; one that is still forming never is.

    It begins after the newest bar that the server has of an instrument and pages through the exchange's history from
    there, in order, at every start and after every interruption on either side. ccxt stamps a candle by its open; `t`
    is its close.
    """

    subject: ClassVar[str] = "exchange"

    exchange: str = Field(description="its name in ccxt: binance, kraken, coinbase ...", max_length=58)
    symbols: tuple[str, ...] = Field(
        min_length=1, description="markets as ccxt calls them, BTC/USDT, or BTC/USDT=BTC to name the instrument"
    )
    timeframe: str = Field("1m", min_length=2, description="length of a candle, as the exchange calls it: 1m, 1h, 1d")
    since: str | None = Field(
        None,
        description="where an instrument begins that the server does not know: 2026-01-31, or 7d before now; "
        "by default with the newest page",
    )
    limit: int = Field(500, ge=2, le=1000, description="candles of a page at most")
    delay_s: float = Field(1.0, ge=0.0, le=60.0, description="seconds after a close before it is asked for")
    api: str | None = Field(None, description="another address of the exchange's API: http://127.0.0.1:8000")

    @field_validator("since")
    @classmethod
    def _since_can_be_meant(cls, since: str | None) -> str | None:
        if since is not None:
            _moment_ms(since, 0)
        return since

    @property
    def source(self) -> str:
        """`ccxt:EXCHANGE`."""
        return f"ccxt:{self.exchange}"

    def bars(self, world: World) -> Generator[list[Bar], Answered, None]:
        """Closed candles, for ever."""
        require("ccxt", "feeds", "a feed from an exchange")
        markets = _named(self.symbols)
        exchange = Exchange(self.exchange, self.api, world)
        interval_ms = exchange.open(markets, self.timeframe)
        followed = [_Followed(self, exchange, market, name, interval_ms, world) for market, name in markets.items()]
        while followed:
            now_ms, asked_s = exchange.now_ms(followed[0].market, self.timeframe), world.elapsed_s()
            held = world.last()
            for one in tuple(followed):
                try:
                    yield from one.bars(now_ms, held.get(one.name))
                except ConfigError as error:
                    world.say(f"{one.name} is left out from here on: {error}")
                    followed.remove(one)
            if not followed or any(one.behind for one in followed):
                continue
            wait_s = min(one.wait_s(now_ms) for one in followed) - (world.elapsed_s() - asked_s)
            yield from rest(world, min(wait_s, _LONGEST_REST_S))
        raise RemoteError(f"{self.exchange} has none of the markets any more. Choose others.")


@dataclass
class _Followed:
    """One market: how far it has been posted.

    `answered_ms` is the close of the newest candle that the server has answered, `accepted_ms` of the newest that it
    did not refuse. `behind` says that there is more to fetch at once.
    """

    feed: Ccxt
    exchange: Exchange
    market: str
    name: str
    interval_ms: int
    world: World
    answered_ms: int | None = None
    accepted_ms: int | None = None
    behind: bool = False
    holes: int = 0
    patience: Backoff = field(init=False)

    def __post_init__(self) -> None:
        quarter_s = self.interval_ms / 4e3
        self.patience = Backoff(first_s=min(quarter_s, 1.0), most_s=min(quarter_s, 30.0))

    @property
    def limit(self) -> int:
        return self.exchange.page_size(self.market, self.feed.limit)

    def bars(self, now_ms: int, held_ns: int | None) -> Generator[list[Bar], Answered, None]:
        """The next page of closed candles after what the server holds."""
        since_ms = self._since_ms(now_ms, held_ns)
        before_ms = self.answered_ms
        closed = self._closed(since_ms, now_ms)
        bars = [self._bar(candle) for candle in closed]
        answers = yield bars
        for candle, answer in zip(closed, answers, strict=True):
            self.answered_ms = candle.open_ms + self.interval_ms
            if answer.outcome != "refused":
                self.accepted_ms = self.answered_ms
        moved = self.answered_ms != before_ms
        self.behind = moved and self._left_ms(now_ms) <= 0
        if moved:
            self.patience.succeeded()

    def wait_s(self, now_ms: int) -> float:
        """Until the next candle should be there; where it should be already, longer and longer."""
        left_ms = self._left_ms(now_ms)
        return self.patience.next_s() if left_ms <= 0 else left_ms / 1e3 + self.feed.delay_s

    def _left_ms(self, now_ms: int) -> int:
        return (now_ms if self.answered_ms is None else self.answered_ms) + self.interval_ms - now_ms

    def _since_ms(self, now_ms: int, held_ns: int | None) -> int | None:
        held_ms = None if held_ns is None else held_ns // 1_000_000
        if self.accepted_ms is not None and (held_ms is None or held_ms < self.accepted_ms):
            # Older than what it had answered: another folder, or one that was restored.
            self.world.say(f"{self.name}: the server has lost bars; they are fetched again")
            self.accepted_ms = self.answered_ms = None
        if held_ms is None and self.answered_ms is None:
            return None if self.feed.since is None else _moment_ms(self.feed.since, now_ms)
        self.answered_ms = max(held_ms or 0, self.answered_ms or 0)
        return self.answered_ms

    def _closed(self, since_ms: int | None, now_ms: int) -> list[Candle]:
        """The first page after `since_ms`; the newest where that is None."""
        page = self._page(since_ms, now_ms)
        if since_ms is None:
            return page
        window_ms = since_ms + self.limit * self.interval_ms
        end_ms = page[0].open_ms if page else window_ms
        if end_ms < since_ms + self.interval_ms or end_ms > now_ms:
            return page
        # A hole is believed when its candles were asked for by its end too: some exchanges give the newest first.
        found = self._page(since_ms, now_ms, until_ms=end_ms)
        if found and found[0].open_ms >= since_ms + self.interval_ms and end_ms > window_ms:
            found, end_ms, page = self._page(since_ms, now_ms, until_ms=window_ms), window_ms, []
        if found:
            return found
        self._tell_hole(since_ms, end_ms)
        if not page:
            self.answered_ms = end_ms
        return page

    def _page(self, since_ms: int | None, now_ms: int, *, until_ms: int | None = None) -> list[Candle]:
        """Candles that had closed by `now_ms`; where an end is given, those that open before it."""
        limit, last_ms = self.limit, None if until_ms is None else until_ms - 1
        if since_ms is not None and last_ms is not None:
            limit = min(limit, (last_ms - since_ms) // self.interval_ms + 1)
        found = self.exchange.candles(self.market, self.feed.timeframe, since_ms, limit, until_ms=last_ms)
        # What came from a cache on the way is as old as the cache says.
        whole_ms = now_ms - self.exchange.age_ms
        return [
            candle
            for candle in found
            if candle.open_ms + self.interval_ms <= whole_ms and (until_ms is None or candle.open_ms < until_ms)
        ]

    def _tell_hole(self, since_ms: int, end_ms: int) -> None:
        self.holes += 1
        if self.holes <= _MOST_HOLES:
            between = f"{iso(ns(since_ms))} and {iso(ns(end_ms))}"
            self.world.say(f"{self.name}: {self.exchange.name} has no candles between {between}")

    def _bar(self, candle: Candle) -> Bar:
        interval = ns(self.interval_ms)
        return Bar(self.name, ns(candle.open_ms) + interval, dict(candle.values), interval, self.feed.source)


def _named(symbols: tuple[str, ...]) -> dict[str, str]:
    """Instrument names by market.

    >>> _named(("BTC/USDT=BTC", "ETH/USDT"))
    {'BTC/USDT': 'BTC', 'ETH/USDT': 'ETH/USDT'}
    """
    pairs = [(market, name or market) for market, _, name in (text.partition("=") for text in symbols)]
    if len({market for market, _ in pairs}) < len(pairs) or len({name for _, name in pairs}) < len(pairs):
        raise ConfigError(f"each market and each instrument stands once, was {', '.join(symbols)}. Name them apart.")
    return dict(pairs)


def _moment_ms(text: str, now_ms: int) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now_ms - parse_duration(text) // 1_000_000
        except ConfigError as error:
            raise ValueError("write a date, 2026-01-31, or a length of time, 7d") from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e3)
