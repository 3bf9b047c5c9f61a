"""The report: one HTML file that opens offline."""

from candlewick.evaluate.report.document import comparison_page, page

__all__ = ["comparison_page", "page"]
