"""What trading costs, and at which price an order is filled."""

from typing import Literal

from pydantic import Field

from candlewick.core.spec import Spec

Fill = Literal["next_open", "next_close"]

REPEATED_OPENS_LIMIT = 0.10
"""Above this share of opens that repeat the previous close, the open is no price of its own."""


class Costs(Spec):
    """Costs of a trade in basis points of the traded notional, the yearly price of borrowing, and the fill.

    >>> Costs(fee=1.0, half_spread=0.5, slippage=0.5).rate
    0.0002
    """

    fee: float = Field(1.0, ge=0, le=1000, description="exchange and broker fees, basis points of traded notional")
    half_spread: float = Field(0.5, ge=0, le=1000, description="half of the bid-ask spread, basis points of price")
    slippage: float = Field(0.5, ge=0, le=1000, description="price move while the order is filled, basis points")
    financing: float = Field(0.0, ge=0, le=1, description="yearly rate paid on borrowed money and on short notional")
    fill: Literal["auto", "next_open", "next_close"] = Field(
        "auto",
        description="which price of the next bar fills an order; auto: its open where that is a price of its own",
    )

    @property
    def rate(self) -> float:
        """Cost of trading a notional of 1."""
        return (self.fee + self.half_spread + self.slippage) * 1e-4

    def fill_for(self, repeated_opens: float) -> Fill:
        """The fill for bars in which this share (0 .. 1) of opens repeat the previous close.

        An open equal to the last close was known when the decision was made: filling there is filling on the bar that
        decided. Above 10 % the automatic fill is the next close. Give 1.0 for bars without opens.

        >>> Costs().fill_for(0.02), Costs().fill_for(0.4)
        ('next_open', 'next_close')
        """
        if self.fill != "auto":
            return self.fill
        return "next_close" if repeated_opens > REPEATED_OPENS_LIMIT else "next_open"
