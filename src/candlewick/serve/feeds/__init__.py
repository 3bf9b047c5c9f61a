"""Where live bars come from: each feed runs in a process of its own and posts closed bars to a server."""

from candlewick.core.registry import Family
from candlewick.serve.feeds._base import Answered, Feed, World, rest

__all__ = ["FEEDS", "Answered", "Feed", "World", "rest"]

FEEDS = Family("candlewick.serve.feeds", Feed)
