"""Synthetic markets whose truth is known."""

from candlewick.core.registry import Family
from candlewick.data.synthetic._base import Market

MARKETS = Family("candlewick.data.synthetic", Market)
