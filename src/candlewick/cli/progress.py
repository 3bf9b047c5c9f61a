"""Progress for people: a bar with the remaining time on a terminal, plain lines anywhere else."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from candlewick.core.clock import elapsed_s
from candlewick.core.progress import Progress, Silent

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_LINE_EVERY_S = 10.0


@contextlib.contextmanager
def showing(*, quiet: bool = False, stream: TextIO | None = None) -> Iterator[Progress]:
    """A progress that speaks on `stream` (standard error when not told), so that standard output stays clean."""
    stream = stream or sys.stderr
    if quiet:
        yield Silent()
    elif stream.isatty():
        with _Bar(stream) as bar:
            yield bar
    else:
        lines = _Lines(stream)
        yield lines
        lines.finish()


class _Bar:
    def __init__(self, stream: TextIO) -> None:
        from rich import progress as rich
        from rich.console import Console

        self._console = Console(file=stream, highlight=False)
        self._bar: RichProgress = rich.Progress(
            rich.TextColumn("{task.description}"),
            rich.BarColumn(bar_width=24),
            rich.MofNCompleteColumn(),
            rich.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            rich.TextColumn("[dim]{task.fields[note]}"),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._title, self._began = "", 0.0

    def __enter__(self) -> "_Bar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._bar.stop()

    def stage(self, title: str, total: int) -> None:
        self._close()
        self._title, self._began = title, elapsed_s()
        self._task = self._bar.add_task(title, total=total, note="")

    def advance(self, steps: int = 1, note: str = "") -> None:
        if self._task is not None:
            self._bar.update(self._task, advance=steps, note=note)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def _close(self) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
            self.say(f"{self._title}: {elapsed_s() - self._began:.1f} s")


class _Lines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._title, self._total, self._done = "", 0, 0
        self._began = self._spoke = 0.0

    def stage(self, title: str, total: int) -> None:
        self.finish()
        self._title, self._total, self._done = title, total, 0
        self._began = self._spoke = elapsed_s()
        self.say(f"{title} ...")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._done += steps
        now = elapsed_s()
        if now - self._spoke < _LINE_EVERY_S or self._done >= self._total:
            return
        self._spoke = now
        left = (now - self._began) / self._done * (self._total - self._done)
        self.say(f"{self._title}: {self._done}/{self._total}, about {left:.0f} s left{f', {note}' if note else ''}")

    def say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def finish(self) -> None:
        if self._title:
            self.say(f"{self._title}: {elapsed_s() - self._began:.1f} s")
            self._title = ""
