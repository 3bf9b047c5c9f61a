"""Two exchanges on loopback that speak the wire formats of Binance and Bitstamp, by a clock that the test moves."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BEGIN_MS = 1_600_000_020_000  # years away from the clock of any machine that runs this
STEPS = {"1s": 1_000, "1m": 60_000, "1h": 3_600_000}
FORMING = 7_777.0


def close_of(open_ms: int) -> float:
    """The close of a candle that has closed."""
    return 100.0 + (open_ms // 1_000) % 97


@dataclass
class Exchange:
    """What it has and what it does next.

    Attributes:
        now_ms: its time. Each request takes `latency_ms` of it, after the answer was put together.
        first_ms: open of its first candle.
        missing: opens of candles in which nothing was traded; Binance and Bitstamp differ in what is said of them.
        script: one entry a request: a status, "cut", "garbage", or "stale" (an old answer from a cache on the way).
        halted: markets that give no candles.
        newest_first: of a page that cannot hold all, the newest are given, as some exchanges do.
    """

    now_ms: int = BEGIN_MS
    latency_ms: int = 0
    first_ms: int = BEGIN_MS - 86_400_000
    missing: set[int] = field(default_factory=set)
    script: list[Any] = field(default_factory=list)
    retry_after: str | None = None
    tells_date: bool = True
    newest_first: bool = False
    most: int = 1_000
    asked: list[str] = field(default_factory=list)
    halted: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    def candles(self, step_ms: int, start: int | None, end: int | None, limit: int) -> list[int]:
        """Opens of a page; the last one may be forming."""
        limit = min(limit, self.most)
        last = min(self.now_ms, end if end is not None else self.now_ms) // step_ms * step_ms
        first = max(self.first_ms, start if start is not None else last - (limit - 1) * step_ms)
        first = -(-first // step_ms) * step_ms
        opens = [ms for ms in range(first, last + 1, step_ms) if ms not in self.missing]
        return opens[-limit:] if start is None or self.newest_first else opens[:limit]

    def prices(self, open_ms: int, step_ms: int) -> list[float]:
        """Open, high, low, close, volume: of a forming candle its close is known to be one that never was."""
        close = close_of(open_ms) if open_ms + step_ms <= self.now_ms else FORMING
        return [100.0, max(close, 200.0), min(close, 90.0), close, 3.5]


def answer(exchange: Exchange, path: str, asked: dict[str, str]) -> Any:
    if path == "/api/v3/exchangeInfo":
        return {"symbols": [_binance_market(base) for base in ("BTC", "ETH")]}
    if path in {"/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"}:
        return {"symbols": []}
    if path == "/api/v3/time":
        return {"serverTime": exchange.now_ms}
    if path == "/api/v3/klines":
        if asked["symbol"] in exchange.unknown:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        if asked["symbol"] in exchange.halted:
            return []
        step = STEPS[asked["interval"]]
        start, end = (int(asked[key]) if key in asked else None for key in ("startTime", "endTime"))
        return [
            [ms, *map(str, exchange.prices(ms, step)), ms + step - 1, "0", 1, "0", "0", "0"]
            for ms in exchange.candles(step, start, end, int(asked["limit"]))
        ]
    if path == "/api/v2/markets/":
        return [_bitstamp_market(base) for base in ("BTC", "ETH")]
    if path.startswith("/api/v2/ohlc/"):
        step = int(asked["step"]) * 1_000
        start, end = (int(asked[key]) * 1_000 if key in asked else None for key in ("start", "end"))
        opens = exchange.candles(step, start, end, int(asked["limit"]))
        names = ("open", "high", "low", "close", "volume")
        rows = [
            {"timestamp": str(ms // 1_000), **dict(zip(names, map(str, exchange.prices(ms, step)), strict=True))}
            for ms in opens
        ]
        return {"data": {"ohlc": rows, "pair": "BTC/USD"}}
    return 404, {"msg": f"nothing at {path}"}


@contextmanager
def trading(exchange: Exchange) -> Iterator[str]:
    """The exchange at work in a thread; its address."""

    class Desk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            exchange.asked.append(self.path)
            step = exchange.script.pop(0) if exchange.script else None
            if step == "cut":
                self.close_connection = True
                return
            headers, when = {}, exchange.now_ms
            if step == "stale":
                exchange.now_ms -= 90_000
                headers = {"Age": "90"}
            found = answer(exchange, parts.path, {key: value[0] for key, value in parse_qs(parts.query).items()})
            exchange.now_ms = when
            status, body = found if isinstance(found, tuple) else (200, found)
            if isinstance(step, int):
                status, body = step, {"msg": f"the test says {step}"}
                headers = {"Retry-After": exchange.retry_after} if exchange.retry_after else {}
            text = b"<html>" if step == "garbage" else json.dumps(body).encode()
            # The Date is cut to whole seconds, and of the moment when the answer leaves.
            exchange.now_ms += exchange.latency_ms
            self.send_response_only(status)
            if exchange.tells_date:
                sent_ms = when if step == "stale" else exchange.now_ms
                self.send_header("Date", formatdate(sent_ms // 1_000, usegmt=True))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _binance_market(base: str) -> dict[str, Any]:
    return {
        "symbol": f"{base}USDT", "status": "TRADING", "baseAsset": base, "baseAssetPrecision": 8, "quoteAsset": "USDT",
        "quotePrecision": 8, "orderTypes": ["LIMIT", "MARKET"], "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        ],
    }  # fmt: skip


def _bitstamp_market(base: str) -> dict[str, Any]:
    return {
        "name": f"{base}/USD", "market_symbol": f"{base.lower()}usd", "base_currency": base, "base_decimals": 8,
        "counter_currency": "USD", "counter_decimals": 0, "minimum_order_value": "10", "trading": "Enabled",
        "instant_order_counter_decimals": 2, "instant_and_market_orders": "Enabled", "market_type": "SPOT",
        "description": f"{base} / U.S. dollar",
    }  # fmt: skip
