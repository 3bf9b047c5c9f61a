"""Daily bars that the arch package ships: read at run time, never copied."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from candlewick.data.read import Reading, read

if TYPE_CHECKING:
    import polars as pl


def bundled(name: str) -> "pl.DataFrame":
    """The table that `arch.data.NAME` loads, without importing arch, whose models take most of a second."""
    import polars as pl

    package = find_spec("arch")
    assert package is not None
    assert package.origin is not None
    table = pl.read_csv(Path(package.origin).with_name("data") / name / f"{name}.csv.gz")
    return table.with_columns(pl.col("Date").str.to_datetime("%m/%d/%Y"))


def prepared(frame: "pl.DataFrame", symbol: str) -> Reading:
    """Its bars, known at the close of New York's session; the adjusted close is left out."""
    reading = read(
        frame.drop("Adj Close"), stamp="close", zone="America/New_York", session_close="16:00", symbol=symbol
    )
    return Reading(
        reading.panel, (f"{symbol}: daily bars that the arch package ships", *reading.mapping), reading.findings
    )
