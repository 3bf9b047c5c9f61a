"""Folds: which spans trained, stopped and judged, and what was purged and embargoed between them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from candlewick.core.clock import iso
from candlewick.evaluate.report.chart import Chart, Picture, Trace, axis, dates
from candlewick.evaluate.report.markup import Content, Markup, joined, number, table
from candlewick.evaluate.report.setting import day

if TYPE_CHECKING:
    import polars as pl

_ROLES = {"train": ("training", "var(--c0)"), "validation": ("validation", "var(--c2)"), "test": ("test", "var(--c1)")}


def folds(found: Sequence[Mapping[str, Any]], forecasts: "pl.DataFrame") -> Markup:
    """A time line and a table; the forecasts say which stretches of time each fold tested."""
    head = ["fold", *(part for name, _ in _ROLES.values() for part in (name, "rows")), "purged", "embargoed"]
    rows: list[list[Content]] = []
    for fold in found:
        cells: list[Content] = []
        for role in _ROLES:
            cells += [_days(fold[role]), number(fold[role]["rows"])]
        rows.append([f"fold {fold['fold']}", *cells, number(fold["purged"]), number(fold["embargoed"])])
    return joined(_time_line(found, forecasts).html(), table(head, rows, title="Folds; rows of all instruments"))


def _time_line(found: Sequence[Mapping[str, Any]], forecasts: "pl.DataFrame") -> Chart:
    names = [f"fold {fold['fold']}" for fold in found]
    spans = {
        role: [(name, _ms(fold[role]["first"]), _ms(fold[role]["last"]))
               for name, fold in zip(names, found, strict=True) if fold[role]["rows"]]
        for role in ("train", "validation")
    }  # fmt: skip
    spans["test"] = [(f"fold {fold}", *ends) for fold, ends in _tested(forecasts)]
    traces = [_bars(*_ROLES[role], own) for role, own in spans.items()]
    layout = {
        "barmode": "overlay", "xaxis": dates(), "hovermode": "closest",
        "yaxis": axis("", autorange="reversed", type="category", categoryorder="array", categoryarray=names),
    }  # fmt: skip
    told = (
        "First to last row of training and validation, and what was tested, drawn above them. Training rows whose "
        "label reaches into the test rows are purged; those after it are embargoed while their window reaches back."
    )
    return Chart("Folds over time", told, {"": Picture(traces, layout)}, height=130 + 30 * len(names))


def _bars(name: str, colour: str, spans: Sequence[tuple[str, int, int]]) -> Trace:
    return {
        "type": "bar", "orientation": "h", "name": name, "y": [fold for fold, _, _ in spans],
        "base": [first for _, first, _ in spans], "x": [last - first for _, first, last in spans],
        "marker": {"color": colour}, "width": 0.62,
        "hovertext": [f"{name}: {_date(first)} to {_date(last)}" for _, first, last in spans], "hoverinfo": "text",
    }  # fmt: skip


def _tested(forecasts: "pl.DataFrame") -> Iterator[tuple[int, tuple[int, int]]]:
    """Every fold's stretches of test times, without those that lie between them."""
    one = forecasts.filter(forecasts["model"] == forecasts["model"][0])
    times = one["t"].unique().sort().to_numpy()
    for fold in one["fold"].unique().sort().to_list():
        own = np.searchsorted(times, one.filter(one["fold"] == fold)["t"].unique().sort().to_numpy())
        for part in np.split(own, np.flatnonzero(np.diff(own) > 1) + 1):
            yield fold, (int(times[part[0]]) // 10**6, int(times[part[-1]]) // 10**6)


def _days(part: Mapping[str, Any]) -> str:
    return f"{day(part['first'])} to {day(part['last'])}" if part["rows"] else "–"


def _date(milliseconds: int) -> str:
    return day(iso(milliseconds * 10**6))


def _ms(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp() * 1000)
