"""The leak firewall: every way in which the future could reach a forecast, tried on the user's own configuration."""

from candlewick.lab.audit.report import KINDS, AuditReport, Check, Cost
from candlewick.lab.audit.run import audit, quick_checks

__all__ = ["KINDS", "AuditReport", "Check", "Cost", "audit", "quick_checks"]
