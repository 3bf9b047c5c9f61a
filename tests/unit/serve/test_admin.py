"""What the owner of a folder asks of its server."""

import asyncio
import json
import os
import socket
import stat
import threading
from contextlib import contextmanager

import pytest
from real_server import until

from candlewick.core.errors import ConfigError, RemoteError, StorageError
from candlewick.serve.admin import NAME, Admin, ask


@contextmanager
def listening(folder, carry_out):
    """An admin socket at work in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    admin = Admin(folder, carry_out)
    asyncio.run_coroutine_threadsafe(admin.start(), loop).result(10)
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(admin.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def echo(request):
    if request.get("do") == "fail":
        raise StorageError("the disk is full.")
    if request.get("do") == "break":
        raise RuntimeError("not meant to happen")
    if request.get("do") == "wait":
        await asyncio.sleep(30)
    return {"said": f"did {request['do']}", "asked": request}


def test_a_request_is_carried_out_and_answered(tmp_path):
    with listening(tmp_path, echo):
        assert ask(tmp_path, {"do": "promote", "release": "ab12"}) == {
            "ok": True, "said": "did promote", "asked": {"do": "promote", "release": "ab12"},
        }  # fmt: skip
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert not (tmp_path / NAME).exists()


def test_an_error_comes_back_with_its_exit_code(tmp_path):
    with listening(tmp_path, echo):
        assert ask(tmp_path, {"do": "fail"}) == {"ok": False, "error": "the disk is full.", "exit_code": 6}
        told = ask(tmp_path, {"do": "break"})
        assert (told["ok"], told["exit_code"]) == (False, 70)
        assert "not meant" not in json.dumps(told)
        assert ask(tmp_path, {"do": "again"})["ok"]


def test_where_nobody_listens_is_said_so(tmp_path):
    with pytest.raises(ConfigError, match="no server listens"):
        ask(tmp_path, {"do": "status"})
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / NAME))
    dead.close()
    with pytest.raises(ConfigError, match="no server listens"):
        ask(tmp_path, {"do": "status"})
    with listening(tmp_path, echo):
        assert ask(tmp_path, {"do": "status"})["ok"]


def test_a_folder_with_a_long_path_has_its_socket_too(tmp_path):
    folder = tmp_path.joinpath(*(["a-folder-with-a-long-name"] * 6))
    folder.mkdir(parents=True)
    assert len(os.fsencode(folder / NAME)) > 108
    with listening(folder, echo):
        assert ask(folder, {"do": "status"})["ok"]


def test_an_answer_that_does_not_come_is_not_waited_for_without_end(tmp_path):
    with listening(tmp_path, echo), pytest.raises(RemoteError, match="did not answer"):
        ask(tmp_path, {"do": "wait"}, timeout_s=0.2)


@pytest.mark.parametrize("line", [b"nonsense\n", b"[1]\n", b"[" * 60_000 + b"\n", b"\xff\n", b"null\n"])
def test_what_is_no_request_is_refused(tmp_path, line):
    with listening(tmp_path, echo):
        with socket.socket(socket.AF_UNIX) as other:
            other.settimeout(10)
            other.connect(str(tmp_path / NAME))
            other.sendall(line)
            told = json.loads(other.makefile().readline())
            assert (told["ok"], told["exit_code"]) == (False, 2)
        assert ask(tmp_path, {"do": "status"})["ok"]


def test_a_line_without_end_is_hung_up_on(tmp_path):
    with listening(tmp_path, echo), socket.socket(socket.AF_UNIX) as other:
        other.settimeout(10)
        other.connect(str(tmp_path / NAME))
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            until(lambda: other.sendall(b"x" * 100_000))
