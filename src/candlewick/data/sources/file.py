"""A file of bars: CSV, Parquet or npz, gzip or not."""

from typing import Any, Literal

from pydantic import Field

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
    columns: dict[str, str] | None = Field(None, description="our name: the file's name, where it is not understood")

    def raw(self) -> Any:
        """The file's table."""
        return load(self.path)

    def prepare(self, raw: Any) -> Reading:
        """The file's bars."""
        return read(raw, **self.model_dump(exclude={"path"}))
