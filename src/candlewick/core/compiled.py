"""The one place that compiles: numba, with its cache in a folder of the user's own.

numba does not notice an edit in another file, so the cache folder carries a hash of the package's sources.
"""

import functools
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

from candlewick.core.files import user_cache

F = TypeVar("F", bound=Callable[..., Any])
_log = logging.getLogger("candlewick")


def compiled(signature: Any = None, **options: Any) -> Callable[[F], F]:
    """Compile a function to machine code, cached across processes; with `signature`, at import, for that one type.

    No fast-math and no parallel reordering: the same input gives the same bits in every process.
    Where no folder can be written the function still compiles, uncached, and the log says so once.
    """

    def decorate(function: F) -> F:
        folder = _cache_folder()
        outside = Path(function.__code__.co_filename).parent
        # numba looks at this setting once, while it decorates; other people's functions keep theirs.
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(folder) if folder else ""
        try:
            arguments = () if signature is None else (signature,)
            caching = folder is not None and outside.exists()
            return numba.njit(*arguments, cache=caching, error_model="numpy", **options)(function)
        finally:
            numba.config.CACHE_DIR = before

    return decorate


@functools.cache
def _cache_folder() -> Path | None:
    folder = user_cache() / f"numba-{numba.__version__}-{_source_hash()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to another user")
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        _log.warning("compiled code is not cached, every start compiles anew: %s", error)
        return None


def _source_hash() -> str:
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
