"""Nasdaq Composite, daily, 1999 to 2018, as the arch package ships it."""

from candlewick.data.read import Reading
from candlewick.data.sources._arch import bundled
from candlewick.data.sources._base import Source


class Nasdaq(Source):
    """5,031 daily bars of the index with volume; a bar is known at 16:00 in New York."""

    def read(self) -> Reading:
        """The index's bars."""
        return bundled("nasdaq", "NASDAQ")
