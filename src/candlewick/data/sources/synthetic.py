"""A synthetic market whose truth is known."""

from typing import Any

from pydantic import Field, field_validator

from candlewick.data.bars import Panel
from candlewick.data.read import Reading
from candlewick.data.sources._base import Source
from candlewick.data.synthetic import MARKETS


class Synthetic(Source):
    """Bars of a member of `data.synthetic`, made anew each time from its seed."""

    market: dict[str, Any] = Field({"name": "clustered"}, description="the market, by name or with its parameters")
    bars: int = Field(4000, ge=2, description="how many bars")
    seed: int = Field(0, ge=0, description="seed of the market")
    symbol: str = Field("SYN", min_length=1, description="name of the instrument")

    @field_validator("market", mode="before")
    @classmethod
    def _complete(cls, entry: Any) -> dict[str, Any]:
        return MARKETS.build(entry).to_dict()

    def raw(self) -> Panel:
        """The market's bars."""
        return Panel((MARKETS.build(self.market).bars(self.bars, self.seed, self.symbol),))

    def prepare(self, raw: Panel) -> Reading:
        """The same bars: nothing is done to them."""
        line = f"{self.bars} bars of the synthetic market {self.market['name']}, seed {self.seed}"
        return Reading(raw, (line,), ())
