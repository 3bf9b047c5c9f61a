"""Folds: which spans trained, stopped and judged, and what was purged and embargoed between them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from candlewick.evaluate.report.chart import Chart, Picture, Trace, axis, dates
from candlewick.evaluate.report.markup import Content, Markup, joined, number, table
from candlewick.evaluate.report.setting import day

_ROLES = {"train": ("training", "var(--c0)"), "validation": ("validation", "var(--c2)"), "test": ("test", "var(--c1)")}


def folds(found: Sequence[Mapping[str, Any]]) -> Markup:
    """A time line and a table."""
    head = ["fold", *(part for name, _ in _ROLES.values() for part in (name, "rows")), "purged", "embargoed"]
    rows: list[list[Content]] = []
    for fold in found:
        cells: list[Content] = []
        for role in _ROLES:
            cells += [_days(fold[role]), number(fold[role]["rows"])]
        rows.append([f"fold {fold['fold']}", *cells, number(fold["purged"]), number(fold["embargoed"])])
    return joined(_time_line(found).html(), table(head, rows, title="Folds; rows of all instruments"))


def _time_line(found: Sequence[Mapping[str, Any]]) -> Chart:
    names = [f"fold {fold['fold']}" for fold in found]
    traces: list[Trace] = []
    for role, (name, colour) in _ROLES.items():
        own = [(label, fold[role]) for label, fold in zip(names, found, strict=True) if fold[role]["rows"]]
        starts = [_ms(part["first"]) for _, part in own]
        traces.append({
            "type": "bar", "orientation": "h", "name": name, "y": [label for label, _ in own], "base": starts,
            "x": [_ms(part["last"]) - start for (_, part), start in zip(own, starts, strict=True)],
            "marker": {"color": colour}, "width": 0.62,
            "hovertext": [f"{name}: {_days(part)}, {part['rows']:,} rows" for _, part in own], "hoverinfo": "text",
        })  # fmt: skip
    layout = {
        "barmode": "overlay", "xaxis": dates(), "hovermode": "closest",
        "yaxis": axis("", autorange="reversed", type="category"),
    }  # fmt: skip
    told = (
        "First to last row of each role. Training rows whose label reaches into the test rows are purged; "
        "those after it are embargoed while their window reaches back into it."
    )
    return Chart("Folds over time", told, {"": Picture(traces, layout)}, height=130 + 30 * len(names))


def _days(part: Mapping[str, Any]) -> str:
    return f"{day(part['first'])} to {day(part['last'])}" if part["rows"] else "–"


def _ms(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp() * 1000)
