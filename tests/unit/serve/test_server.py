"""The server as a process: how it starts, what it survives, how it ends; and new champions while bars go on."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import httpx
import msgspec
import pytest
from live_folders import Hand, live_folder, market, messages
from real_server import running, until

from candlewick.cli.main import call
from candlewick.core import files
from candlewick.core.errors import RemoteError
from candlewick.release.registry import Registry
from candlewick.serve import upkeep
from candlewick.serve.admin import ask
from candlewick.serve.client import Client
from candlewick.serve.live.recovery import recover
from candlewick.serve.protocol import Answers, encode

TOKEN = "the-token-of-a-process"


class Process:
    """`candlewick serve` as a process of its own."""

    def __init__(self, folder, *options, stdin=subprocess.DEVNULL):
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "candlewick.cli", "serve", "--folder", folder, "--port", "0", "--precision", "fp32",
             "--threads", "1", "--quiet", *options],
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "CANDLEWICK_TOKEN": TOKEN},
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    @property
    def url(self):
        until(lambda: any("status page" in line for line in self.lines) or self.process.poll() is not None, 60)
        return next(line for line in self.lines if "listens on" in line).split()[-1]


@contextmanager
def process(folder, *options, **others):
    found = Process(folder, *options, **others)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.process.kill()
        found.process.wait(20)
        found.process.stdout.close()


@pytest.fixture
def own(tmp_path):
    ids, panel = live_folder(tmp_path / "live", count=2)
    return tmp_path / "live", messages(panel), ids


def test_it_says_where_it_is_and_ends_in_order_when_it_is_asked_to(own):
    folder, bars, _ = own
    with process(folder) as server, Client(server.url, TOKEN, patience_s=0.0) as client:
        assert "$CANDLEWICK_TOKEN" in server.lines[1]
        assert f"{server.url}/open/" in server.lines[2]
        acknowledged, ended = [], threading.Event()

        def post():
            try:
                for bar in bars:
                    acknowledged.extend(client.post(bar))
            except Exception:
                ended.set()

        sender = threading.Thread(target=post)
        sender.start()
        until(lambda: len(acknowledged) > 20)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        sender.join(20)
        assert ended.is_set()
    assert not (folder / "admin.sock").exists()
    live = recover(folder, wishes=["fp32", "1"])
    recorded = {seq: record for seq, record in live.journal.read() if getattr(record, "told", None)}
    assert len(recorded) >= len(acknowledged) > 20
    assert all(recorded[answer.seq].t == answer.t for answer in acknowledged)
    kinds = [type(record).__name__ for _, record in live.journal.read()]
    assert kinds[-2:] == ["Stopped", "Started"]
    assert list((folder / "snapshots").glob("*.snapshot"))
    live.journal.close()


def test_asked_to_end_during_a_promotion_it_does_not_wait_for_the_child(own):
    folder, bars, ids = own

    def promote():
        with suppress(RemoteError):  # the server ends
            ask(folder, {"do": "promote", "release": ids[1]})

    with process(folder) as server, Client(server.url, TOKEN, patience_s=0.0) as client:
        client.post(bars[:50])
        asking = threading.Thread(target=promote)
        asking.start()
        until(lambda: list(folder.glob(".warming-*")))
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert time.monotonic() - began < 5
        asking.join(20)
    assert not list(folder.glob(".warming-*")), "nothing is left behind"
    assert Registry(folder).aliases["champion"] == ids[0]


def test_asked_to_end_twice_it_ends_at_once(own):
    folder, bars, _ = own
    with process(folder) as server, Client(server.url, TOKEN, patience_s=0.0) as client:
        acknowledged = client.post(bars[:50])
        server.process.send_signal(signal.SIGSTOP)  # so that both are there when it looks
        server.process.send_signal(signal.SIGINT)
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        assert server.process.wait(20) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    live = recover(folder, wishes=["fp32", "1"])
    assert all(live.journal.get(answer.seq).t == answer.t for answer in acknowledged)
    live.journal.close()


def test_two_servers_on_one_folder_are_one_too_many(own, capfd):
    folder, _, _ = own
    with running(folder), files.locked(folder / ".lock", wait=False):
        assert call(["serve", "--folder", str(folder), "--port", "0"]) == 6
    assert "another process" in capfd.readouterr().err


def test_an_address_that_is_taken_is_said(own, capfd):
    folder, _, _ = own
    with running(folder) as server:
        other = folder.with_name("other")
        assert call(["serve", "--folder", str(other), "--port", str(server.port)]) == 2
    assert "cannot be listened at" in capfd.readouterr().err


def test_options_that_cannot_be_meant_are_refused(tmp_path, capfd):
    for options in (["--port", "70000"], ["--rate", "0"], ["--max-symbols", "0"]):
        assert call(["serve", "--folder", str(tmp_path), *options]) == 2


def test_standard_input_is_answered_on_standard_output(own):
    folder, bars, _ = own
    with process(folder, "--stdin", stdin=subprocess.PIPE) as server:
        lines = [encode(bar).decode() for bar in bars[:50]]
        server.process.stdin.write("\n".join([*lines[:20], "nonsense", *lines[20:]]) + "\n")
        server.process.stdin.flush()
        answers = [json.loads(server.process.stdout.readline()) for _ in range(50)]
        assert [answer["t"] for answer in answers] == [bar.t for bar in bars[:50]]
        assert all(answer["durable"] and answer["outcome"] == "accepted" for answer in answers)
        server.process.stdin.close()
        until(lambda: any("50 lines taken, 1 not" in line for line in server.lines))
        assert any("stdin, line 21: " in line for line in server.lines)
        assert httpx.get(server.url + "/readyz").status_code == 200
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0


def test_a_followed_file_is_taken_once_however_often_it_is_read(own):
    folder, bars, _ = own
    path = folder.with_name("bars.csv")
    names = ["open", "high", "low", "close", "volume"]
    rows = [f"{bar.symbol},{bar.t},{','.join(str(bar.values[name]) for name in names)}" for bar in bars]
    path.write_text("symbol,t," + ",".join(names) + "\n" + "\n".join(rows[:100]) + "\n")
    for outcomes in ({"accepted": 100}, {"duplicate": 100, "accepted": 20}):
        with running(folder, clock=Hand(bars[-1].t + 1), follow=(path,)) as server:
            live = server.server._station.live
            until(lambda: live.outcomes["accepted"] + live.outcomes["duplicate"] >= 100)  # noqa: B023
            if len(outcomes) == 2:
                with path.open("a") as file:
                    file.write("\n".join(rows[100:120]) + "\n")
                until(lambda: live.outcomes["accepted"] == 20)  # noqa: B023
            assert live.outcomes == outcomes
            assert live.feeds["file:bars.csv"]["refused"] == 0


def test_promotion_and_rollback_lose_and_mix_nothing(own):
    folder, _, ids = own
    bars = messages(market(("A",), 5_000, seed=99))
    with running(folder, clock=Hand(bars[-1].t + 1)) as server:
        answers, stop = [], threading.Event()

        def post():
            for bar in bars:
                if stop.is_set():
                    return
                answers.append(msgspec.json.decode(server.post(encode(bar)).content, type=Answers).answers[0])

        sender = threading.Thread(target=post)
        sender.start()
        until(lambda: len(answers) > 40)
        told = ask(folder, {"do": "promote", "release": ids[1][:12], "reason": "to see"})
        assert told["ok"], told
        assert (told["release"], told["generation"]) == (ids[1], 2)
        swapped = len(answers)
        until(lambda: len(answers) > swapped + 20)
        back = ask(folder, {"do": "rollback"})
        assert (back["ok"], back["release"], back["generation"]) == (True, ids[0], 3)
        stop.set()
        sender.join(20)
        by = {(answer.generation, answer.release) for answer in answers}
        assert by <= {(1, ids[0]), (2, ids[1]), (3, ids[0])}
        assert {(1, ids[0]), (2, ids[1])} <= by
        assert [answer.generation for answer in answers] == sorted(answer.generation for answer in answers)
        assert all(answer.outcome == "accepted" and answer.durable for answer in answers)
        assert server.http.get("/v1/releases").json()["aliases"]["champion"] == ids[0]
        refused = ask(folder, {"do": "promote", "release": "nothing-like-it"})
        assert (refused["ok"], refused["exit_code"]) == (False, 2)
        assert not ask(folder, {"do": "promote", "release": 5})["ok"]
        assert not ask(folder, {"do": "dance"})["ok"]
        assert ask(folder, {"do": "status"})["ready"]
        link = ask(folder, {"do": "link"})["link"]
        assert httpx.get(link).status_code == 303
        assert call(["rollback", "--folder", str(folder)]) == 2, "there is nothing before it"


def test_a_watchdogs_alarm_ends_readiness_and_a_new_champion_brings_it_back(own, monkeypatch):
    folder, bars, ids = own
    monkeypatch.setattr(upkeep, "WATCHDOG_S", 0.0)
    monkeypatch.setattr(upkeep, "TICK_S", 0.05)
    with running(folder, clock=Hand(bars[-1].t + 1)) as server:
        assert server.http.get("/readyz").status_code == 200
        server.server._station.live.champion.probe._expected = b"something else"
        until(lambda: server.http.get("/readyz").status_code == 503)
        assert "watchdog" in server.http.get("/readyz").json()["reasons"][0]
        assert server.post(encode(bars[0])).status_code == 503
        assert ask(folder, {"do": "promote", "release": ids[1]})["ok"]
        assert server.http.get("/readyz").status_code == 200
        assert server.post(encode(bars[0])).status_code == 200


def test_a_fault_beside_the_bars_does_not_end_their_being_answered(own, caplog):
    folder, bars, _ = own
    with running(folder, clock=Hand(bars[-1].t + 1)) as server:
        server.server._station.settle = None
        for bar in bars[:5]:
            assert server.post(encode(bar)).status_code == 200
        until(lambda: any("in the upkeep" in record.message for record in caplog.records))
        assert server.http.get("/readyz").status_code == 200


def test_nothing_is_unpickled_once_it_is_ready(own):
    """An audit hook in a process of its own: bars, reading, promotions and a rollback, and never a pickle.

    Also where a network follows a linear model, whose machine code this process has not run yet.
    """
    folder, bars, ids = own
    ids = [*ids, *live_folder(folder, "lstm", promote=False)[0]]
    code = f"""
import sys
sys.path[:0] = [{os.path.dirname(__file__)!r}]
from pathlib import Path
from live_folders import Hand
from real_server import running, until
from candlewick.serve.admin import ask
folder, body = Path({str(folder)!r}), {encode(bars[:200])!r}
found = []
with running(folder, clock=Hand({bars[-1].t + 1})) as server:
    assert server.http.get("/readyz").status_code == 200
    sys.addaudithook(lambda event, told: found.append(told) if event.startswith("pickle") else None)
    assert server.post(body).status_code == 200
    for path in ("/v1/status", "/v1/forecasts", "/v1/journal", "/v1/releases", "/metrics", "/openapi.json", "/"):
        assert server.http.get(path).status_code == 200, path
    for release in {ids[1:]!r}:
        assert ask(folder, {{"do": "promote", "release": release}})["ok"]
        assert server.post(body).status_code == 200
    assert ask(folder, {{"do": "rollback"}})["ok"]
    pickles = list(found)
    import pickle
    pickle.loads(pickle.dumps(Path))
    assert len(found) > len(pickles), "the hook hears of pickles"
print(pickles)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
