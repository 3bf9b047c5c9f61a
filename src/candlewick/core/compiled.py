"""The one place that compiles: numba, with its cache in a folder of the user's own.

numba does not notice an edit in another file, so the cache folder carries a hash of the package's sources.
"""

import functools
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from candlewick.core.files import user_cache

F = TypeVar("F", bound=Callable[..., Any])
_log = logging.getLogger("candlewick")
_KEPT_CACHES = 8  # of other versions of the package; each edit of a source makes a new one


def compiled(signature: Any = None, **options: Any) -> Callable[[F], F]:
    """Compile a function to machine code, cached across processes; with `signature`, at import, for that one type.

    No fast-math and no parallel reordering: the same input gives the same bits in every process.
    Where no folder can be written the function still compiles, uncached, and the log says so once.
    """

    def decorate(function: F) -> F:
        folder = _cache_folder()
        # numba looks at this setting once, while it decorates; other people's functions keep theirs.
        before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
        numba.config.CACHE_DIR = str(folder or "")  # type: ignore[attr-defined]
        try:
            arguments = () if signature is None else (signature,)
            # What was typed at a prompt has no file, and numba can only cache what has one.
            caching = folder is not None and Path(function.__code__.co_filename).is_file()
            compile_ = cast(Any, numba.njit)(*arguments, cache=caching, error_model="numpy", **options)
            return cast(F, compile_(function))
        finally:
            numba.config.CACHE_DIR = before  # type: ignore[attr-defined]

    return decorate


@functools.cache
def _cache_folder() -> Path | None:
    folder = user_cache() / f"numba-{numba.__version__}-{_source_hash()}"
    try:
        new = not folder.exists()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise PermissionError(f"{folder} can be written by another user")
        with tempfile.TemporaryFile(dir=folder):  # also marks the folder as used today
            pass
    except OSError as error:
        _log.warning("compiled code is not cached, every start compiles anew: %s", error)
        return None
    if new:
        _prune(folder)
    return folder


def _prune(newest: Path) -> None:
    others = [path for path in newest.parent.glob("numba-*") if path != newest]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for stale in others[_KEPT_CACHES:]:
        shutil.rmtree(stale, ignore_errors=True)


def _source_hash() -> str:
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
