"""Splits: which rows are trained on and which are tested, cut in time across all instruments at once."""

from candlewick.core.registry import Family
from candlewick.samples.splits._base import Split

SPLITS = Family("candlewick.samples.splits", Split)
