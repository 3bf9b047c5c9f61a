"""A request to end by Ctrl-C or SIGTERM, kept until the work is at a place where it can end."""

import os
import select
import signal
from types import FrameType, TracebackType


class Ending:
    """In a `with`, the first signal is kept and ends any sleep; a second one interrupts whatever is being done."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> "Ending":
        self._read, self._write = os.pipe()
        self._before = {number: signal.signal(number, self._take) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        os.close(self._read)
        os.close(self._write)

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass, or fewer where it is asked to end."""
        # A pipe, because a handler may not take the lock that waking a thread by an Event needs.
        select.select([self._read], [], [], max(seconds, 0.0))

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        os.write(self._write, b".")
