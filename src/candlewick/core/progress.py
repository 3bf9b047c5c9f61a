"""Progress that says what is being done and how long it will take."""

from typing import Protocol


class Progress(Protocol):
    """What long work reports to. Work is never aware of who shows it."""

    def stage(self, title: str, total: int) -> None:
        """Begin a stage of `total` equal steps; the one before is over."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """`steps` more are done; `note` is what a person should see beside the bar."""

    def say(self, text: str) -> None:
        """A line that stays."""


class Silent:
    """Reports to nobody."""

    def stage(self, title: str, total: int) -> None:
        """Nothing."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""
