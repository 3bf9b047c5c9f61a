"""What a feed is."""

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

from candlewick.core.clock import elapsed_s, sleep_s
from candlewick.core.errors import MissingDependencyError
from candlewick.core.spec import Spec
from candlewick.serve.backoff import Backoff
from candlewick.serve.protocol import Answer, Bar

Answered = Sequence[Answer]
"""What the server said to bars that were just yielded, durably; one answer for each of them."""


def _to_nobody(text: str) -> None:
    pass


@dataclass(frozen=True)
class World:
    """What a feed is given of the world, so that a test can give it another one.

    Attributes:
        last: the newest close that the server has of each instrument, ns UTC.
        sleep: lets seconds pass; it does not return where the feed is asked to end.
        elapsed_s: seconds on a clock that never goes back.
        say: a line for people.
    """

    last: Callable[[], Mapping[str, int]]
    sleep: Callable[[float], None] = sleep_s
    elapsed_s: Callable[[], float] = elapsed_s
    say: Callable[[str], None] = _to_nobody


class Feed(Spec):
    """A frozen spec of where bars come from.

    Attributes:
        subject: the field that a bare word on the command line sets.
    """

    subject: ClassVar[str]

    @property
    @abstractmethod
    def source(self) -> str:
        """What its bars say they came from: `ccxt:binance`."""

    @abstractmethod
    def bars(self, world: World) -> Generator[list[Bar], Answered, None]:
        """Closed bars, oldest first of each instrument; it ends where there are no more, and live it does not end.

        What is yielded is posted, and what stands after a yield happens once the server has answered every bar of it
        and has them on disk: there a feed says to its own side that it is done with them. It yields an empty list now
        and then while there is nothing, so that it can be ended.

        Raises:
            ConfigError, MissingDependencyError: it cannot work as it is written.
            DataError: what it reads cannot be used.
            RemoteError: the other side will not do, and trying again would not help.
        """


class Trouble:
    """Bounded waits between attempts at something that fails; told once when it begins and once when it is over."""

    def __init__(self, world: World, name: str, *, most_s: float) -> None:
        self._world, self._name, self._backoff = world, name, Backoff(first_s=0.5, most_s=most_s)
        self._told = ""

    def wait(self, reason: str, *, at_least_s: float = 0.0) -> None:
        """Let time pass after a failure."""
        seconds = self._backoff.next_s(at_least_s=at_least_s)
        if reason != self._told:
            self._world.say(f"{self._name}: {reason}; trying again in {seconds:.3g} s, then less often")
            self._told = reason
        self._world.sleep(seconds)

    def over(self) -> None:
        """It went well."""
        if self._told:
            self._world.say(f"{self._name} answers again")
        self._told = ""
        self._backoff.succeeded()


def rest(world: World, seconds: float, *, slice_s: float = 5.0) -> Iterator[list[Bar]]:
    """Let time pass, with an empty list now and then."""
    end = world.elapsed_s() + seconds
    while (left := end - world.elapsed_s()) > 0:
        world.sleep(min(left, slice_s))
        yield []


def require(library: str, extra: str, purpose: str) -> None:
    """Nothing where the library is installed.

    Raises:
        MissingDependencyError: it is not; with what to install.
    """
    if find_spec(library) is None:
        raise MissingDependencyError(
            f"{purpose} needs {library}, which is not installed. Install it with: pip install 'candlewick[{extra}]'."
        )
