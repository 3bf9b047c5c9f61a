"""What a source is."""

from abc import abstractmethod
from typing import Any

from candlewick.core.spec import Spec
from candlewick.data.read import Reading


class Source(Spec):
    """A frozen spec of where bars come from: what came, and everything that is done to it.

    The two are apart so that the audit can withhold what came after a moment and prepare the rest again: the bars
    up to that moment must be the same.
    """

    @abstractmethod
    def raw(self) -> Any:
        """What came, with nothing done to it: a table (`data.loading.load`), a frame, a mapping of arrays, bars, a
        panel, or a mapping of several of these by name.

        Raises:
            DataError: it is not there or cannot be opened.
        """

    @abstractmethod
    def prepare(self, raw: Any) -> Reading:
        """The bars, how they were understood, and what was found. All cleaning, joining and adjusting happens here.

        Raises:
            DataError: they cannot be used as they are.
        """

    def read(self) -> Reading:
        """`prepare(raw())`; written once, never overridden."""
        return self.prepare(self.raw())
