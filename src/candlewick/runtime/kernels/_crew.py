"""Who runs the items of a step: the thread that asks for it, and one more that takes items while there are some.

The items of a phase are handed out by one word, so a thread that comes late merely finds fewer of them, and nobody
waits for one that sleeps. The leader takes from the front and the other from the back, so that each finds most of
what it wrote before in its own cache. A phase ends when every item is finished. Which thread ran an item changes
no bit of it.
"""

import functools
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from candlewick.core.compiled import compiled
from candlewick.runtime.kernels._atomics import add, exchange, pause, read, write
from candlewick.runtime.kernels._dot import KINDS
from candlewick.runtime.kernels._layout import Field, aligned
from candlewick.runtime.kernels._step import run_item
from candlewick.runtime.kernels._vector import LANES, LINE
from candlewick.runtime.session import Precision

# Bytes of the words that threads share, each in a cache line of its own.
_TICKET = 0  # the items that nobody has taken: end << 32 | begin
_FINISHED = LINE
_ACTIVE = 2 * LINE  # a step is running
_ENDED = 3 * LINE


class Crew:
    """Runs steps one at a time: on the thread that calls, or on two.

    The second thread lives as long as the crew. Between steps it sleeps, or spins on its core.
    """

    def __init__(self, precision: Precision, *, size: int, threads: int, spinning: bool) -> None:
        self._lock = threading.Lock()
        self._run = compiled_run(precision)
        self._table = np.zeros(size, np.int64)
        self._words = aligned((4 * LINE // 8,), np.int64)
        self._bell = threading.Lock()
        if threads == 2:
            self._bell.acquire()
            known = (self._run, self._table, self._words, self._bell, spinning)
            thread = threading.Thread(target=_assist_until_end, args=known, name="candlewick-step", daemon=True)
            thread.start()
            weakref.finalize(self, _end, self._words, self._bell, thread)

    def step(self, table: np.ndarray) -> None:
        """Run the step that the table describes; waits for one that runs already."""
        with self._lock:
            self._table[:] = table
            try:
                self._words[_ACTIVE // 8] = 1
                if self._bell.locked():
                    self._bell.release()
                self._run(self._table, self._words, 0, False, 0)
            finally:
                self._words[_ACTIVE // 8] = 0


def _assist_until_end(run: Any, table: np.ndarray, words: np.ndarray, bell: Any, spinning: bool) -> None:
    while not words[_ENDED // 8]:
        if not spinning:
            bell.acquire()
        run(table, words, 1, spinning, 0)


def _end(words: np.ndarray, bell: Any, thread: threading.Thread) -> None:
    words[_ENDED // 8] = 1
    if bell.locked():
        bell.release()
    if thread is not threading.current_thread():
        thread.join()


@functools.cache
def compiled_run(precision: Precision) -> Callable[..., None]:
    """`run(table, words, worker, spinning, 0)`: worker 0 leads through a step, worker 1 assists."""
    signature = (types.int64[::1], types.int64[::1], types.int64, types.boolean, KINDS[precision])
    return compiled(signature, nogil=True)(_run)


def _run(table: Any, words: Any, worker: int, spinning: bool, kind: Any) -> None:
    shared = words.ctypes.data
    if worker == 0:
        _lead(table, shared, worker, kind)
        return
    while not read(shared + _ENDED) and (spinning or read(shared + _ACTIVE)):
        _take_items(table, shared, worker, kind)
        pause(0)


@compiled()
def _lead(table: Any, shared: int, worker: int, kind: Any) -> None:
    for time in range(table[Field.LENGTH]):
        table[Field.TIME] = time
        for phase in range(2 * table[Field.LAYERS] + 1):
            table[Field.PHASE] = phase
            items = table[Field.UNITS] // LANES if phase % 2 else table[Field.ROWS]
            if table[Field.THREADS] == 1:
                for item in range(items):
                    run_item(table, item, worker, kind)
                continue
            write(shared + _FINISHED, 0)
            write(shared + _TICKET, items << 32)
            _take_items(table, shared, worker, kind)
            while read(shared + _FINISHED) < items:
                pause(0)


@compiled()
def _take_items(table: Any, shared: int, worker: int, kind: Any) -> None:
    ticket = read(shared + _TICKET)
    begin, end = ticket & 0xFFFFFFFF, ticket >> 32
    while begin < end:
        many = max(1, (end - begin) // 4)
        mine, left = (begin, ticket + many) if worker == 0 else (end - many, ticket - (many << 32))
        found = exchange(shared + _TICKET, ticket, left)
        if found == ticket:
            for item in range(mine, mine + many):
                run_item(table, item, worker, kind)
            add(shared + _FINISHED, many)
            found = read(shared + _TICKET)
        ticket = found
        begin, end = ticket & 0xFFFFFFFF, ticket >> 32
