"""A release from elsewhere: copied within bounds, tried in a process of its own with limits, and only then let in.

A hash proves that nothing was changed, not that its maker means well; and the verdict on its card is its maker's word.
What a process can do to files that the same user may write is not prevented: who expects attacks through native code
imports as a user of its own.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from candlewick.core import files
from candlewick.core.errors import DataError, StorageError
from candlewick.core.failpoint import reached
from candlewick.release.bundle import SHORT, largest, listed, verify_files
from candlewick.release.card import CARD
from candlewick.release.publish import releases_folder, seal, settle, unfinished, write_synced
from candlewick.release.registry import Registry

MOST_BYTES = 4 * 2**30
"""Of a whole foreign release."""

_KEPT = ("PATH", "HOME", "XDG_CACHE_HOME", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_MOST_SAID = 64 * 2**10
_ROOM = 64 * 2**20  # files that the trial writes: a graph in memory, and what the compiler keeps of members


@dataclass(frozen=True)
class Limits:
    """What trying a foreign release may cost.

    Attributes:
        memory: bytes of address space, libraries counted.
        seconds: of processor time.
        wall: seconds on the clock.
    """

    memory: int = 4 * 2**30
    seconds: int = 120
    wall: int = 360


@dataclass(frozen=True)
class Imported:
    """A release that was let in, and whether it is new here."""

    id: str
    new: bool


def import_release(
    source: str | Path, live: str | Path, *, members: Sequence[Path] = (), limits: Limits = Limits()
) -> Imported:  # fmt: skip
    """Copy the release in the folder `source` into a live folder, try it, and register it.

    Args:
        members: folders of the user's own members, which would be run; none by default, so that a foreign release
            does not choose among the user's files.

    Raises:
        DataError: it is no folder.
        StorageError: it is refused, with the reason; nothing is left of it.
    """
    source = Path(source)
    if not source.is_dir() or source.is_symlink():
        raise DataError(f"a release is imported from a folder, was {source}. Unpack an archive first.")
    with unfinished(live) as folder:
        _copy(source, folder)
        verify_files(folder)
        release = files.sha256(folder / CARD)
        _try(folder, release, members, limits)
        reached("import.tried")
        verify_files(folder)
        seal(folder)
        settle(folder, releases_folder(live) / release)
    new = Registry(live).register(release, origin="import")
    return Imported(release, new)


def _copy(source: Path, folder: Path) -> None:
    left = MOST_BYTES
    for name in sorted(listed(source)):
        data = files.read_bounded(source / name, min(largest(name) or 0, left))
        left -= len(data)
        write_synced(folder / name, data)


def _try(folder: Path, release: str, members: Sequence[Path], limits: Limits) -> None:
    asked = {
        "folder": str(folder.absolute()), "members": [str(Path(place).absolute()) for place in members],
        "memory": limits.memory, "seconds": limits.seconds,
        "file": sum(path.stat().st_size for path in folder.rglob("*")) + _ROOM,
    }  # fmt: skip
    with tempfile.TemporaryFile() as said:
        code = _run(asked, said, limits.wall)
        said.seek(0)
        answer = _answer(said.read(_MOST_SAID))
    what = ""
    if code is None:
        what = f"it did not end within {limits.wall} s"
    elif code == -signal.SIGXCPU or (code == -signal.SIGKILL and answer is None):
        what = f"it computed for more than {limits.seconds} s, or was killed"
    elif code < 0:
        what = f"the process that tried it died by {signal.Signals(-code).name}"
    elif answer is None:
        what = f"the process that tried it ended with {code} and said nothing"
    elif "memory" in answer:
        what = f"it needs more than {limits.memory / 2**30:.1f} GiB of memory"
    elif answer.get("id") != release:
        what = str(answer.get("error", "it was another release when it was tried"))
    if what:
        raise StorageError(f"the foreign release {release[:SHORT]} is refused: {what.rstrip('.')}. Nothing was kept.")


def _run(asked: dict[str, Any], said: IO[bytes], seconds: float) -> int | None:
    # The exit code, below zero for a signal; None where it had to be stopped.
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "candlewick.release.trial"], stdin=subprocess.PIPE, stdout=said,
        stderr=subprocess.DEVNULL, start_new_session=True, env={**kept, **dict.fromkeys(_ONE_THREAD, "1")},
    )  # fmt: skip
    try:
        process.communicate(json.dumps(asked).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode


def _answer(said: bytes) -> dict[str, Any] | None:
    lines = said.decode(errors="replace").strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
