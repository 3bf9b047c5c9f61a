"""What a source is."""

from abc import abstractmethod

from candlewick.core.spec import Spec
from candlewick.data.read import Reading


class Source(Spec):
    """A frozen spec of where bars come from."""

    @abstractmethod
    def read(self) -> Reading:
        """The bars, how they were understood, and what was found.

        Raises:
            DataError: they cannot be used as they are.
        """
