"""What goes wrong is logged, and a bounded number of times a minute, however often somebody makes it go wrong."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from candlewick.core.clock import elapsed_s

MOST = 20
"""Lines of one logger in a minute."""

_LOGGERS = {"candlewick.serve": logging.WARNING, "uvicorn.error": logging.ERROR, "asyncio": logging.ERROR}


class Bounded(logging.Filter):
    """Lets the first lines of each minute through, and says when it holds more back."""

    def __init__(self) -> None:
        super().__init__()
        self._since, self._count = elapsed_s(), 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written."""
        now = elapsed_s()
        if now - self._since > 60:
            self._since, self._count = now, 0
        self._count += 1
        if self._count == MOST:
            record.msg = f"{record.msg} (no more of this kind of line in this minute)"
        return self._count <= MOST


@contextmanager
def bounded_logs() -> Iterator[None]:
    """Bound what the server and the libraries under it log, until the block ends."""
    kept = [(logging.getLogger(name), level) for name, level in _LOGGERS.items()]
    before = [logger.level for logger, _ in kept]
    filters = [Bounded() for _ in kept]
    for (logger, level), bound in zip(kept, filters, strict=True):
        logger.setLevel(level)
        logger.addFilter(bound)
    try:
        yield
    finally:
        for (logger, _), level, bound in zip(kept, before, filters, strict=True):
            logger.setLevel(level)
            logger.removeFilter(bound)
