"""How much memory a piece of work took, as the operating system counts it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_RESET_PEAK = "5"  # what /proc/PID/clear_refs takes for: forget the peak, begin from what is resident now


@dataclass
class Memory:
    """Resident memory of this process; 0 where the system does not tell (it is read from Linux's /proc).

    Attributes:
        before: bytes when the work began.
        peak: most bytes while it was done, what was there before included; of the whole life of the process where
            the system lets nobody reset its count.
    """

    before: int
    peak: int = 0

    @property
    def grown(self) -> int:
        """Bytes that the work took beyond those that were there before."""
        return max(self.peak - self.before, 0)


@contextlib.contextmanager
def measured_memory() -> Iterator[Memory]:
    """Memory of the block under `with`; its peak stands when the block has ended.

    >>> with measured_memory() as memory:
    ...     _ = bytearray(50_000_000)
    >>> memory.grown > 40_000_000
    True
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    memory = Memory(_resident("VmRSS"))
    try:
        yield memory
    finally:
        memory.peak = _resident("VmHWM")


def _resident(kind: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        lines = []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(kind)), 0)
