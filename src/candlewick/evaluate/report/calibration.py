"""Calibration: whether what is forecast on average comes on average."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from candlewick.evaluate.report import series
from candlewick.evaluate.report.chart import Chart, Picture, Trace, axis, dots, line, whiskers
from candlewick.evaluate.report.forecast import scale_of
from candlewick.evaluate.report.markup import Markup, joined
from candlewick.evaluate.report.material import Material

if TYPE_CHECKING:
    import polars as pl

_BINS = 10
_INTERVAL = (
    f"Whiskers are 95 % intervals; rows within one of {series.CLUSTERS} spans of time may depend on one another."
)


def calibration(material: Material, means: Mapping[str, "pl.DataFrame"]) -> Markup:
    """Reliability of classes, deciles of numbers and variances, coverage of quantiles."""
    if material.kind == "classes":
        return _reliability(material, means).html()
    charts = [_deciles(material, means), _coverage(material, means)]
    return joined([chart.html() for chart in charts if chart is not None])


def _reliability(material: Material, means: Mapping[str, "pl.DataFrame"]) -> Chart:
    numbers = range(1, 2) if len(material.classes) == 2 else range(len(material.classes))
    pictures = {}
    for number in numbers:
        name = material.classes[number]
        traces = [_diagonal(np.array([0.0, 1.0]))]
        for model in material.models:
            frame = means[model]
            chance = frame[f"p{number}"].to_numpy()
            bins = series.equal_bins(chance, _BINS)
            hit = (frame["truth"].to_numpy() == number).astype(float)
            traces.append(_points(material, model, frame, bins, chance, hit))
        layout = {"xaxis": axis(f"stated probability of “{name}”"), "yaxis": axis(f"share of “{name}” that came")}
        pictures[name] = Picture(traces, _close_up(traces, layout))
    told = f"Rows in {_BINS} equal parts by stated probability (mean over seeds), and what came of each. {_INTERVAL}"
    return Chart("Reliability", told, pictures, "Class")


def _deciles(material: Material, means: Mapping[str, "pl.DataFrame"]) -> Chart:
    scale = scale_of(material.kind)
    traces = []
    for model in material.models:
        frame = means[model]
        value = frame["value"].to_numpy()
        bins = series.equal_bins(value, _BINS)
        traces.append(_points(material, model, frame, bins, value, frame["truth"].to_numpy(), root=scale.root))
    seen = np.concatenate([trace["x"][np.isfinite(trace["x"])] for trace in traces])
    diagonal = _diagonal(np.array([seen.min(), seen.max()]))
    layout = {"xaxis": scale.axis("mean forecast", seen), "yaxis": scale.axis("mean truth", seen)}
    told = f"Rows in {_BINS} equal parts by forecast (mean over seeds): the mean forecast and the mean truth of each. "
    if scale.root:
        told += "Means are of variances, shown as their square roots. "
    picture = Picture([diagonal, *traces], layout)
    return Chart("Deciles of the forecast against the truth", told + _INTERVAL, {"": picture})


def _coverage(material: Material, means: Mapping[str, "pl.DataFrame"]) -> Chart | None:
    traces: list[Trace] = []
    for model in material.models:
        frame = means[model]
        names = sorted((name for name in frame.columns if name[:1] == "q"), key=lambda name: float(name[1:]))
        if not names:
            continue
        truth, t = frame["truth"].to_numpy(), frame["t"].to_numpy()
        one_bin = np.zeros(len(frame), dtype=np.int64)
        below = [
            series.scores_in_bins(one_bin, (truth <= frame[name].to_numpy()).astype(float), t, 1) for name in names
        ]
        share, low, high = (np.concatenate(column) for column in zip(*below, strict=True))
        levels = np.array([float(name[1:]) for name in names])
        traces.append(
            dots(model, levels, share, material.colour(model), size=7, shown=material.of_note(model),
                 error_y=whiskers(low, share, high)) | {"mode": "lines+markers"}
        )  # fmt: skip
    if not traces:
        return None
    layout = {"xaxis": axis("quantile that was forecast"), "yaxis": axis("share of truths at or below it")}
    told = f"A well calibrated quantile of .9 has nine of ten truths at or below it. {_INTERVAL}"
    return Chart("Coverage of the quantiles", told, {"": Picture([_diagonal(np.array([0.0, 1.0])), *traces], layout)})


def _points(
    material: Material, model: str, frame: "pl.DataFrame", bins: np.ndarray, stated: np.ndarray, came: np.ndarray,
    *, root: bool = False,
) -> Trace:  # fmt: skip
    t = frame["t"].to_numpy()
    x, _, _ = series.scores_in_bins(bins, stated, t, _BINS)
    y, low, high = series.scores_in_bins(bins, came, t, _BINS)
    if root:
        x, y, low, high = (100 * np.sqrt(np.maximum(part, 0.0)) for part in (x, y, low, high))
    full = np.isfinite(x)
    return dots(
        model, x[full], y[full], material.colour(model), size=7, shown=material.of_note(model),
        error_y=whiskers(low[full], y[full], high[full]), legendrank=material.rank(model),
    ) | {"mode": "lines+markers"}  # fmt: skip


def _diagonal(ends: np.ndarray) -> Trace:
    return line("forecast = truth", ends, ends, "var(--truth)") | {
        "line": {"color": "var(--truth)", "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
    }


def _close_up(traces: list[Trace], layout: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Axes that show where the stated probabilities are; near one half of two classes that is a narrow strip."""
    x = np.concatenate([np.asarray(trace["x"]) for trace in traces[1:]])
    room = 0.02 + 0.05 * float(x.max() - x.min())
    layout["xaxis"]["range"] = [max(0.0, float(x.min()) - room), min(1.0, float(x.max()) + room)]
    seen = [trace for trace in traces[1:] if trace["visible"] is True]
    tops = np.concatenate([trace["y"] + np.nan_to_num(trace["error_y"]["array"]) for trace in seen])
    floors = np.concatenate([trace["y"] - np.nan_to_num(trace["error_y"]["arrayminus"]) for trace in seen])
    layout["yaxis"]["range"] = [max(0.0, float(floors.min()) - 0.03), min(1.0, float(tops.max()) + 0.03)]
    return layout
