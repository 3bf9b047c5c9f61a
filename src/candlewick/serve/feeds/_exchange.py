"""An exchange as ccxt speaks to it: its time, and pages of its candles, asked for until they are answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

from candlewick.core.clock import NS_PER_SECOND, now_ns
from candlewick.core.errors import ConfigError, RemoteError
from candlewick.serve.backoff import date_ns, retry_after_s
from candlewick.serve.feeds._base import Trouble, World

NAMES = ("open", "high", "low", "close", "volume")
_MS = 1_000_000  # ns


@dataclass(frozen=True)
class Candle:
    """What an exchange tells of an interval: when it opens, in ms UTC, and what is known of its prices and volume."""

    open_ms: int
    values: Mapping[str, float]


class Exchange:
    """One exchange; every question is put again, with longer and longer waits, until it is answered.

    Nothing here depends on this machine's clock.
    """

    def __init__(self, name: str, api: str | None, world: World) -> None:
        """Nothing is asked yet.

        Raises:
            ConfigError: ccxt knows no such exchange, or it gives no candles.
        """
        import ccxt

        if name not in ccxt.exchanges:
            import difflib

            near = difflib.get_close_matches(name, ccxt.exchanges, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"ccxt knows no exchange called {name!r}.{hint} It knows {len(ccxt.exchanges)}.")
        self.name, self._api, self._library, self._world = name, api, ccxt, world
        self._ccxt = self._made()
        if not self._ccxt.has.get("fetchOHLCV"):
            raise ConfigError(f"{name} gives no candles to the public. Choose another exchange.")
        self._trouble = Trouble(world, name, most_s=60.0)
        self._asked_s: float | None = None

    def open(self, markets: Mapping[str, str], timeframe: str) -> int:
        """Learn the exchange's markets; the timeframe's length in ms.

        Raises:
            ConfigError: it has no such market or timeframe.
        """
        known = self._ccxt.timeframes or {}
        if known and timeframe not in known:
            raise ConfigError(f"{self.name} has no candles of {timeframe!r}. It has {', '.join(known)}.")
        if timeframe[-1:] in {"M", "y"}:
            raise ConfigError(f"candles of {timeframe} are not all of one length. Choose one up to weeks.")
        found = self._ask(self._markets)
        missing = [market for market in markets if market not in found]
        if missing:
            raise ConfigError(
                f"{self.name} has no market called {missing[0]!r}. Its {len(found):,} markets are called like "
                f"{', '.join(list(found)[:3])}."
            )
        return int(self._ccxt.parse_timeframe(timeframe)) * 1_000

    def page_size(self, market: str, wanted: int) -> int:
        """Candles of a page: those wanted, or as many as the exchange gives at most."""
        most = self._ccxt.feature_value(market, "fetchOHLCV", "limit")
        return min(wanted, most) if isinstance(most, int) and most > 1 else wanted

    def now_ms(self, market: str, timeframe: str) -> int:
        """The exchange's own time: as it tells it, else as the Date of a response of its own.

        It is asked before the candles that are judged by it: what had closed by then is whole in a later answer.

        Raises:
            RemoteError: it tells no time in either way.
        """
        if self._ccxt.has.get("fetchTime"):
            told = self._ask(self._ccxt.fetch_time)
            if isinstance(told, int) and told > 0:
                return told
        else:
            self._ask(lambda: self._ccxt.fetch_ohlcv(market, timeframe, None, 1))
        date = date_ns(self._header("date"))
        if date is None:
            raise RemoteError(
                f"{self.name} tells no time, neither by itself nor as the Date of its responses, so that nobody can "
                "know whether a candle has closed. Choose another exchange."
            )
        return date // _MS - self.age_ms

    @property
    def age_ms(self) -> int:
        """How old the last answer may be that came from a cache on the way."""
        age = self._header("age") or ""
        # Whole seconds, cut off: 1 says up to 2.
        return (int(age[:9]) + 1) * 1_000 if age.isascii() and age.isdigit() and int(age) > 0 else 0

    def candles(
        self, market: str, timeframe: str, since_ms: int | None, limit: int, *, until_ms: int | None = None
    ) -> list[Candle]:
        """A page of candles, in order; those that open at `since_ms` or later where it is given.

        Args:
            until_ms: the page's end, for exchanges that give the newest candles rather than the first; where an
                exchange does not know what that is, there is no page.
        """
        asked = {} if until_ms is None else {"until": until_ms}
        rows = self._ask(
            lambda: self._ccxt.fetch_ohlcv(market, timeframe, since_ms, limit, asked), must=until_ms is None
        )
        found = {candle.open_ms: candle for candle in map(_candle, rows) if candle is not None}
        return [found[open_ms] for open_ms in sorted(found) if since_ms is None or open_ms >= since_ms]

    def _ask(self, question: Callable[[], Any], *, must: bool = True) -> Any:
        while True:
            self._paced()
            self._ccxt.last_response_headers = self._ccxt.last_json_response = None
            try:
                answer = question()
                if self._ccxt.last_json_response is None:
                    # ccxt takes it for an empty list of candles.
                    raise self._library.BadResponse("its answer is no JSON")
            except (self._library.BadSymbol, self._library.NotSupported, self._library.ArgumentsRequired) as error:
                raise ConfigError(f"{self.name} cannot be asked so: {error}.") from error
            except Exception as error:  # ccxt raises whatever its parsing of an odd answer runs into
                at_least = 0.0
                passing = isinstance(error, self._library.OperationFailed)
                if not must and not passing:
                    return ()
                if passing:
                    at_least = retry_after_s(self._header("retry-after"), now=date_ns(self._header("date")) or now_ns())
                self._trouble.wait(f"{type(error).__name__}: {_short(error)}", at_least_s=at_least)
            else:
                self._trouble.over()
                return answer

    def _made(self) -> Any:
        # Its own pacing follows the machine's clock, and sleeps for hours where that is put back: `_paced` does it.
        found = getattr(self._library, self.name)({"enableRateLimit": False, "enableLastJsonResponse": True})
        if self._api is not None:
            found.urls["api"] = rehosted(found.urls["api"], self._api)
        return found

    def _markets(self) -> Any:
        self._ccxt = self._made()  # an earlier one may have kept an answer that cannot be understood
        found = self._ccxt.load_markets(True)
        if not found:
            raise self._library.BadResponse("it tells of no markets")
        return found

    def _paced(self) -> None:
        if self._asked_s is not None:
            self._world.sleep(self._asked_s + self._ccxt.rateLimit / 1e3 - self._world.elapsed_s())
        self._asked_s = self._world.elapsed_s()

    def _header(self, name: str) -> str | None:
        headers: Mapping[str, str] = self._ccxt.last_response_headers or {}
        return next((value for key, value in headers.items() if key.lower() == name), None)


def rehosted(urls: Any, api: str) -> Any:
    """The addresses of an exchange, with the host of each changed and its path kept.

    >>> rehosted({"public": "https://api.example.com/api/v3"}, "http://127.0.0.1:8000/")
    {'public': 'http://127.0.0.1:8000/api/v3'}
    """
    if isinstance(urls, Mapping):
        return {key: rehosted(value, api) for key, value in urls.items()}
    if not isinstance(urls, str):
        return urls
    return api.rstrip("/") + urlsplit(urls).path


def _candle(row: Any) -> Candle | None:
    """None for what says no time; values that are not there or not finite are left out."""
    if not isinstance(row, list | tuple) or not row or not isinstance(row[0], int | float) or not isfinite(row[0]):
        return None
    values = {
        name: float(value)
        for name, value in zip(NAMES, row[1:], strict=False)
        if isinstance(value, int | float) and isfinite(value)
    }
    return Candle(int(row[0]), values)


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}..."


def ns(ms: int) -> int:
    """Milliseconds as nanoseconds."""
    return ms * (NS_PER_SECOND // 1_000)
