"""Metrics of several models side by side: a row a metric, a column a model."""

from collections.abc import Mapping, Sequence
from typing import Any

from candlewick.cli.show import table

_ARROWS = {"lower": "↓", "higher": "↑"}


def metric_table(rows: Sequence[Mapping[str, Any]], *, title: str, main: str | None = None) -> None:
    """Print scores of a run or a comparison, the arrow where better is; `main`, or every model, with its interval."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    found = {(row["metric"], row["model"]): row for row in rows}
    lines = []
    for metric in metrics:
        own = [found.get((metric, model)) for model in models]
        direction = next(row["direction"] for row in own if row)
        cells = [_cell(row, interval=main in (None, model)) for model, row in zip(models, own, strict=True)]
        lines.append([f"{_ARROWS[direction]} {metric.replace('_', ' ')}", *cells])
    table(("", *models), lines, title=title)


def _cell(row: Mapping[str, Any] | None, *, interval: bool) -> str:
    if row is None or row["score"] is None:
        return "-"
    found = row.get("interval")
    if not interval or not found or found["low"] is None or found["high"] is None:
        return f"{row['score']:.4g}"
    return f"{row['score']:.4g} [{found['low']:.4g}, {found['high']:.4g}]"
