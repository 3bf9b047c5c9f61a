"""Forecast new bars with the models of a run."""

from io import BytesIO
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from candlewick.cli.reading import ReadingOptions
from candlewick.cli.show import Show, table
from candlewick.core.errors import ConfigError

_WRITERS = {".parquet": "write_parquet", ".csv": "write_csv"}


def predict(
    run: Annotated[Path, Parameter(help="A run's folder, or its name below ./runs.")],
    bars: Annotated[Path, Parameter(help="The bars: .csv, .csv.gz, .parquet or .npz.")],
    /,
    *,
    out: Annotated[Path, Parameter(alias="-o", help="Where the forecasts go: .parquet or .csv.")],
    model: Annotated[str | None, Parameter(help="A model of the run; the one it is about by default.")] = None,
    reading: ReadingOptions = ReadingOptions(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Forecast every bar that has a whole window before it, with the newest fit of a run."""
    from candlewick.core.clock import iso
    from candlewick.core.files import write_bytes
    from candlewick.lab.predict import predict as forecast

    if out.suffix not in _WRITERS:
        raise ConfigError(f"forecasts are written as {' or '.join(_WRITERS)}, was {out.name!r}.")
    with show.progress() as progress:
        frame = forecast(run, bars, model=model, progress=progress, **reading.given())
    buffer = BytesIO()
    getattr(frame, _WRITERS[out.suffix])(buffer)
    write_bytes(out, buffer.getvalue())
    if not show.data({"out": str(out), "rows": len(frame), "columns": frame.columns}):
        last = frame.group_by("symbol", maintain_order=True).last()
        rows = [(row["symbol"], iso(row["t"]), row["value"]) for row in last.iter_rows(named=True)]
        table(("symbol", "newest bar", "forecast"), rows)
        print(f"{len(frame):,} forecasts in {out}")
