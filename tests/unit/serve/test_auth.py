"""The token, the link that works once, and from where a browser may ask."""

import os
import stat

import pytest

from candlewick.core.errors import ConfigError, StorageError
from candlewick.serve.web.auth import Guard, cookie_header, token_of
from candlewick.serve.web.refusals import RefusalError

TOKEN = "0123456789abcdef"
BEARER = [f"Bearer {TOKEN}".encode()]


@pytest.fixture(autouse=True)
def _no_token_around(monkeypatch):
    monkeypatch.delenv("CANDLEWICK_TOKEN", raising=False)


def test_a_token_is_made_once_and_only_for_its_owner(tmp_path):
    token, place = token_of(tmp_path)
    assert len(token) >= 43
    assert place == str(tmp_path / "token")
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert token_of(tmp_path) == (token, place)
    assert token_of(tmp_path / "..")[0] != token


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("CANDLEWICK_TOKEN", TOKEN)
    assert token_of(tmp_path) == (TOKEN, "$CANDLEWICK_TOKEN")
    assert not (tmp_path / "token").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_a_token_that_others_can_read_is_refused(tmp_path, mode):
    token_of(tmp_path)
    (tmp_path / "token").chmod(mode)
    with pytest.raises(StorageError, match="you alone can read"):
        token_of(tmp_path)


def test_a_link_in_the_place_of_a_token_is_refused(tmp_path):
    (tmp_path / "elsewhere").write_text(TOKEN)
    (tmp_path / "elsewhere").chmod(0o600)
    os.symlink(tmp_path / "elsewhere", tmp_path / "token")
    with pytest.raises(StorageError, match="could not be read"):
        token_of(tmp_path)


@pytest.mark.parametrize("token", ["short", "x" * 1025, "with a space in it", "not-ascii-ÄÖÜ-0123456789"])
def test_a_token_that_cannot_be_sent_is_refused(tmp_path, monkeypatch, token):
    monkeypatch.setenv("CANDLEWICK_TOKEN", token)
    with pytest.raises(ConfigError, match="a token has 16 to 1,024"):
        token_of(tmp_path)


def refused(call, *arguments, **options):
    with pytest.raises(RefusalError) as found:
        call(*arguments, **options)
    return found.value.status, found.value.code


@pytest.mark.parametrize(
    "bearer",
    [[], [b"Bearer "], [b"Bearer 0123456789abcdeF"], [b"Bearer 0123456789abcdef0"], [b"Bearer 0123456789abcde"],
     [b"Basic MDEyMzQ1Njc4OWFiY2RlZg=="], [b"0123456789abcdef"], [b"Bearer \xff\xfe"], BEARER * 2],
)  # fmt: skip
def test_without_the_token_nobody_comes_in(bearer):
    assert refused(Guard(TOKEN).require_known, bearer, []) == (401, "token")


def test_with_the_token_everybody_does():
    Guard(TOKEN).require_known(BEARER, [], method="POST")


def session(guard, host=b"127.0.0.1:8765"):
    return cookie_header(guard.opened(guard.key()), host).partition(b";")[0]


def test_a_link_works_once_and_gives_a_cookie_that_only_reads():
    guard = Guard(TOKEN)
    key = guard.key()
    header = cookie_header(guard.opened(key), b"localhost:8765")
    assert header.endswith(b"; Path=/; HttpOnly; SameSite=Strict")
    cookie = header.partition(b";")[0]
    assert cookie.startswith(b"candlewick-8765=")
    guard.require_known([], [b"other=1; " + cookie])
    assert refused(guard.require_known, [], [cookie], method="POST") == (403, "read_only")
    assert refused(guard.opened, key) == (401, "link")
    assert refused(guard.opened, "") == (401, "link")
    for forged in (b"A" * 43, b"", b".", b"A.", b"A." + b"0" * 64, b"\xff.\xff", cookie.partition(b"=")[2][1:]):
        assert refused(guard.require_known, [], [b"candlewick-8765=" + forged]) == (401, "token")


def test_a_browser_stays_let_in_after_a_restart_until_the_token_changes():
    cookie = session(Guard(TOKEN))
    Guard(TOKEN).require_known([], [cookie])
    assert refused(Guard(TOKEN[::-1]).require_known, [], [cookie]) == (401, "token")


def test_keys_are_bounded():
    guard = Guard(TOKEN)
    key = guard.key()
    for _ in range(16):
        guard.key()
    assert refused(guard.opened, key) == (401, "link")


def test_a_wrong_token_is_not_saved_by_a_cookie():
    guard = Guard(TOKEN)
    assert refused(guard.require_known, [b"Bearer wrong"], [session(guard)]) == (401, "token")


@pytest.mark.parametrize("host", [b"localhost", b"LOCALHOST:80", b"127.0.0.1:8765", b"[::1]:8765", b"mine.example:1"])
def test_known_hosts_are_spoken_to(host):
    Guard(TOKEN, hosts=["Mine.example"]).require_host([host])


@pytest.mark.parametrize(
    "hosts",
    [[], [b""], [b"evil.example"], [b"127.0.0.1.evil.example"], [b"localhost@evil.example"], [b"localhost"] * 2,
     [b"127.0.0.1:8765:1"], [b"localhost:abc"], [b"mine.example"], [b"\xff"], [b"localhost\tx"]],
)  # fmt: skip
def test_a_page_that_calls_its_own_name_ours_is_kept_out(hosts):
    assert refused(Guard(TOKEN).require_host, hosts) == (403, "host")


def test_only_our_own_page_may_ask():
    guard = Guard(TOKEN)
    guard.require_origin([], b"localhost:8765")
    guard.require_origin([b"http://localhost:8765"], b"localhost:8765")
    for origin in (b"http://localhost:3000", b"null", b"http://evil.example", b"http://localhost:8765.evil.example"):
        assert refused(guard.require_origin, [origin], b"localhost:8765") == (403, "origin")
