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
from candlewick.runtime.kernels._layout import aligned
from candlewick.runtime.kernels._vector import LINE, load, splat, store, total
from candlewick.runtime.rates import Trial

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_USUAL = {2: 2**19, 3: 2**23}
_LARGEST = 2**28
_TRAFFIC = 2**27
_STRIDE = 4 * LINE


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
        yield from working_set(bytes_, threads)


def working_set(bytes_: int, threads: int) -> tuple[Trial, Trial]:
    """Reading so many bytes again and again, and copying one half of them to the other; the threads share them out."""
    half = bytes_ // threads // 2 // _STRIDE * _STRIDE
    parts = [aligned((2 * half // 4,), np.float32) for _ in range(threads)]
    for part in parts:
        part[:] = 1.0  # memory that was never written is one page of zeros, read from a cache
    times = max(1, _TRAFFIC // bytes_)
    places = [part.ctypes.data for part in parts]
    read = _trial("read", parts, times, [partial(_read, place, 2 * half, times) for place in places])
    copy = _trial("copy", parts, times, [partial(_copy, place, place + half, half, times) for place in places])
    return read, copy


def _trial(what: str, parts: list[np.ndarray], times: int, acts: list[Callable[[], object]]) -> Trial:
    bytes_ = sum(part.nbytes for part in parts)

    def seconds(parts: list[np.ndarray] = parts) -> float:  # which keeps alive what the addresses are of
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


@compiled(types.float32(types.int64, types.int64, types.int64), nogil=True)
def _read(place: int, bytes_: int, times: int) -> np.float32:
    # By whole vectors, as the kernels read weights: by single numbers one core gets half of what memory gives.
    answer = np.float32(0.0)
    for _ in range(times):
        a, b, c, d = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        for j in range(place, place + bytes_, _STRIDE):
            a, b = a + load(j), b + load(j + LINE)
            c, d = c + load(j + 2 * LINE), d + load(j + 3 * LINE)
        answer += total(a + b) + total(c + d)
    return answer


@compiled(types.void(types.int64, types.int64, types.int64, types.int64), nogil=True)
def _copy(source: int, target: int, bytes_: int, times: int) -> None:
    for _ in range(times):
        for j in range(0, bytes_, LINE):
            store(target + j, load(source + j))
