"""How far the outcome depends on seed and stretch of history, and what the fits took beside what was predicted."""

from collections.abc import Mapping
from typing import Any

from candlewick.evaluate.report.markup import Content, Markup, breakable, element, joined, number, table

_MIB = 2**20
_PREDICTED = {
    "epoch_seconds": ("an epoch, s", 1.0),
    "fit_seconds": ("a fit, s", 1.0),
    "memory_bytes": ("memory, MiB", 1 / _MIB),
    "latency_p50_s": ("live p50, µs", 1e6),
    "latency_p99_s": ("live p99, µs", 1e6),
}


def stability(record: Mapping[str, Any]) -> Markup:
    """Spreads and resources of every model, predictions beside them; empty for a run that recorded neither."""
    if "stability" not in record:
        return Markup("")
    return joined(_spreads(record["stability"], record["resources"]), _predictions(record.get("plan", {})))


def _spreads(found: Mapping[str, Any], took: Mapping[str, Any]) -> Markup:
    columns: dict[str, list[Content]] = {
        "model": [breakable(model) for model in found["models"]],
        "over seeds": [_or_none(spread["over_seeds"], "share") for spread in found["models"].values()],
        "over folds": [_or_none(spread["over_folds"], "share") for spread in found["models"].values()],
        "memory, MiB": [number(took[model]["memory_bytes"] / _MIB, digits=3) for model in found["models"]],
        "added by the fit, MiB": [number(took[model]["grown_bytes"] / _MIB, digits=3) for model in found["models"]],
        "an epoch, s": [_or_none(took[model]["epoch_seconds"]) for model in found["models"]],
        "a fit, s": [number(took[model]["fit_seconds"], digits=3) for model in found["models"]],
    }
    note = (
        f"Standard deviation of skill over the best trivial forecast; the limit is {found['limit']:.0%}. Memory is "
        "the most that a process or its CUDA device held, and what the largest fit added to it; times are medians."
    )
    said = element("ul", [element("li", line) for line in found["sentences"]]) if found["sentences"] else None
    return joined(_filled(columns, "Spread of skill, and what the fits took"), element("p", note, class_="note"), said)


def _predictions(plan: Mapping[str, Any]) -> Markup:
    if "untold" in plan:
        return element("p", f"Nothing was predicted: {plan['untold']}.", class_="note")
    models = {model: figures for model, figures in plan.get("models", {}).items() if figures}
    columns: dict[str, list[Content]] = {"model": [breakable(model) for model in models]}
    for what, (title, scale) in _PREDICTED.items():
        columns[title] = [_beside(figures.get(what), scale) for figures in models.values()]
    return _filled(columns, "What was predicted, and below it what was measured") if models else Markup("")


def _beside(pair: Mapping[str, float] | None, scale: float) -> Content:
    if pair is None:
        return None
    return [
        number(pair["predicted"] * scale, digits=3),
        element("small", number(pair["measured"] * scale, digits=3)),
    ]


def _filled(columns: Mapping[str, list[Content]], title: str) -> Markup:
    """A table of the columns that say anything; a dash where a model has no figure."""
    kept = {head: cells for head, cells in columns.items() if any(cell is not None for cell in cells)}
    rows = [["–" if cell is None else cell for cell in row] for row in zip(*kept.values(), strict=True)]
    return table(list(kept), rows, title=title)


def _or_none(value: float | None, unit: str = "") -> Content:
    return None if value is None else number(value, unit, digits=3)
