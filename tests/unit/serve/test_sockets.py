"""The two WebSockets as a client that was not written here sees them."""

import json
import socket
from threading import Event

import pytest
from live_folders import Hand, live_folder, messages
from real_server import HEADERS, running, until
from test_app import SlowDisk
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from candlewick.serve import inbox
from candlewick.serve.client import Client
from candlewick.serve.protocol import encode
from candlewick.serve.web import limits, sockets


@pytest.fixture
def own(tmp_path):
    _, panel = live_folder(tmp_path)
    bars = messages(panel)
    return tmp_path, bars, Hand(bars[-1].t + 1), SlowDisk()


def said(connection, timeout=10):
    return json.loads(connection.recv(timeout))


def test_answers_come_at_once_and_the_disk_is_told_of_later(own):
    folder, bars, clock, disk = own
    with running(folder, clock=clock, disk=disk) as server, server.socket("/v1/stream") as stream:
        disk.go.clear()
        stream.send(encode(bars[0]).decode())
        told = said(stream)
        assert (told["type"], told["answers"][0]["durable"]) == ("answers", False)
        with pytest.raises(TimeoutError):
            stream.recv(0.2)
        disk.go.set()
        assert said(stream) == {"type": "durable", "seq": told["answers"][0]["seq"]}
        stream.send(encode(bars[1:51]).decode())
        told = said(stream)
        assert len(told["answers"]) == 50
        while (news := said(stream))["seq"] < told["answers"][-1]["seq"]:
            assert news["type"] == "durable"


def test_every_bar_is_settled_however_they_are_sent(own):
    """The client that is shipped, which forgets a bar only once it is told that it is on disk."""
    folder, bars, clock, _ = own
    with running(folder, clock=clock) as server:
        client = Client(server.url, HEADERS["authorization"].removeprefix("Bearer "))
        with client, client.stream() as stream:
            for begin in range(0, 300, 3):
                stream.send(bars[begin] if begin % 2 else bars[begin : begin + 3])
                if begin % 30 == 0:
                    stream.receive(10)
            until(lambda: stream.receive(5) is not None and not stream.unsettled)


def test_what_is_no_bar_is_told_and_the_stream_goes_on(own):
    folder, bars, clock, _ = own
    with running(folder, clock=clock) as server, server.socket("/v1/stream") as stream:
        for text, code in (("nonsense", "not_json"), ("{}", "invalid"), ("", "not_json"), ("[" * 100_000, "invalid")):
            stream.send(text)
            assert (told := said(stream))["type"] == "problem"
            assert told["code"] == code
        stream.send(encode(bars[0]))
        assert said(stream)["answers"][0]["outcome"] == "accepted"


def test_a_message_that_is_too_large_ends_the_connection(own):
    folder, _, clock, _ = own
    with running(folder, clock=clock) as server:
        with server.socket("/v1/stream") as stream:
            stream.send(" " * (2**20 + 1))
            with pytest.raises(ConnectionClosed) as found:
                said(stream)
            assert found.value.rcvd.code == 1009
        assert server.http.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [("/v1/stream", {}, 401), ("/v1/watch", {"authorization": "Bearer wrong"}, 401), ("/v1/nothing", HEADERS, 404),
     ("/v1/stream", {**HEADERS, "origin": "http://evil.example"}, 403), ("/v1/status", HEADERS, 404)],
)  # fmt: skip
def test_who_may_not_is_told_why(own, path, headers, status):
    folder, _, clock, _ = own
    with running(folder, clock=clock) as server:
        with pytest.raises(InvalidStatus) as found, server.socket(path, headers=headers):
            pass
        assert found.value.response.status_code == status
        assert json.loads(found.value.response.body)["type"] == "problem"


