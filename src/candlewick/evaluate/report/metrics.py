"""Metric tables: a row a model, a column a metric, each with its interval and spread."""

from collections.abc import Mapping, Sequence
from typing import Any

from candlewick.evaluate.report.markup import Content, Markup, breakable, element, joined, number, span, table, words
from candlewick.evaluate.report.material import BENCHMARK


def metric_table(
    rows: Sequence[Mapping[str, Any]], *, title: str, first: str = "", main: str = "", trivial: Sequence[str] = ()
) -> Markup:
    """All metrics of all models; `first` is the metric to begin with, and trivial models are marked."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    metrics = sorted(dict.fromkeys(row["metric"] for row in rows), key=lambda metric: metric != first)
    found = {(row["model"], row["metric"]): row for row in rows}
    sample = {row["metric"]: row for row in rows}
    rated = [row for row in rows if row["model"] != BENCHMARK]
    best = {metric: _best([row for row in rated if row["metric"] == metric]) for metric in metrics}
    head: list[Content] = ["model", *(_head(sample[metric], loss=metric == first) for metric in metrics)]
    body: list[list[Content]] = [
        [_model(model, main, trivial), *(_cell(found.get((model, metric)), best[metric]) for metric in metrics)]
        for model in models
    ]
    return table(head, body, title=title)


def unit_of(row: Mapping[str, Any]) -> str:
    """The unit of a metric's figures as a column head says it."""
    unit = str(row["units"])
    if unit.startswith("share"):
        return "%" + unit.removeprefix("share")
    return {"none": "", "label": "label's units"}.get(unit, unit)


def _head(row: Mapping[str, Any], *, loss: bool) -> Markup:
    parts = [unit_of(row), f"{row['direction']} is better", "the loss" if loss else ""]
    return joined(words(row["metric"]), element("small", ", ".join(part for part in parts if part)))


def _model(name: str, main: str, trivial: Sequence[str]) -> Markup:
    mark = "main" if name == main else "trivial" if name in trivial else ""
    return joined(breakable(name), element("small", mark) if mark else "")


def _best(rows: Sequence[Mapping[str, Any]]) -> float | None:
    scores = [row["score"] for row in rows if row["score"] is not None]
    if not scores or min(scores) == max(scores):
        return None
    return float(min(scores) if rows[0]["direction"] == "lower" else max(scores))


def _cell(row: Mapping[str, Any] | None, best: float | None) -> Content:
    if row is None:
        return "–"
    unit = "share" if str(row["units"]).startswith("share") else ""
    score = number(row["score"], unit)
    if row["score"] is None:
        return score
    interval = row["interval"]
    spread = [
        element("small", f"{over} ±", number(row[f"over_{over}"], unit, digits=3))
        for over in ("seeds", "folds")
        if row[f"over_{over}"] is not None
    ]
    return [
        element("strong", score, title="best of its column") if row["score"] == best else score,
        element("small", span(interval["low"], interval["high"], unit)),
        spread,
    ]
