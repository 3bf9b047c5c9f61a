"""Where bars come from."""

from candlewick.core.registry import Family
from candlewick.data.sources._base import Source

SOURCES = Family("candlewick.data.sources", Source)
