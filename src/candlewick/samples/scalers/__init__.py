"""Scalers: features in comparable units, fitted on training rows and on nothing else."""

from candlewick.core.registry import Family
from candlewick.samples.scalers._base import Scaler

SCALERS = Family("candlewick.samples.scalers", Scaler)
