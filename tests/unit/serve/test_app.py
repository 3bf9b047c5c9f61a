"""The server over HTTP: who is let in, what is answered, and that nothing is answered before it is on disk."""

import asyncio
import json
import socket
from threading import Event

import httpx
import msgspec
import pytest
from live_folders import Hand, live_folder, messages
from prometheus_client.parser import text_string_to_metric_families
from real_server import HEADERS, TOKEN, running, until
from websockets.exceptions import InvalidStatus

from candlewick.core.disk import Disk
from candlewick.serve import logs
from candlewick.serve.protocol import Answers, encode
from candlewick.serve.web import app, limits
from candlewick.serve.web.auth import Guard


class SlowDisk(Disk):
    """A disk that can be told to wait, and to fail."""

    def __init__(self):
        self.go, self.fails, self.synced = Event(), False, 0
        self.go.set()

    def sync(self, handle):
        assert self.go.wait(20)
        if self.fails:
            raise OSError(5, "Input/output error")
        super().sync(handle)
        self.synced += 1


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    ids, panel = live_folder(folder, symbols=("A", "B"), count=2)
    return folder, ids, messages(panel)


@pytest.fixture(scope="module")
def shared(made):
    """One server for all tests that leave it as it is; its clock stands after the last bar."""
    folder, ids, bars = made
    with running(folder, clock=Hand(bars[-1].t + 1)) as server:
        server.post(encode(bars[:100]))
        yield server, bars, ids


@pytest.fixture
def own(tmp_path):
    """A folder of the test's own, its bars, and a disk that obeys."""
    _, panel = live_folder(tmp_path)
    bars = messages(panel)
    return tmp_path, bars, Hand(bars[-1].t + 1), SlowDisk()


def answers_of(reply):
    assert reply.status_code == 200, reply.text
    return msgspec.json.decode(reply.content, type=Answers).answers


def problem(reply, status, code):
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert reply.json()["type"] == "problem"
    assert reply.headers["content-type"] == "application/json"
    return reply.json()["message"]


# Bars


def test_an_answer_waits_for_the_disk(own):
    folder, bars, clock, disk = own
    with running(folder, clock=clock, disk=disk) as server:
        disk.go.clear()
        (early,) = answers_of(server.post(encode(bars[0]), params={"wait": "false"}))
        assert not early.durable
        assert early.seq > 0
        got = []
        loop = asyncio.new_event_loop()
        waiting = loop.run_in_executor(None, lambda: got.append(server.post(encode(bars[1]))))
        Event().wait(0.2)
        assert not got
        assert server.http.get("/readyz").status_code == 200, "others are answered meanwhile"
        disk.go.set()
        loop.run_until_complete(waiting)
        loop.close()
        (late,) = answers_of(got[0])
        assert late.durable


def test_many_bars_share_a_commit(own):
    folder, bars, clock, disk = own
    with running(folder, clock=clock, disk=disk) as server:
        before = disk.synced
        assert all(answer.durable for answer in answers_of(server.post(encode(bars[:300]))))
        assert 1 <= disk.synced - before < 100


def test_a_bar_that_comes_again_is_answered_as_it_was(shared):
    server, bars, _ = shared
    first, again = (answers_of(server.post(encode(bars[60])))[0] for _ in range(2))
    assert first.outcome == again.outcome == "duplicate"
    assert (first.value, first.seq, first.durable) == (again.value, again.seq, True)


def test_a_refused_bar_is_an_answer_and_not_an_error(shared):
    server, bars, _ = shared
    wrong = msgspec.structs.replace(bars[100], values={**bars[100].values, "high": 0.001})
    (answer,) = answers_of(server.post(encode(wrong)))
    assert (answer.outcome, answer.seq, answer.durable) == ("refused", -1, False)
    assert "the high" in answer.reason


def test_a_disk_that_fails_ends_the_server_and_nothing_is_acknowledged(own):
    folder, bars, clock, disk = own
    with running(folder, clock=clock, disk=disk) as server:
        answers_of(server.post(encode(bars[0])))
        disk.fails = True
        said = problem(server.post(encode(bars[1])), 503, "storage")
        assert "could not be written" in said
        until(lambda: server.server.failure is not None)
    assert "could not be written" in str(server.server.failure)
    with running(folder, clock=clock) as server:
        assert answers_of(server.post(encode(bars[0])))[0].outcome == "duplicate"


def test_without_a_champion_it_runs_and_says_so(tmp_path):
    _, panel = live_folder(tmp_path, promote=False)
    bars = messages(panel)
    with running(tmp_path, clock=Hand(bars[-1].t + 1)) as server:
        assert server.http.get("/livez").status_code == 200
        told = server.http.get("/readyz")
        assert (told.status_code, told.json()["ready"]) == (503, False)
        assert "promote" in told.json()["reasons"][0]
        reply = server.post(encode(bars[0]))
        problem(reply, 503, "not_ready")
        assert int(reply.headers["retry-after"]) >= 1
        assert server.http.get("/v1/status").json()["champion"] is None


