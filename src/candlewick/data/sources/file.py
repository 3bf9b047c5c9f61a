"""A file of bars: CSV, Parquet or npz, gzip or not."""

from typing import Any, Literal

from pydantic import Field

from candlewick.data.aggregate import aggregate
from candlewick.data.bars import Panel
from candlewick.data.loading import load
from candlewick.data.read import Reading, read
from candlewick.data.sources._base import Source


class File(Source):
    """Bars of a file, read and checked by `data.read.read`."""

    path: str = Field(description="the file")
    stamp: Literal["open", "close"] | None = Field(None, description="whether a stamp is the bar's open or its close")
    zone: str | None = Field(None, description="zone of the stamps where they do not say: UTC, America/New_York")
    interval: str | None = Field(None, description="length of a bar; the median step where it is not given")
    session_close: str | None = Field(None, description="when a bar stamped with a date is known: '16:00'")
    symbol: str | None = Field(None, description="name of the only instrument, or the one to keep of several")
    on_error: Literal["refuse", "drop"] = Field("refuse", description="what happens to rows at fault")
    nonpositive: bool = Field(False, description="prices of zero and below are meant")
    adjust: bool = Field(False, description="scale prices by adjusted close / close")
    columns: dict[str, str] | None = Field(None, description="our name: the file's name, where it is not understood")
    aggregate: str | None = Field(None, description="length of the coarser bars to make of them")

    def raw(self) -> Any:
        """The file's table."""
        return load(self.path)

    def prepare(self, raw: Any) -> Reading:
        """The file's bars, made coarser where that is asked."""
        reading = read(raw, **self.model_dump(exclude={"path", "aggregate"}))
        return reading if self.aggregate is None else _coarser(reading, self.aggregate)


def _coarser(reading: Reading, interval: str) -> Reading:
    bars = tuple(aggregate(each, interval) for each in reading.panel.bars)
    unused = sum(int((fine.t > coarse.t[-1]).sum()) for fine, coarse in zip(reading.panel.bars, bars, strict=True))
    line = f"made into bars of {interval}; the newest {unused:,} finer bars do not fill one and are left out"
    return Reading(Panel(bars), (*reading.mapping, line), reading.findings)
