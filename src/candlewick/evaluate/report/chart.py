"""A chart as plain data: what the page's own script hands to plotly, one picture for each choice."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from candlewick.evaluate.report.markup import Markup, element

Trace = dict[str, Any]


@dataclass(frozen=True)
class Picture:
    """Traces and axes, as plotly's `data` and `layout`. Colours are the style sheet's: `var(--c0)`."""

    traces: Sequence[Trace]
    layout: Mapping[str, Any]


@dataclass(frozen=True)
class Chart:
    """A titled chart.

    Attributes:
        title: what it shows.
        told: the same in a sentence or two, for those who cannot see it and those who want to know how it was made.
        pictures: what can be chosen, the first one shown; a single one needs no name.
        choice: what is chosen, such as `Instrument`.
        height: pixels.
    """

    title: str
    told: str
    pictures: Mapping[str, Picture]
    choice: str = ""
    height: int = 380

    def html(self) -> Markup:
        """A figure with the chart's data beside it; the script in `charts.js` draws it."""
        chosen = ""
        if len(self.pictures) > 1:
            options = [element("option", name, value=str(k)) for k, name in enumerate(self.pictures)]
            chosen = element("label", self.choice, " ", element("select", options, autocomplete="off"))
        data = [{"data": p.traces, "layout": p.layout} for p in self.pictures.values()]
        return element(
            "figure",
            element("figcaption", element("h3", self.title), element("p", self.told)),
            chosen,
            element("div", "", class_="plot", role="img", aria_label=f"{self.title}. {self.told}",
                    style=f"height:{self.height}px"),
            Markup(f'<script type="application/json">{embedded(data)}</script>'),
            class_="chart",
        )  # fmt: skip


def embedded(data: Any) -> str:
    """JSON that can stand in a script element: six digits a number, NaN as null, texts harmless to plotly and HTML."""
    text = json.dumps(_lean(data), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def line(name: str, x: Any, y: Any, colour: str, *, shown: bool = True, **more: Any) -> Trace:
    """A line; one that is not shown waits in the legend."""
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": {"color": colour, "width": 1.6},
        "visible": True if shown else "legendonly", **more,
    }  # fmt: skip


def dots(name: str, x: Any, y: Any, colour: str, *, size: float = 4, shown: bool = True, **more: Any) -> Trace:
    """Points."""
    marker = {"color": colour, "size": size, "line": {"width": 0}}
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": x, "y": y, "marker": marker,
        "visible": True if shown else "legendonly", **more,
    }  # fmt: skip


def whiskers(low: np.ndarray, middle: np.ndarray, high: np.ndarray) -> dict[str, Any]:
    """plotly's error bars from interval ends."""
    return {"type": "data", "symmetric": False, "array": high - middle, "arrayminus": middle - low, "thickness": 1}


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with its title."""
    return {"title": {"text": title}, **more}


def log_axis(title: str, *values: Any) -> dict[str, Any]:
    """A logarithmic axis, marked at 1, 2 and 5 of each power of ten; at the powers alone where `values` span many."""
    seen = np.concatenate([np.asarray(part, dtype=float) for part in values])
    seen = seen[seen > 0]
    if not len(seen) or seen.max() < 10 * seen.min():
        return axis(title, type="log", tickformat="~g")  # plotly marks a short one well
    low, high = np.floor(np.log10([seen.min(), seen.max()])).astype(int)
    digits = (1, 2, 5) if high - low < 3 else (1,)
    ticks = [digit * 10.0**power for power in range(low, high + 2) for digit in digits]
    return axis(title, type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])


def dates(**more: Any) -> dict[str, Any]:
    """An axis of time, UTC."""
    return {"type": "date", **more}


def milliseconds(t: Any) -> np.ndarray:
    """int64 milliseconds, plotly's numbers for dates, of nanosecond stamps."""
    return np.asarray(t, dtype=np.int64) // 1_000_000


def _lean(data: Any) -> Any:
    if isinstance(data, np.ndarray):
        return _lean(data.tolist())
    if isinstance(data, Mapping):
        return {str(key): _lean(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_lean(value) for value in data]
    if isinstance(data, float):
        return float(f"{data:.6g}") if math.isfinite(data) else None
    # plotly reads its texts as a small HTML of its own.
    return escape(data, quote=False) if isinstance(data, str) else data