def test_too_many_bars_at_once_are_told_to_come_again(own, monkeypatch):
    folder, bars, clock, disk = own
    monkeypatch.setattr(limits, "BARS", 10)
    with running(folder, clock=clock, disk=disk) as server:
        reply = server.post(encode(bars[:11]))
        problem(reply, 503, "overload")
        assert reply.headers["retry-after"] == "1"
        assert len(answers_of(server.post(encode(bars[:10])))) == 10


def test_a_client_that_is_too_fast_is_told_when_to_come_again(own):
    folder, bars, clock, _ = own
    with running(folder, clock=clock, rate=5.0) as server:
        assert len(answers_of(server.post(encode(bars[:10])))) == 10
        reply = server.post(encode(bars[10:15]))
        problem(reply, 429, "rate")
        assert reply.headers["retry-after"] == "1"


def test_an_unexpected_fault_is_told_as_503_and_never_with_its_traceback(own, caplog):
    folder, bars, clock, _ = own
    with running(folder, clock=clock) as server:
        server.server._station.live.offer = None
        for _ in range(40):
            reply = server.post(encode(bars[0]))
            problem(reply, 503, "defect")
            assert "NoneType" not in reply.text
        assert server.http.get("/readyz").status_code == 200
    assert len([one for one in caplog.records if "a defect of candlewick" in one.message]) == logs.MOST


# Who is let in


@pytest.mark.parametrize(
    "path",
    ["/", "/v1/status", "/v1/releases", "/v1/forecasts", "/v1/journal", "/v1/bars?symbol=A", "/metrics", "/docs",
     "/openapi.json", "/v1/why?symbol=A&t=1", "/assets/app.js", "/nothing"],
)  # fmt: skip
def test_without_the_token_nothing_is_told(shared, path):
    server, _, _ = shared
    for headers in ({}, {"authorization": "Bearer wrong-but-long-enough"}, {"authorization": TOKEN}):
        reply = server.http.get(path, headers={"authorization": "", **headers})
        problem(reply, 401, "token")
    assert server.http.get(path).status_code in (200, 404)


def test_without_the_token_no_bar_is_taken(shared):
    server, bars, _ = shared
    before = server.http.get("/v1/status").json()["journal"]["seq"]
    reply = server.http.post("/v1/bars", content=encode(bars[200]), headers={"authorization": "Bearer no"})
    problem(reply, 401, "token")
    assert server.http.get("/v1/status").json()["journal"]["seq"] == before


def test_health_needs_no_token_but_our_name(shared):
    server, _, _ = shared
    for path in ("/livez", "/readyz"):
        assert server.http.get(path, headers={"authorization": ""}).status_code == 200
        problem(server.http.get(path, headers={"host": "evil.example"}), 403, "host")


def test_another_host_or_origin_is_refused_even_with_the_token(shared):
    server, bars, _ = shared
    problem(server.http.get("/v1/status", headers={"host": "evil.example"}), 403, "host")
    problem(server.http.get("/v1/status", headers={"origin": "http://evil.example"}), 403, "origin")
    reply = server.http.post("/v1/bars", content=encode(bars[0]), headers={"origin": "http://localhost:3000"})
    problem(reply, 403, "origin")


def test_the_token_is_what_keeps_others_out(shared, monkeypatch):
    """With the check a no-op the same request is let in: what refuses it is this and nothing else."""
    server, _, _ = shared
    monkeypatch.setattr(Guard, "require_known", lambda *arguments, **options: None)
    assert server.http.get("/v1/status", headers={"authorization": ""}).status_code == 200
    monkeypatch.setattr(Guard, "require_host", lambda *arguments: None)
    assert server.http.get("/v1/status", headers={"host": "evil.example"}).status_code == 200


def test_the_link_lets_a_browser_in_once(shared):
    server, bars, _ = shared
    (line,) = [line for line in server.said if "status page" in line]
    path = "/open/" + line.partition("/open/")[2].split()[0]
    with httpx.Client(base_url=server.url, trust_env=False) as browser:
        problem(browser.get("/v1/status"), 401, "token")
        reply = browser.get(path)
        assert (reply.status_code, reply.headers["location"]) == (303, "/")
        assert "HttpOnly" in reply.headers["set-cookie"]
        page = browser.get("/")
        assert page.status_code == 200
        assert "script-src 'self'" in page.headers["content-security-policy"]
        for name in ("app.js", "style.css", "plotly.min.js"):
            asset = browser.get(f"/assets/{name}")
            assert asset.status_code == 200
            assert len(asset.content) > 500
        assert (
            browser.get(
                "/assets/app.js", headers={"if-none-match": browser.get("/assets/app.js").headers["etag"]}
            ).status_code
            == 304
        )
        assert browser.get("/v1/status").json()["ready"]
        problem(browser.post("/v1/bars", content=encode(bars[0])), 403, "read_only")
    with httpx.Client(base_url=server.url, trust_env=False) as other:
        problem(other.get(path), 401, "link")
        assert "works once" in other.get(path, headers={"accept": "text/html"}).text


