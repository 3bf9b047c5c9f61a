"""The status page with its own files, told what a test wants it to be told, without a server behind it."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import plotly

from candlewick.core.clock import iso
from candlewick.serve.web import page as status_page

FILES = Path(status_page.__file__).parent
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
ORIGIN = "http://candlewick.test"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
DESK, PHONE = (1280, 900), (390, 844)

MINUTE = 60 * 10**9
BEGIN = 1_760_000_040 * 10**9  # 2025-10-09T08:54:00Z
RELEASE, OTHER = "5687eef10d50" + "0" * 52, "11acdae72dba" + "1" * 52
VARIANCE = {"kind": "variance", "name": "forward_volatility", "horizon": 1, "classes": []}
RETURN = {"kind": "number", "name": "forward_return", "horizon": 3, "classes": []}
DIRECTION = {"kind": "classes", "name": "direction", "horizon": 2, "classes": ["down", "up"]}

HISTORY: dict[str, Any] = {
    "releases": [
        {"release": RELEASE, "title": "A", "model": "linear", "registered": BEGIN, "origin": "run", "forced": "",
         "passed": True, "sentences": ["It beats the benchmark."]},
        {"release": OTHER, "title": "B", "model": "har", "registered": BEGIN, "origin": "import", "forced": "to try it",
         "passed": False, "sentences": []},
    ],
    "history": [
        {"alias": "champion", "release": release, "previous": previous, "generation": k + 1,
         "at": BEGIN + k * 10 * MINUTE, "why": "rollback" if k == 2 else "promote", "reason": f"reason {k}"}
        for k, (release, previous) in enumerate([(RELEASE, ""), (OTHER, RELEASE), (RELEASE, OTHER)])
    ],
}  # fmt: skip


def stamp(k: float) -> str:
    """The close of bar `k` as plotly is given it, in UTC."""
    return iso((BEGIN + int(k * MINUTE)) // 10**9 * 10**9).replace("T", " ").replace("Z", ".000")


def event(k: int, symbol: str = "SYN", **answer: Any) -> dict[str, Any]:
    """The bar number `k` of a made-up market, and an answer to it."""
    close = 100 + 5 * math.sin(k / 9)
    opened = 100 + 5 * math.sin((k - 1) / 9)
    values = {"open": opened, "high": max(opened, close) + 0.2, "low": min(opened, close) - 0.2, "close": close}
    t = BEGIN + k * MINUTE
    told = {
        "symbol": symbol, "t": t, "outcome": "accepted", "status": "ok", "reason": "", "value": 1e-5, "quantiles": [],
        "probabilities": [], "known_at": t + MINUTE, "target": 0.5, "position": 0.48, "equity": 1 + k / 1e4,
        "release": RELEASE, "generation": 3, "seq": k, "durable": True, "feed_age_ns": 40_000_000,
        "timings_us": {"features": 12.0, "model": 30.0},
    }  # fmt: skip
    return {"bar": {"symbol": symbol, "t": t, "values": values}, "answer": told | answer}


@dataclass
class Told:
    """What the page is told; tests change it before and while it is open."""

    events: list[dict[str, Any]] = field(default_factory=lambda: [event(k) for k in range(120)])
    label: dict[str, Any] = field(default_factory=lambda: VARIANCE)
    champion: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    releases: dict[str, Any] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    refused: tuple[int, str] | None = None
    asked: list[str] = field(default_factory=list)

    def now(self) -> int:
        return (self.events[-1]["bar"]["t"] if self.events else BEGIN) + 2_500_000_000

    def as_status(self) -> dict[str, Any]:
        last = {one["bar"]["symbol"]: one for one in self.events}
        symbols = [
            {"symbol": name, "t": one["bar"]["t"], "bars": len(self.events), "feed_age_ns": 2_500_000_000,
             "refused": 1, "duplicates": 2, "missing": 3}
            | {key: one["answer"][key] for key in ("status", "reason", "target", "position", "equity")}
            for name, one in last.items()
        ]  # fmt: skip
        times = {"count": 120, "p50": 30.0, "p95": 60.0, "p99": 90.0, "p99.9": 1200.0, "max": 2500.0}
        champion = {
            "release": RELEASE, "generation": 3, "since": BEGIN, "title": "Volatility of the next minute",
            "model": "linear", "interval_ns": MINUTE, "label": self.label, "anchor": 26, "setting": {"text": "numpy"},
        }  # fmt: skip
        return {
            "now": self.now(), "ready": True, "reasons": [], "started": BEGIN, "champion": champion | self.champion,
            "previous": None, "symbols": symbols, "outcomes": {"accepted": len(self.events)}, "equity": 1.0123,
            "journal": {"seq": 119, "durable": 119, "bytes": 55_000, "segments": 1, "cut": 0},
            "latency_us": dict.fromkeys(("features", "model", "engine", "offer"), times) if symbols else {},
            "feeds": [{"source": "exchange", "bars": 120, "refused": 1, "duplicates": 2, "last_received": self.now()}]
            if symbols else [],
        } | self.status  # fmt: skip

    def answer(self, url: str) -> tuple[int, Any]:
        parts, asked = urlsplit(url), {key: value[0] for key, value in parse_qs(urlsplit(url).query).items()}
        if self.refused and parts.path.startswith("/v1/"):
            return self.refused[0], {"type": "problem", "code": "refused", "message": self.refused[1]}
        if parts.path == "/v1/status":
            return 200, self.as_status()
        if parts.path == "/v1/bars":
            found = [one for one in self.events if one["bar"]["symbol"] == asked["symbol"]]
            return 200, {"symbol": asked["symbol"], "events": found[-int(asked["count"]) :]}
        if parts.path == "/v1/releases":
            return 200, {"releases": [], "aliases": {}, "history": []} | self.releases
        if parts.path == "/v1/journal":
            return 200, {"records": self.records, "next": 120}
        return 404, {"type": "problem", "code": "not_found", "message": "no such page"}


class ToldPage:
    """The page in a window of its own, whose every request is answered by a `Told`."""

    def __init__(
        self, browser: Any, told: Told, size: tuple[int, int] = DESK, *, scheme: str = "light", zone: str = "UTC",
        wait: str = "#market-plot .main-svg", charts: bool = True,
    ) -> None:  # fmt: skip
        width, height = size
        self.told, self.charts = told, charts
        self.sockets: list[Any] = []
        self.said: list[str] = []
        self.left: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id=zone
        )
        self.page = self.context.new_page()
        self.page.route("**/*", self._answer)
        self.page.route_web_socket("**/v1/watch", self._watched)
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.goto(f"{ORIGIN}/")
        if wait:
            self.page.wait_for_selector(wait)

    def _answer(self, route: Any) -> None:
        url = route.request.url
        path = urlsplit(url).path
        if not url.startswith(ORIGIN):
            self.left.append(url)
            return route.abort()
        name = "index.html" if path == "/" else path.removeprefix("/assets/")
        file = PLOTLY if name == PLOTLY.name else FILES / name
        if path == "/" or path.startswith("/assets/"):
            headers = {"content-type": TYPES[file.suffix], "content-security-policy": POLICY}
            body = file.read_bytes() if self.charts or file != PLOTLY else b""
            return route.fulfill(status=200, headers=headers, body=body)
        self.told.asked.append(path)
        status, body = self.told.answer(url)
        return route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    def _watched(self, socket: Any) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda _: None)  # answered here, not by a server
        self.send({"type": "status"} | self.told.as_status())

    def send(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            self.sockets[-1].send(json.dumps(message))

    def wait_for_bar(self, k: int, *, ms: int = 30_000) -> None:
        """Until the chart ends with this bar."""
        newest = "plot => plot.data?.find(one => one.type === 'candlestick')?.x.at(-1)"
        self.page.wait_for_function(
            f"wanted => ({newest})(document.querySelector('#market-plot')) === wanted", arg=stamp(k), timeout=ms
        )

    def traces(self, plot: str = "market") -> list[dict[str, Any]]:
        """What is drawn, as plotly was given it."""
        found: list[dict[str, Any]] = self.page.locator(f"#{plot}-plot").evaluate(
            "plot => JSON.parse(JSON.stringify(plot.data.map(({type, mode, x, y, yaxis, close, line, fill, text, base})"
            " => ({type, mode, x, y, yaxis, close, line, fill, text, base}))))"
        )
        return found

    def __enter__(self) -> "ToldPage":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()
