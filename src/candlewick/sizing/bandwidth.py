"""Bandwidth of caches and memory: bytes a second that compiled loops read and copy, on one thread and on several."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numba import types

from candlewick.core.clock import elapsed_s
from candlewick.core.compiled import compiled
from candlewick.runtime.rates import Trial

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_USUAL = {2: 2**19, 3: 2**23}
_LARGEST = 2**28
_TRAFFIC = 2**27


def caches() -> dict[int, int]:
    """Bytes of the second- and third-level cache of the first core; a usual size where the system does not say."""
    found = dict(_USUAL)
    for level in _CACHES.glob("index*/level"):
        size = re.fullmatch(r"(\d+)([KM])", (level.parent / "size").read_text().strip())
        if size and int(level.read_text()) in found:
            found[int(level.read_text())] = int(size[1]) * {"K": 2**10, "M": 2**20}[size[2]]
    return found


def trials(threads: int) -> Iterator[Trial]:
    """Reading and copying working sets that fit the second cache, just do not, fit the third, fill it, and fit none.

    The shape of a trial is (bytes of the working set,); half of a copy's set is read and half is written.
    """
    sizes = caches()
    second, third = sizes[2] * threads, sizes[3]
    for bytes_ in sorted({second // 2, min(2 * second, third // 2), third // 2, third, min(4 * third, _LARGEST)}):
        parts = [np.ones(bytes_ // threads // 8, np.int64) for _ in range(threads)]
        times = max(1, _TRAFFIC // bytes_)
        halves = [(part[: len(part) // 2], part[len(part) - len(part) // 2 :]) for part in parts]
        yield _trial("read", bytes_, times, [partial(_read, part, times) for part in parts])
        yield _trial("copy", bytes_, times, [partial(_copy, *pair, times) for pair in halves])


def _trial(what: str, bytes_: int, times: int, acts: list[Callable[[], object]]) -> Trial:
    def seconds() -> float:
        if len(acts) == 1:
            began = elapsed_s()
            acts[0]()
            return (elapsed_s() - began) / times
        with ThreadPoolExecutor(len(acts)) as pool:
            list(pool.map(lambda _: None, acts))  # threads are started before the clock is
            began = elapsed_s()
            for done in [pool.submit(act) for act in acts]:
                done.result()
            return (elapsed_s() - began) / times

    return Trial(what, "compiled", "fp32", len(acts), (bytes_,), float(bytes_), seconds)


@compiled(types.int64(types.int64[::1], types.int64), nogil=True)
def _read(part: np.ndarray, times: int) -> int:
    total = 0
    for again in range(times):
        for i in range(part.shape[0]):
            total += part[i] ^ again  # another sum each time, or the compiler would do it once
    return total


@compiled(types.void(types.int64[::1], types.int64[::1], types.int64), nogil=True)
def _copy(source: np.ndarray, target: np.ndarray, times: int) -> None:
    for again in range(times):
        for i in range(target.shape[0]):
            target[i] = source[i] + again