def test_a_watcher_sees_every_bar_and_record(own):
    folder, bars, clock, _ = own
    with running(folder, clock=clock) as server, server.socket("/v1/watch") as watching:
        status = said(watching)
        assert (status["type"], status["ready"], status["champion"]["model"]) == ("status", True, "linear")
        server.post(encode(bars[:40]))
        changed = bars[39].values | {"volume": 1.0}
        server.post(json.dumps({"symbol": "A", "t": bars[39].t, "values": changed}))
        told = [one for one in (said(watching) for _ in range(42)) if one["type"] != "status"]
        events = [one for one in told if one["type"] == "event"]
        assert [one["bar"]["t"] for one in events] == [bar.t for bar in bars[: len(events)]]
        assert events[0]["bar"]["values"] == bars[0].values
        assert {one["record"]["kind"] for one in told if one["type"] == "record"} <= {"anchor", "revision", "noticed"}


def test_a_slow_watcher_loses_events_and_is_told_how_many(own, monkeypatch):
    folder, bars, clock, _ = own
    monkeypatch.setattr(limits, "EVENTS", 10)
    monkeypatch.setattr(inbox, "_TURN_NS", 10**12)  # so that the watcher has no turn meanwhile
    with running(folder, clock=clock) as server, server.socket("/v1/watch") as watching:
        assert said(watching)["type"] == "status"
        server.post(encode(bars[:400]))
        told = []
        while not any(one["type"] == "lost" for one in told):
            told.append(said(watching))
        assert told[-1]["count"] == server.server._watch.lost > 380
        assert sum(one["type"] == "event" for one in told) < 11
        server.post(encode(bars[399]))
        while told[-1]["type"] != "status":
            told.append(said(watching))


def test_a_watcher_that_never_reads_holds_nobody_up_and_is_hung_up_on(own, monkeypatch):
    folder, bars, clock, _ = own
    monkeypatch.setattr(limits, "WRITE_S", 0.3)
    monkeypatch.setattr(limits, "EVENTS", 50)
    monkeypatch.setattr(sockets, "STATUS_S", 0.001)
    with running(folder, clock=clock) as server, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(
            b"GET /v1/watch HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: "
            + HEADERS["authorization"].encode() + b"\r\n\r\n"
        )  # fmt: skip
        until(lambda: server.server._watch.open == 1)
        for begin in range(0, 400, 50):
            assert server.post(encode(bars[begin : begin + 50])).status_code == 200
        until(lambda: server.server._watch.open == 0)


def test_watchers_are_bounded(own, monkeypatch):
    folder, _, clock, _ = own
    monkeypatch.setattr(limits, "WATCHERS", 1)
    with running(folder, clock=clock) as server:
        with server.socket("/v1/watch") as first:
            said(first)
            with pytest.raises(InvalidStatus) as found, server.socket("/v1/watch"):
                pass
            assert found.value.response.status_code == 503
            assert found.value.response.headers["retry-after"] == "1"
        until(lambda: server.server._watch.open == 0)
        with server.socket("/v1/watch") as second:
            said(second)


def test_a_disk_that_fails_is_told_to_those_who_wait(own):
    folder, bars, clock, disk = own
    with running(folder, clock=clock, disk=disk) as server, server.socket("/v1/stream") as stream:
        disk.fails = True
        stream.send(encode(bars[0]).decode())
        assert said(stream)["answers"][0]["durable"] is False
        told = said(stream)
        assert (told["type"], told["code"]) == ("problem", "storage")
        with pytest.raises(ConnectionClosed):
            said(stream)


def test_a_client_that_goes_away_leaves_nothing_behind(own, caplog):
    folder, bars, clock, _ = own
    with running(folder, clock=clock) as server:
        for begin in range(0, 40, 2):
            with server.socket("/v1/stream") as stream:
                stream.send(encode(bars[begin : begin + 2]).decode())
                stream.socket.close()
        for begin in range(40, 80, 2):  # it closes before it is answered
            with server.socket("/v1/stream") as stream:
                texts = [Frame(Opcode.TEXT, encode(bar)) for bar in bars[begin : begin + 2]]
                stream.socket.sendall(b"".join(one.serialize(mask=True) for one in (*texts, Frame(Opcode.CLOSE, b""))))
        until(lambda: server.server._stream.open == 0)
        assert len(server.server._committer._watching) == 1
        Event().wait(0.05)
        assert server.http.get("/readyz").status_code == 200
    ours = [one for one in caplog.records if one.name != "websockets.client"]
    assert [one.getMessage() for one in ours if one.levelname == "ERROR"] == []
