"""Equity and drawdown of every model beside the benchmark, net of costs."""

from typing import TYPE_CHECKING, Any

import numpy as np

from candlewick.evaluate.report import series
from candlewick.evaluate.report.chart import Chart, Picture, Trace, axis, dates, line, milliseconds
from candlewick.evaluate.report.markup import Markup
from candlewick.evaluate.report.material import BENCHMARK, Material

if TYPE_CHECKING:
    import polars as pl


def equity(material: Material) -> Markup:
    """The chart; empty where nothing was traded."""
    if material.tracks is None:
        return Markup("")
    traces: list[Trace] = []
    for name in sorted((*material.models, BENCHMARK), key=material.rank, reverse=True):
        own = _mean_track(material.tracks, name)
        pen = {"legendrank": material.rank(name), "legendgroup": name, "shown": material.of_note(name)}
        traces += _curves(name, own, material.colour(name), pen)
    layout = {
        "xaxis": dates(anchor="y2"),
        "yaxis": axis("equity, 1 at the start", domain=[0.36, 1]),
        "yaxis2": axis("drawdown, %", domain=[0, 0.28], rangemode="tozero"),
    }
    bars = len(own)
    told = (
        "Equity after fees, spread, slippage and financing, and below it how far it stands under its last high. A "
        "model's seeds hold equal shares, set anew at every bar. Tap a name to show or hide it."
    )
    if bars > series.POINTS:
        told += f" Of {bars:,} bars each line keeps the lowest and highest of every stretch."
    return Chart("Net of costs", told, {"": Picture(traces, layout)}, height=520).html()


def _mean_track(tracks: "pl.DataFrame", name: str) -> "pl.DataFrame":
    own = tracks.filter(tracks["model"] == name).select("t", "returns")
    return own.group_by("t").mean().sort("t")


def _curves(name: str, track: "pl.DataFrame", colour: str, look: dict[str, Any]) -> list[Trace]:
    t, equity = track["t"].to_numpy(), np.cumprod(1.0 + track["returns"].to_numpy())
    drawdown = 100 * (equity / np.maximum(np.maximum.accumulate(equity), 1.0) - 1.0)
    high, low = series.thinned(equity), series.thinned(drawdown)
    pen = {"line": {"color": colour, "width": 1.6, "dash": "dot" if name == BENCHMARK else "solid"}}
    return [
        line(name, milliseconds(t[high]), equity[high], colour, **look) | pen,
        line(name, milliseconds(t[low]), drawdown[low], colour, yaxis="y2", showlegend=False, **look) | pen,
    ]
