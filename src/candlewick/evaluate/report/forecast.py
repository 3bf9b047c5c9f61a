"""Forecast against truth: over time, and one against the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from candlewick.evaluate.report import series
from candlewick.evaluate.report.chart import Chart, Picture, Trace, axis, dates, dots, line, log_axis, milliseconds
from candlewick.evaluate.report.markup import Markup, joined
from candlewick.evaluate.report.material import Material

if TYPE_CHECKING:
    import polars as pl

_INSTRUMENTS = 6
_SCATTER = 2000


@dataclass(frozen=True)
class Scale:
    """The units in which a chart shows a label; variances are shown as volatilities, which people know."""

    root: bool

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Label units to those of the axis."""
        return 100 * np.sqrt(np.maximum(values, 0.0)) if self.root else values

    def axis(self, what: str, *values: np.ndarray) -> dict[str, Any]:
        """An axis for `values` in its units, logarithmic for volatilities."""
        return log_axis(f"{what}, %", *values) if self.root else axis(what, tickformat="~g")


def scale_of(kind: str) -> Scale:
    """The scale for a kind of label."""
    return Scale(root=kind == "variance")


def against_truth(material: Material, means: Mapping[str, "pl.DataFrame"]) -> Markup:
    """The charts; `means` are `series.averaged` forecasts of each model."""
    over_time = _classes_over_time if material.kind == "classes" else _over_time
    present = set(means[material.main]["symbol"].unique())
    symbols = [one["symbol"] for one in material.record["data"]["instruments"] if one["symbol"] in present]
    pictures = {symbol: over_time(material, means, symbol) for symbol in symbols[:_INSTRUMENTS]}
    rows = max((means[material.main]["symbol"] == symbol).sum() for symbol in pictures)
    told = [
        _TOLD[material.kind].format(last=_last_class(material)),
        f"Each point is the mean of {2 * rows / series.ROWS:.0f} rows or so." if rows > series.ROWS else "",
        f"The first {_INSTRUMENTS} of {len(symbols)} instruments." if len(symbols) > _INSTRUMENTS else "",
    ]
    first = Chart("Over time", " ".join(filter(None, told)), pictures, "Instrument", 420)
    return joined(first.html(), "" if material.kind == "classes" else _scatter(material, means).html())


_TOLD = {
    "variance": "Out-of-sample forecasts (lines, mean over seeds) and what came (dots), by the time of the forecast. "
    "Square roots of the variances, in percent a bar.",
    "number": "Out-of-sample forecasts (lines, mean over seeds) and what came (dots), by the time of the forecast. "
    "In the label's own units.",
    "classes": "Stated probability of “{last}” (mean over seeds), and its share among the labels around each time.",
}


def _over_time(material: Material, means: Mapping[str, "pl.DataFrame"], symbol: str) -> Picture:
    scale = scale_of(material.kind)
    main = _of(means[material.main], symbol)
    t, truth = series.condensed(main["t"].to_numpy(), main["truth"].to_numpy())
    truth = scale(truth)
    if scale.root:
        truth = np.where(truth > 0, truth, np.nan)  # a logarithm has no place for them
    traces = [dots("truth", milliseconds(t), truth, "var(--truth)", size=3.5, opacity=0.7)]
    traces += _band(main, scale)
    traces += _lines(material, {model: _of(means[model], symbol) for model in material.drawn}, "value", scale)
    return Picture(traces, {"xaxis": dates(), "yaxis": scale.axis("volatility" if scale.root else "label", truth)})


def _classes_over_time(material: Material, means: Mapping[str, "pl.DataFrame"], symbol: str) -> Picture:
    last = f"p{len(material.classes) - 1}"
    main = _of(means[material.main], symbol)
    t, hit = main["t"].to_numpy(), (main["truth"].to_numpy() == len(material.classes) - 1).astype(float)
    window = min(len(hit), max(20, len(hit) // 40))
    share = np.convolve(hit, np.ones(window) / window, mode="valid")
    middle = t[window // 2 : window // 2 + len(share)]
    x, y = series.broken(*series.condensed(middle, share))
    name = f"share of “{_last_class(material)}” among {window} labels"
    traces = [line(name, milliseconds(x), y, "var(--truth)")]
    traces += _lines(material, {model: _of(means[model], symbol) for model in material.drawn}, last, Scale(root=False))
    return Picture(traces, {"xaxis": dates(), "yaxis": axis(f"probability of “{_last_class(material)}”")})


def _lines(material: Material, frames: Mapping[str, "pl.DataFrame"], column: str, scale: Scale) -> list[Trace]:
    traces = []
    for model, own in frames.items():
        t, value = series.condensed(own["t"].to_numpy(), own[column].to_numpy())
        x, y = series.broken(t, scale(value))
        traces.append(
            line(model, milliseconds(x), y, material.colour(model),
                 shown=material.of_note(model), legendrank=material.rank(model))
        )  # fmt: skip
    return traces


def _scatter(material: Material, means: Mapping[str, "pl.DataFrame"]) -> Chart:
    scale = scale_of(material.kind)
    pictures = {}
    for model in material.models:
        frame = means[model]
        kept = np.unique(np.linspace(0, len(frame) - 1, min(len(frame), _SCATTER)).astype(np.int64))
        value, truth = (scale(frame[name].to_numpy()[kept]) for name in ("value", "truth"))
        seen = (value > 0) & (truth > 0) if scale.root else np.ones(len(kept), dtype=bool)
        # Forecasts of returns vary far less than returns: the line goes as far as they do.
        across = np.concatenate([value[seen], truth[seen]]) if scale.root else value
        ends = np.array([across.min(), across.max()]) if len(across) else np.empty(0)
        traces = [
            dots(model, value[seen], truth[seen], material.colour(model), opacity=0.45),
            line("forecast = truth", ends, ends, "var(--truth)"),
        ]
        pictures[model] = Picture(
            traces, {"xaxis": scale.axis("forecast", across), "yaxis": scale.axis("truth", across)}
        )
    rows = len(means[material.main])
    some = f"{_SCATTER:,} of {rows:,}, evenly spaced" if rows > _SCATTER else f"all {rows:,}"
    told = f"Out-of-sample rows ({some}), forecasts as means over seeds."
    return Chart("Forecast and what came", told, pictures, "Model")


def _band(main: "pl.DataFrame", scale: Scale) -> list[Trace]:
    levels = sorted((name for name in main.columns if name[:1] == "q"), key=lambda name: float(name[1:]))
    if len(levels) < 2:
        return []
    edges = (main[level].to_numpy() for level in (levels[0], levels[-1]))
    t, low, high = series.condensed(main["t"].to_numpy(), *edges)
    t = milliseconds(t)
    between = f"quantiles {levels[0][1:]} to {levels[-1][1:]}"
    look = {"line": {"width": 0}, "legendgroup": "band", "fillcolor": "var(--band)"}
    return [
        line(between, t, scale(low), "var(--band)", showlegend=False, hoverinfo="skip") | look,
        line(between, t, scale(high), "var(--band)", fill="tonexty") | look,
    ]


def _of(frame: "pl.DataFrame", symbol: str) -> "pl.DataFrame":
    return frame.filter(frame["symbol"] == symbol)


def _last_class(material: Material) -> str:
    return material.classes[-1] if material.classes else ""
