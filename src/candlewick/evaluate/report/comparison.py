"""A comparison: pairs of models, their differences, and what they cost."""

from collections.abc import Mapping
from typing import Any

from candlewick.evaluate.report.markup import Content, Markup, element, joined, number, span, table, words
from candlewick.evaluate.report.metrics import metric_table

_COST_UNITS = {
    "multiply_adds": "multiply-adds a row", "epochs_to_best": "epochs to the best",
    "seconds_to_best": "seconds to the best epoch", "fit_seconds": "seconds a fit", "forecast_us": "µs a forecast",
}  # fmt: skip


def comparison(found: Mapping[str, Any], *, metrics: bool) -> Markup:
    """Sentences, pairs, differences, confidence set and costs of `Comparison.to_dict()`; metric rows where asked."""
    sentences = element("div", [element("p", line) for line in found["sentences"]], class_="sentences")
    rows = metric_table(found["table"], title="Metrics, 95 % intervals", first=found["loss"]) if metrics else ""
    return joined(sentences, _pairs(found), _differences(found), rows, _costs(found))


def _pairs(found: Mapping[str, Any]) -> Markup:
    loss = words(found["loss"])
    head = [
        "pair",
        f"difference in loss ({loss})",
        "95 % interval",
        "Diebold-Mariano p",
        "SPA p",
        "real",
    ]
    rows: list[list[Content]] = [
        [
            _pair(pair), number(pair["loss"]["estimate"]), span(pair["loss"]["low"], pair["loss"]["high"]),
            number(pair["diebold_mariano"], digits=2), number(pair["superior"], digits=2),
            "yes" if pair["real"] else "not shown",
        ]
        for pair in found["pairs"]
    ]  # fmt: skip
    kept: list[list[Content]] = [
        [name, number(found["confidence"].get(name), digits=2), "kept" if name in found["best"] else "left out"]
        for name in found["names"]
    ]
    return joined(
        table(head, rows, title="Pairs: the first minus the second; the p-values are two-sided and one-sided"),
        table(["model", "p", "at 90 % confidence"], kept, title=f"Model confidence set by {loss}"),
    )


def _differences(found: Mapping[str, Any]) -> Markup:
    metrics = list(found["pairs"][0]["metrics"])
    units = {row["metric"]: "share" if str(row["units"]).startswith("share") else "" for row in found["table"]}
    rows: list[list[Content]] = [
        [words(metric), *(_difference(pair["metrics"][metric], units.get(metric, "")) for pair in found["pairs"])]
        for metric in metrics
    ]
    head = ["metric", *(_pair(pair) for pair in found["pairs"])]
    return table(head, rows, title="Paired differences of every metric, 95 % block-bootstrap intervals")


def _difference(interval: Mapping[str, Any], unit: str) -> Content:
    return [number(interval["estimate"], unit), element("small", span(interval["low"], interval["high"], unit))]


def _costs(found: Mapping[str, Any]) -> Markup:
    names = list(found["names"])
    costs = list(next(iter(found["costs"].values())))
    rows: list[list[Content]] = [
        [_COST_UNITS.get(cost, words(cost)), *(_cost(found["costs"][name][cost]) for name in names)] for cost in costs
    ]
    return table(["cost", *names], rows, title="What each model costs")


def _cost(value: float | None) -> Content:
    return "–" if value is None else number(value)


def _pair(pair: Mapping[str, Any]) -> str:
    return f"{pair['first']} − {pair['second']}"
