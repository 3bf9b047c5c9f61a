"""The status page of a real server: opened by its link, followed while bars come, while it is away and after."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from candlewick.core.clock import now_ns
from candlewick.release.registry import Registry

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "release"))

from small_releases import HOUR, market, small_release

TOKEN = "a-token-of-the-tests-of-pages"
SYMBOLS = ("BTC/USDT", "ETH-PERP")


class Serving:
    """`candlewick serve` as a process."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        command = [sys.executable, "-m", "candlewick.cli", "serve", "--folder", str(folder), "--port", str(port)]
        command += ["--precision", "fp32", "--threads", "1", "--quiet"]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=os.environ | {"CANDLEWICK_TOKEN": TOKEN}
        )
        assert self.process.stderr is not None
        self.lines: list[str] = []
        for line in self.process.stderr:
            self.lines.append(line)
            if line.startswith("candlewick listens on "):
                self.url = line.split()[-1]
            if line.startswith("status page"):
                self.link = line.split()[2]
                break
        else:
            raise AssertionError("".join(self.lines))
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def post(self, bars: list[dict[str, Any]]) -> list[dict[str, Any]]:
        head = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}/v1/bars", json.dumps(bars).encode(), head)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: list[dict[str, Any]] = json.load(answer)["answers"]
        return found

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0


@pytest.fixture(scope="module")
def bars() -> dict[str, list[dict[str, Any]]]:
    """Hourly bars of each instrument, as a feed posts them; the last one closed within the last hour."""
    panel = market(SYMBOLS, 300, seed=99)
    shift = now_ns() // HOUR * HOUR - int(panel.bars[0].t[-1])
    return {
        one.symbol: [
            {"symbol": one.symbol, "t": int(t) + shift, "source": "a feed",
             "values": {name: float(one.column(name)[k]) for name in ("open", "high", "low", "close", "volume")}}
            for k, t in enumerate(one.t)
        ]
        for one in panel.bars
    }  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A live folder with a champion and another release."""
    live = tmp_path_factory.mktemp("page") / "live"
    first, _ = small_release(live, symbols=SYMBOLS, bars=300)
    small_release(live, symbols=SYMBOLS, bars=300, seed=1)
    Registry(live).move("champion", first, reason="the first <b>one</b>")
    return live


@pytest.fixture
def visited(browser: Any) -> Iterator[Any]:
    """A page that keeps what it asked for (`asked`) and what it complained about (`said`)."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.asked, page.said = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: page.said.append(f"error: {error}"))
    yield page
    context.close()


def drawn(page: Any, bar: dict[str, Any], *, within_ms: int) -> None:
    page.wait_for_function(
        "t => document.querySelector('#market-plot').data?.find(one => one.type === 'candlestick')"
        "?.x.at(-1) === new Date(t / 1e6).toISOString().slice(0, 23).replace('T', ' ')",
        arg=bar["t"], timeout=within_ms,
    )  # fmt: skip


def test_it_follows_a_server_through_bars_a_restart_and_back(
    folder: Path, bars: dict[str, list[dict[str, Any]]], visited: Any
) -> None:
    server = Serving(folder)
    page, feed = visited, bars["BTC/USDT"]
    try:
        page.goto(server.link)
        assert page.url == f"{server.url}/"
        page.locator("#market .empty").filter(has_text="No bars yet").wait_for()
        assert page.locator("#title").inner_text() == "a small release"
        page.wait_for_function("() => window.Plotly")

        answers = server.post(feed[:10])
        assert [answer["outcome"] for answer in answers] == ["accepted"] * 10
        page.locator("#warming").filter(has_text="is warming up: 10 of").wait_for()
        server.post([*feed[10:-20], *bars["ETH-PERP"][:5]])
        drawn(page, feed[-21], within_ms=10_000)
        server.post([feed[-20]])
        drawn(page, feed[-20], within_ms=2_000)
        server.post([feed[-20], {**feed[-19], "t": feed[-19]["t"] + 10**16}])
        page.locator("#instruments tbody tr").filter(has_text="BTC/USDT").filter(has_text="stale").wait_for()
        page.locator("#instruments tbody tr td:nth-child(10)").filter(has_text="1").first.wait_for()
        assert page.locator("#feeds tbody tr").all_inner_texts()[0].startswith("a feed")
        page.locator("#moves tr").filter(has_text="the first <b>one</b>").wait_for()
        assert "BTC/USDT, bar of" in page.locator(".journal li").first.inner_text()
        assert page.locator("#symbol option").all_inner_texts() == list(SYMBOLS)
        assert page.said == []
        assert {url.split("/")[2] for url in page.asked} == {server.url.split("/")[2]}
        second = page.context.new_page()
        assert second.goto(server.link).status == 401, "a link works once"
        second.close()
    finally:
        server.end()

    page.locator("#old").filter(has_text="Disconnected").wait_for()
    again = Serving(folder, int(server.url.rpartition(":")[2]))
    try:
        opened = page.context.new_page()
        opened.goto(again.link)
        again.post(feed[-19:-1])
        page.bring_to_front()
        page.locator("#old").wait_for(state="hidden", timeout=25_000)
        drawn(page, feed[-2], within_ms=10_000)
        again.post(feed[-1:])
        drawn(page, feed[-1], within_ms=2_000)
        drawn(opened, feed[-1], within_ms=5_000)
        page.locator("#instruments tbody tr").first.filter(has_text="ok").wait_for()
    finally:
        again.end()


def test_without_the_link_nothing_is_shown(folder: Path, visited: Any) -> None:
    server = Serving(folder)
    try:
        assert visited.goto(server.url).status == 401
        assert "a small release" not in visited.content()
    finally:
        server.end()
