"""Policies: forecasts to target positions, each with the benchmark that it must beat."""

from candlewick.core.registry import Family
from candlewick.evaluate.policies._base import Policy

POLICIES = Family("candlewick.evaluate.policies", Policy)
