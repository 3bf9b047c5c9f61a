"""What is in a file of bars and what is wrong with it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from candlewick.cli.reading import ReadingOptions
from candlewick.cli.show import Show


def check(
    data: Annotated[Path, Parameter(help="A .csv, .csv.gz, .parquet or .npz file.")],
    /,
    *,
    reading: ReadingOptions = ReadingOptions(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> int:
    """Say what is in a file of bars and what is wrong with it, with row numbers.

    Exit code 0 where the bars can be used, 1 where they are refused.
    """
    from candlewick.data.checks import inspect, summary

    found = inspect(data, **reading.given())
    if show.data(_plain(found)):
        return int(bool(found.errors))
    for title, lines in (
        ("understood", found.mapping),
        ("instruments", [summary(instrument) for instrument in found.instruments]),
        ("stamps", found.evidence),
    ):
        _section(title, lines)
    _section("findings", [f"{finding.severity}: {finding.message}" for finding in found.findings])
    count = len(found.errors)
    print(f"refused: {count} fault{'s' * (count != 1)}." if count else "the bars can be used.")
    return int(bool(count))


def _section(title: str, lines: Any) -> None:
    if lines:
        print(title)
        for line in lines:
            print(f"  {line}")
        print()


def _plain(found: Any) -> dict[str, Any]:
    return {
        "source": found.name,
        "usable": not found.errors,
        "understood": list(found.mapping),
        "columns": list(found.columns),
        "instruments": [asdict(instrument) for instrument in found.instruments],
        "stamps": list(found.evidence),
        "findings": [asdict(finding) for finding in found.findings],
    }
