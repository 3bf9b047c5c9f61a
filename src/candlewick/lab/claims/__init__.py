"""The figures this project set out from, each measured on the machine at hand."""

from candlewick.lab.claims.page import page
from candlewick.lab.claims.run import QUESTIONS, Claims, claims

__all__ = ["QUESTIONS", "Claims", "claims", "page"]
