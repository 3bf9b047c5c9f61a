"""The runs in a folder."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from candlewick.cli.show import Show, table
from candlewick.core.clock import iso


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
            "status": run.record["status"],
            "title": run.record.get("title", ""),
            "says": next(iter(run.sentences), ""),
        }
        for run in list_runs(folder)
    ]
    if show.data(rows):
        return
    if rows:
        table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        show.remark(f"no runs in {folder}. `candlewick run quickstart` makes one.")
