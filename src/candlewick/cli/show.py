"""How every command speaks: tables for people, one JSON document for programs, progress on standard error."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from candlewick.cli.progress import showing
from candlewick.core.progress import Progress


@Parameter(name="*")
@dataclass(frozen=True)
class Show:
    """Options that every command has."""

    json: Annotated[
        bool, Parameter(show_default=False, help="Print one JSON document on standard output and nothing else there.")
    ] = False
    quiet: Annotated[
        bool, Parameter(show_default=False, help="No progress and no remarks: results and errors only.")
    ] = False

    def progress(self) -> AbstractContextManager[Progress]:
        """What long work reports to, on standard error."""
        return showing(quiet=self.quiet)

    def data(self, data: Any) -> bool:
        """Print `data` where JSON was asked for; False where a person is to be spoken to."""
        if self.json:
            # NaN is no JSON: what has no value is null.
            sys.stdout.write(json.dumps(_finite(data), indent=2, default=str, allow_nan=False) + "\n")
        return self.json

    def remark(self, text: str) -> None:
        """A line on standard error that `--quiet` leaves out."""
        if not self.quiet:
            print(text, file=sys.stderr)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table; columns whose cells are all numbers are aligned right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    lines = [list(row) for row in rows]
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = bool(lines) and all(isinstance(line[index], int | float | None) for line in lines)
        shown.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for line in lines:
        shown.add_row(*(Text(_cell(value)) for value in line))
    Console(highlight=False, width=width()).print(shown)


def width() -> int:
    """Columns of the terminal, or what `COLUMNS` says; 120 where there is neither, as in a pipe."""
    return shutil.get_terminal_size((120, 24)).columns


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    if isinstance(data, float):
        return data if abs(data) < float("inf") else None
    return data
