"""Who may speak to the server: whoever has its token, or a browser that was let in by a link that works once."""

import hmac
import os
import re
import secrets
import stat
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from candlewick.core.errors import ConfigError, StorageError
from candlewick.serve.web.refusals import RefusalError

VARIABLE, FILE = "CANDLEWICK_TOKEN", "token"
COOKIE = "candlewick"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
SHORTEST, LONGEST = 16, 1_024
"""Characters of a token that somebody chose."""

_MOST_KEYS = 16
_READS = {"GET", "HEAD"}
_TOKEN = re.compile(r"[!-~]+")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:@/\s]+)(:\d{1,5})?", re.IGNORECASE)


def token_of(folder: Path) -> tuple[str, str]:
    """The token, and where it is from: the environment, or a file in `folder`, which is made at the first start.

    Raises:
        ConfigError: it is too short, too long, or not printable ASCII.
        StorageError: the file cannot be made or read, or others can read it.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return _checked(given, f"${VARIABLE}"), f"${VARIABLE}"
    path = folder / FILE
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return _read(path), str(path)
    except OSError as error:
        raise StorageError(f"the token {path} could not be made: {error.strerror}.") from error
    token = secrets.token_urlsafe(32)
    with open(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    return token, str(path)


def _read(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, encoding="ascii") as file:
            status = os.fstat(handle)
            text = file.read(LONGEST + 2)
    except (OSError, ValueError) as error:
        raise StorageError(f"the token {path} could not be read: {error}. Remove it for a new one.") from error
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise StorageError(
            f"the token {path} must be a file that you alone can read, was {stat.filemode(status.st_mode)} of user "
            f"{status.st_uid}. Others may know it: remove it, and a new one is made."
        )
    return _checked(text.strip(), str(path))


def _checked(token: str, where: str) -> str:
    if not SHORTEST <= len(token) <= LONGEST or not _TOKEN.fullmatch(token):
        raise ConfigError(
            f"a token has {SHORTEST} to {LONGEST:,} printable ASCII characters without spaces; that of {where} has "
            f"{len(token)}. Choose another one, or leave it out for one that is made."
        )
    return token


class Guard:
    """Decides of every request whether it may go on.

    Attributes:
        hosts: names under which the server may be spoken to.
    """

    def __init__(self, token: str, *, hosts: Iterable[str] = ()) -> None:
        self._bearer = b"Bearer " + token.encode("ascii")
        self.hosts = frozenset(name.lower() for name in (*LOOPBACK, *hosts))
        self._signing = token.encode("ascii")
        self._keys: OrderedDict[str, None] = OrderedDict()

    def key(self) -> str:
        """A key for `/open/KEY` that lets one browser in, once."""
        key = secrets.token_urlsafe(32)
        self._keys[key] = None
        while len(self._keys) > _MOST_KEYS:
            self._keys.popitem(last=False)
        return key

    def opened(self, key: str) -> str:
        """The value of the cookie that a key is worth, good until the token is another one.

        Raises:
            RefusalError: it was used, or there was none.
        """
        if key not in self._keys:
            raise RefusalError(
                401, "link", "this link was used before, or is none of this server's. Take a new one: the server "
                "prints it when it starts, and `candlewick serve --link` asks a running one for it.",
            )  # fmt: skip
        del self._keys[key]
        nonce = secrets.token_urlsafe(16)
        return f"{nonce}.{self._signed(nonce)}"

    def require_host(self, named: list[bytes]) -> None:
        """Refuse a request for another host: a web page that calls its own name 127.0.0.1 is kept out by that.

        Raises:
            RefusalError: 403.
        """
        if len(named) == 1:
            found = _HOST.fullmatch(named[0].decode("latin-1"))
            if found is not None and found[1].lower() in self.hosts:
                return
        shown = ", ".join(name.decode("latin-1") for name in named) or "none"
        raise RefusalError(
            403, "host", f"the Host must be {', '.join(sorted(self.hosts))}, was {shown}. "
            "`candlewick serve --host-name NAME` takes another one.", closes=True,
        )  # fmt: skip

    def require_origin(self, origin: list[bytes], host: bytes) -> None:
        """Refuse what a page of another place has a browser ask.

        Raises:
            RefusalError: 403.
        """
        if any(one.lower() not in (b"http://" + host.lower(), b"https://" + host.lower()) for one in origin):
            raise RefusalError(403, "origin", "a page from elsewhere asked for this. Open this server's own page.")

    def require_known(
        self, bearer: list[bytes], cookies: list[bytes], *, method: str = "GET", origin: bool = True
    ) -> None:  # fmt: skip
        """Refuse a request without the token or a session.

        Args:
            bearer: its Authorization headers.
            cookies: its Cookie headers.
            method: a session only reads.
            origin: whether it says from where it comes, where a browser has to.

        Raises:
            RefusalError: 401; 403 for a session that would change something.
        """
        if len(bearer) == 1 and hmac.compare_digest(bearer[0], self._bearer):
            return
        if not bearer and self._has_session(cookies):
            if method in _READS and origin:
                return
            raise RefusalError(403, "read_only", "the page's cookie only reads. Send the token to post bars.")
        raise RefusalError(
            401, "token", "the token is missing or is another one. Send it as Authorization: Bearer TOKEN; "
            "`candlewick serve` says at its start where it is, and prints a link for a browser.",
        )  # fmt: skip

    def _has_session(self, cookies: list[bytes]) -> bool:
        for cookie in cookies:
            for pair in cookie.split(b";"):
                name, _, value = pair.strip().partition(b"=")
                nonce, _, signed = value.decode("latin-1").partition(".")
                if name.startswith(COOKIE.encode()) and hmac.compare_digest(
                    signed.encode("latin-1"), self._signed(nonce).encode()
                ):
                    return True
        return False

    def _signed(self, nonce: str) -> str:
        # A session is remembered by nobody, so that it outlasts a restart: it is good for as long as the token is.
        return hmac.new(self._signing, b"session " + nonce.encode("latin-1"), "sha256").hexdigest()


def cookie_header(session: str, host: bytes) -> bytes:
    """Set-Cookie for a session: out of reach of scripts and of other sites, and named for the port.

    Browsers give a cookie to every port of a host, so that servers side by side would take each other's away.
    """
    port = host.decode("latin-1").rpartition(":")[2]
    name = f"{COOKIE}-{port}" if port.isdigit() else COOKIE
    return f"{name}={session}; Path=/; HttpOnly; SameSite=Strict".encode()
