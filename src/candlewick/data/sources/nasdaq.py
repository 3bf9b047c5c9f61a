"""Nasdaq Composite, daily, 1999 to 2018, as the arch package ships it."""

from typing import Any

from candlewick.data.read import Reading
from candlewick.data.sources._arch import bundled, prepared
from candlewick.data.sources._base import Source


class Nasdaq(Source):
    """5,031 daily bars of the index with volume; a bar is known at 16:00 in New York."""

    def raw(self) -> Any:
        """The frame in the package."""
        return bundled("nasdaq")

    def prepare(self, raw: Any) -> Reading:
        """The index's bars."""
        return prepared(raw, "NASDAQ")
