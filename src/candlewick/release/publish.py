"""Putting a release where it is served from: built beside, synced, sealed against writing, renamed, never changed."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from candlewick.core import files
from candlewick.core.errors import StorageError
from candlewick.core.failpoint import reached
from candlewick.core.spec import canonical_json
from candlewick.release.bundle import verify_files
from candlewick.release.card import CARD, Card

_UNFINISHED = ".making-"
_READ_ONLY, _CLOSED = 0o444, 0o555


def releases_folder(live: str | Path) -> Path:
    """Where a live folder keeps its releases, each in a folder named by its id."""
    return Path(live) / "releases"


def publish(contents: Mapping[str, bytes], card: Mapping[str, Any], live: str | Path) -> tuple[str, bool]:
    """Make a release of the bytes of its files and what its card says but for `files`; gives its id, and if it is new.

    Raises:
        StorageError: the card is none, the folder cannot be written, or holds a damaged release of this id.
    """
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    data = canonical_json({**card, "files": digests})
    Card.parsed(data)  # as it will be read
    release = hashlib.sha256(data).hexdigest()
    place = releases_folder(live) / release
    if place.exists():
        verify_files(place)
        return release, False
    with unfinished(live) as folder:
        for name, content in contents.items():
            write_synced(folder / name, content)
            reached("release.file")
        write_synced(folder / CARD, data)
        seal(folder)
        return release, settle(folder, place)


@contextmanager
def unfinished(live: str | Path) -> Iterator[Path]:
    """A folder beside the releases in which one is built; it is gone afterwards unless it was settled.

    Raises:
        StorageError: a file could not be written into it.
    """
    releases = releases_folder(live)
    folder = releases / f"{_UNFINISHED}{os.getpid()}"
    try:
        releases.mkdir(mode=0o755, parents=True, exist_ok=True)
        _sweep(releases)
        folder.mkdir(mode=0o700)
        yield folder
    except OSError as error:
        raise StorageError(
            f"{releases} could not be written: {error.strerror or error}. No release was made. "
            "Free some space or choose another folder."
        ) from error
    finally:
        remove(folder)


def write_synced(path: Path, data: bytes) -> None:
    """A new file, on the medium."""
    path.parent.mkdir(exist_ok=True)
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def seal(folder: Path) -> None:
    """Nothing in `folder` can be written any more, and all its names are on the medium."""
    inner = [path for path in folder.iterdir() if path.is_dir()]
    for place in (*inner, folder):
        for path in place.iterdir():
            if path.is_file():
                path.chmod(_READ_ONLY)
        _sync_folder(place)
        place.chmod(_CLOSED)


def settle(folder: Path, place: Path) -> bool:
    """Give a sealed folder its final name; False where another process was faster with the same release."""
    reached("release.sealed")
    try:
        os.rename(folder, place)
    except OSError:
        if not place.is_dir():
            raise
        verify_files(place)
        return False
    reached("release.renamed")
    _sync_folder(place.parent)
    return True


def remove(folder: Path) -> None:
    """A folder and all in it, sealed or not; nothing where it is not there."""
    if not folder.is_dir() or folder.is_symlink():
        return
    folder.chmod(0o700)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)


def _sweep(releases: Path) -> None:
    # A killed process cannot tidy up; the next one that makes a release does.
    for left in releases.glob(f"{_UNFINISHED}*"):
        pid = left.name.removeprefix(_UNFINISHED)
        if pid == str(os.getpid()) or not files.alive(pid):
            remove(left)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
