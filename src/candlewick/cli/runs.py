"""The runs in a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from candlewick.cli.show import Show, table
from candlewick.core.clock import iso

if TYPE_CHECKING:
    from candlewick.lab.runs import Run


def runs(
    folder: Annotated[Path, Parameter(help="Where run folders lie.")] = Path("runs"),
    /,
    *,
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Runs in a folder, oldest first, each with its first sentence."""
    from candlewick.lab.runs import list_runs

    rows = [
        {
            "run": run.folder.name,
            "started": iso(run.record["started"] // 1_000_000_000 * 1_000_000_000),
            "status": run.status,
            "title": run.record.get("title", ""),
            "says": _says(run),
        }
        for run in list_runs(folder)
    ]
    if show.data(rows):
        return
    if rows:
        table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        show.remark(f"no runs in {folder}. `candlewick run quickstart` makes one.")


def _says(run: "Run") -> str:
    if not run.complete:
        return f"running, or stopped: go on with `candlewick run --resume {run.folder}`"
    return next(iter(run.sentences), "")
