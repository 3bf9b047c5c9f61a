"""How far the outcome depends on seed and stretch of history, and what the fits took."""

from collections.abc import Mapping
from typing import Any

from candlewick.evaluate.report.markup import Content, Markup, element, joined, number, table

_MIB = 2**20


def stability(record: Mapping[str, Any]) -> Markup:
    """One row a model, then a sentence for each that exceeds the limit; empty for a run that recorded neither."""
    if "stability" not in record:
        return Markup("")
    found, took = record["stability"], record["resources"]
    head = ["model", "over seeds", "over folds", "memory, MiB", "added by the fit, MiB", "seconds an epoch",
            "seconds a fit"]  # fmt: skip
    rows: list[list[Content]] = [
        [
            model, _share(spread["over_seeds"]), _share(spread["over_folds"]),
            number(took[model]["memory_bytes"] / _MIB), number(took[model]["grown_bytes"] / _MIB),
            _or_dash(took[model]["epoch_seconds"]), number(took[model]["fit_seconds"]),
        ]
        for model, spread in found["models"].items()
    ]  # fmt: skip
    note = (
        f"Standard deviation of skill over the best trivial forecast; the limit is {found['limit']:.0%}. Memory is "
        "the most that a process or its CUDA device held, and what the largest fit added to it; times are medians."
    )
    said = element("ul", [element("li", line) for line in found["sentences"]]) if found["sentences"] else None
    title = "Spread of skill, and what the fits took"
    return joined(table(head, rows, title=title), element("p", note, class_="note"), said)


def _share(value: float | None) -> Content:
    return "–" if value is None else number(value, "share")


def _or_dash(value: float | None) -> Content:
    return "–" if value is None else number(value)