def test_a_session_needs_an_origin_for_a_websocket(shared):
    server, _, _ = shared
    cookie = "candlewick=" + server.within(lambda: server.server._guard.opened(server.server._guard.key()))
    for headers in ({"cookie": cookie}, {"cookie": cookie, "origin": "http://evil.example"}):
        with pytest.raises(InvalidStatus) as found, server.socket("/v1/watch", headers=headers):
            pass
        assert found.value.response.status_code == 403
    ours = {"cookie": cookie, "origin": server.url}
    with server.socket("/v1/watch", headers=ours) as watching:
        assert json.loads(watching.recv(10))["type"] == "status"
    with pytest.raises(InvalidStatus) as found, server.socket("/v1/stream", headers=ours):
        pass
    assert found.value.response.status_code == 403


# What is asked wrongly


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "path"), ("GET", "/v1/bars/", 404, "path"), ("GET", "/assets/../auth.py", 404, "path"),
        ("GET", "/assets/..%2f..%2fauth.py", 404, "path"), ("PUT", "/v1/bars", 405, "method"),
        ("DELETE", "/v1/status", 405, "method"), ("GET", "/v1/bars", 422, "invalid"),
        ("GET", "/v1/bars?symbol=", 422, "invalid"), ("GET", "/v1/bars?symbol=A&count=0", 422, "invalid"),
        ("GET", "/v1/bars?symbol=A&count=2001", 422, "invalid"), ("GET", "/v1/bars?symbol=NONE", 404, "symbol"),
        ("GET", "/v1/forecasts?since=-1", 422, "invalid"), ("GET", "/v1/forecasts?limit=1001", 422, "invalid"),
        ("GET", "/v1/forecasts?since=" + "9" * 5000, 422, "invalid"), ("GET", "/v1/why?symbol=A&t=-1", 422, "invalid"),
        ("GET", "/v1/why?symbol=A&t=1", 404, "symbol"), ("GET", "/v1/journal?since=x", 422, "invalid"),
        ("GET", "/v1/why?symbol=A%0A&t=1", 422, "invalid"), ("POST", "/v1/bars?wait=maybe", 422, "invalid"),
        ("POST", "/v1/bars?wait=false&wait=true", 422, "invalid"), ("POST", "/v1/bars", 400, "not_json"),
        ("GET", "/v1/forecasts?sinse=5", 422, "invalid"), ("GET", "/v1/forecasts?since=5&since=6", 422, "invalid"),
        ("GET", "/v1/status?x", 422, "invalid"), ("GET", "/v1/releases?=null", 422, "invalid"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(shared, method, path, status, code):
    server, _, _ = shared
    reply = server.http.request(method, path)
    problem(reply, status, code)
    assert (status != 405) or "GET" in reply.headers["allow"]


@pytest.mark.parametrize(
    "headers",
    [{"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"},
     {"content-type": "application/json", "content-encoding": "gzip"}],
)  # fmt: skip
def test_a_body_that_is_said_to_be_no_json_is_refused(shared, headers):
    server, bars, _ = shared
    problem(server.http.post("/v1/bars", content=encode(bars[0]), headers=headers), 415, "media_type")


def test_a_body_that_is_too_large_is_refused_however_it_is_sent(shared):
    server, bars, _ = shared
    problem(server.post(b" " * (2**20 + 1)), 413, "too_large")
    problem(server.post(iter([b" " * 2**16] * 40)), 413, "too_large")
    inside = b" " * (2**20 - 1000) + encode(bars[0])
    assert answers_of(server.post(iter([inside[:500], inside[500:]])))[0].outcome == "duplicate"


# What is told


def test_the_forecasts_of_a_page_follow_those_of_the_last(shared):
    server, _, _ = shared
    every = server.http.get("/v1/forecasts").json()
    assert len(every["forecasts"]) >= 100
    since, found = 0, []
    while True:
        page = server.http.get("/v1/forecasts", params={"since": since, "limit": 7}).json()
        found += page["forecasts"]
        if not page["forecasts"]:
            break
        since = page["next"]
    assert found == every["forecasts"]
    own = server.http.get("/v1/forecasts", params={"symbol": "B"}).json()["forecasts"]
    assert [one for one in every["forecasts"] if one["symbol"] == "B"] == own
    assert server.http.get("/v1/forecasts", params={"since": 2**62}).json() == {"forecasts": [], "next": 2**62}


def test_the_journal_is_read_from_both_ends(shared):
    server, _, _ = shared
    every = server.http.get("/v1/journal").json()["records"]
    assert [one["seq"] for one in every] == list(range(len(every)))
    last = server.http.get("/v1/journal", params={"since": -3, "limit": 50}).json()["records"]
    assert last == every[-3:]


def test_bars_releases_and_provenance_are_told(shared):
    server, bars, ids = shared
    events = server.http.get("/v1/bars", params={"symbol": "A", "count": 5}).json()["events"]
    assert [event["bar"]["t"] for event in events] == [bar.t for bar in bars[:100] if bar.symbol == "A"][-5:]
    told = server.http.get("/v1/releases").json()
    assert [one["release"] for one in told["releases"]] == ids
    assert told["aliases"] == {"champion": ids[0]}
    assert told["history"][0]["release"] == ids[0]
    why = server.http.get("/v1/why", params={"symbol": "A", "t": events[-1]["bar"]["t"]}).json()
    assert why["release"]["release"] == ids[0]
    assert why["release"]["lineage"]
    assert why["anchor"]["symbol"] == "A"


def test_bars_are_told_alike_however_few_are_read_at_a_time(shared, monkeypatch):
    server, _, _ = shared
    for count in (1, 30, 2_000):
        asked = {"symbol": "A", "count": count}
        monkeypatch.setattr(app, "_PAGE", 2_000)
        whole = server.http.get("/v1/bars", params=asked).json()
        monkeypatch.setattr(app, "_PAGE", 7)
        assert server.http.get("/v1/bars", params=asked).json() == whole
        assert len(whole["events"]) == min(count, 50)


def test_the_figures_for_prometheus_count_what_happened(shared):
    server, _, _ = shared
    text = server.http.get("/metrics").text
    found = {
        (s.name, *sorted(s.labels.values())): s.value for f in text_string_to_metric_families(text) for s in f.samples
    }
    assert found["candlewick_bars_total", "accepted"] >= 100
    assert found["candlewick_ready",] == 1
    assert found["candlewick_generation",] == 1
    assert found["candlewick_stage_seconds_count", "commit"] >= 1
    assert found["candlewick_stage_seconds_count", "engine"] >= 100
    assert found["candlewick_feed_age_seconds", "A"] > 0


def test_the_description_needs_no_other_place(shared):
    server, _, _ = shared
    page = server.http.get("/docs")
    assert "http" not in page.text.replace("http-equiv", "")
    for path in ("/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/begin.js", "/openapi.json"):
        assert server.http.get(path).status_code == 200
    told = server.http.get("/openapi.json").json()
    assert {"/v1/bars", "/v1/status", "/v1/forecasts", "/metrics", "/livez"} <= set(told["paths"])
    assert {"get", "post"} == set(told["paths"]["/v1/bars"])


# Connections


def raw(server, data):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(data)
        parts = []
        while part := connection.recv(2**16):
            parts.append(part)
        return b"".join(parts)


def test_what_is_not_http_is_refused(shared):
    server, _, _ = shared
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                 b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n"):  # fmt: skip
        told = raw(server, data)
        assert told.startswith(b"HTTP/1.1 400 Bad Request\r\n"), told
        assert b'"code":"not_http"' in told


def test_a_head_without_end_is_refused(shared):
    server, _, _ = shared
    told = raw(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"x: " + b"y" * 40_000)
    assert told.startswith(b"HTTP/1.1 431 ")


def test_a_request_that_comes_too_slowly_is_hung_up_on(shared, monkeypatch):
    server, _, _ = shared
    monkeypatch.setattr(limits, "REQUEST_S", 0.2)
    slow = [b"", b"GET / HTTP/1.1\r\nHost: loc", b"POST /v1/bars HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
            + TOKEN.encode() + b"\r\nContent-Length: 100\r\n\r\n{"]  # fmt: skip
    for data in slow:
        assert raw(server, data).startswith(b"HTTP/1.1 408 "), data
    assert server.http.get("/livez").status_code == 200


def test_more_connections_than_there_may_be_are_told_to_come_again(shared, monkeypatch):
    server, _, _ = shared
    monkeypatch.setattr(limits, "CONNECTIONS", 3)
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
    told = raw(server, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    for connection in idle:
        connection.close()
    assert told.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in told
    until(lambda: server.http.get("/livez").status_code == 200)


def test_requests_of_one_connection_may_follow_at_once(shared):
    server, bars, _ = shared
    head = b"POST /v1/bars HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + HEADERS["authorization"].encode()
    one = b"%s\r\nContent-Length: %d\r\n\r\n%s" % (head, len(encode(bars[0])), encode(bars[0]))
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    assert raw(server, one * 3 + last).count(b"HTTP/1.1 200 OK") == 4
