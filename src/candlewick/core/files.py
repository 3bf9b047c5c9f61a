"""Files that are whole or absent: written beside, synced, renamed, and the folder synced."""

import contextlib
import errno
import fcntl
import glob
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from candlewick.core.errors import StorageError


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`; on leaving without an error it becomes `path`, durably.

    Raises:
        StorageError: the disk is full or the folder cannot be written; `path` is as it was before.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise StorageError(
            f"{path} could not be written: {error.strerror or error}. "
            "Nothing was changed there. Free some space or choose another folder."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, data: bytes) -> None:
    """`data` as the whole content of `path`, atomically."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: str | Path, data: Any) -> None:
    """`data` as indented JSON, atomically. NaN is refused: it is not JSON."""
    write_bytes(path, (json.dumps(data, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: str | Path) -> Any:
    """The JSON in `path`.

    Raises:
        StorageError: missing, or not JSON.
    """
    try:
        return json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} could not be read: {error}.") from error


def read_bounded(path: str | Path, most: int) -> bytes:
    """The content of a file that may be hostile: a regular one, no link, of at most `most` bytes.

    Raises:
        StorageError: it is none, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_size > most:
                raise StorageError(
                    f"{path} must be a file of {most:,} bytes at most, was {status.st_size:,}. Nothing was loaded."
                )
            return file.read(status.st_size)
    except OSError as error:
        reason = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise StorageError(f"{path} could not be read: {reason}. Nothing was loaded.") from error


@contextlib.contextmanager
def locked(path: str | Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on `path` (made when missing) against other processes.

    Raises:
        StorageError: it cannot be made, or another process holds it and `wait` is false.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(f"{path} could not be locked: {error.strerror or error}.") from error
    try:
        _lock(handle, path, wait)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, path: Path, wait: bool) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError as error:
        raise StorageError(
            f"{path.parent} is being worked on by another process. Wait until it is done, or choose another folder."
        ) from error


def sha256(path: str | Path) -> str:
    """The hex sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def home() -> Path:
    """Where the ledger of trials lives: `$CANDLEWICK_HOME`, else the user's data folder."""
    named = os.environ.get("CANDLEWICK_HOME")
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path(named) if named else data / "candlewick"


def user_cache() -> Path:
    """The user's cache folder for candlewick (`$XDG_CACHE_HOME` or `~/.cache`)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "candlewick"


def _sweep(path: Path) -> None:
    # A killed writer cannot tidy up; its process is gone, so the next writer of the same file does.
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        if not alive(left.name.removesuffix(".tmp").rpartition(".")[2]):
            left.unlink(missing_ok=True)


def alive(pid: str) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
