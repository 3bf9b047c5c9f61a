"""How the models were trained: loss curves, gradient flow, and what each fit cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from candlewick.evaluate.report.chart import Chart, Picture, Trace, axis, line, log_axis
from candlewick.evaluate.report.markup import Content, Markup, joined, number, table
from candlewick.evaluate.report.material import Material


def training(material: Material) -> Markup:
    """Costs of every model, then the curves of those that are trained in epochs."""
    return joined(_costs(material), _curves(material))


def gradient_flow(flows: Sequence[Mapping[str, Any]]) -> Markup:
    """Norms per layer over the first steps of training, each mechanism on and off; empty without flows."""
    if not flows:
        return Markup("")
    steps = len(flows[0]["loss"])
    layers = axis("layer, in the network's order", type="category", tickangle=-35)
    by_layer = {
        "gradient norm": ("gradient", "norm, after clipping"),
        "change of weights": ("update", "norm, a step"),
    }
    pictures = {
        name: Picture(
            [_layers(flow, np.mean(flow[key], axis=0), k) for k, flow in enumerate(flows)],
            {"xaxis": layers, "yaxis": log_axis(title, *(np.ravel(flow[key]) for flow in flows))},
        )
        for name, (key, title) in by_layer.items()
    }
    lost = [_layers(flow, 100 * np.array(flow["lost"]), k) for k, flow in enumerate(flows) if any(flow["lost"])]
    if lost:
        pictures["lost to rounding"] = Picture(lost, {"xaxis": layers, "yaxis": axis("% of the way gone")})
    numbers = np.arange(1, steps + 1)
    pictures["loss by step"] = Picture(
        [_coloured(line(flow["title"], numbers, np.array(flow["loss"]), "", mode="lines+markers"), k)
         for k, flow in enumerate(flows)],
        {"xaxis": axis("step of training", dtick=1), "yaxis": axis("loss of the step's batch")},
    )  # fmt: skip
    told = (
        f"Means over the first {steps} steps of training on the first fold, from the same seed and with the same "
        "batches: as configured, and with one mechanism switched at a time. Gradients as the optimiser receives them."
    )
    return Chart("Norms by layer", told, pictures, "Show", 460).html()


def _layers(flow: Mapping[str, Any], values: np.ndarray, k: int) -> Trace:
    return _coloured(line(flow["title"], list(flow["layers"]), values, "", mode="lines+markers"), k)


def _coloured(trace: Trace, k: int) -> Trace:
    pen = {"color": f"var(--c{k % 8})", "width": 2.4 if k == 0 else 1.4}
    return trace | {"line": pen, "marker": {"size": 5 if k else 7}}


def _curves(material: Material) -> Markup:
    pictures = {}
    for model in material.models:
        trained = [unit for unit in material.units(model) if unit.get("curve")]
        for fold in dict.fromkeys(unit["fold"] for unit in trained):
            name = f"{model}, fold {fold}"
            pictures[name] = _fold_curves([unit for unit in trained if unit["fold"] == fold])
    told = (
        "Mean loss of each epoch: validation as a line, training (dropout on) dotted, one colour a seed. "
        "The marked epoch has the lowest validation loss; its weights are the ones that forecast."
    )
    return Chart("Loss curves", told, pictures, "Model and fold").html() if pictures else Markup("")


def _fold_curves(units: Sequence[Mapping[str, Any]]) -> Picture:
    traces: list[Trace] = []
    for k, unit in enumerate(units):
        colour, curve, best = f"var(--c{k % 8})", unit["curve"], unit["best_epoch"]
        epochs = np.array([epoch["number"] for epoch in curve])
        seed = f"seed {unit['seed']}"
        losses = {
            key: np.array([np.nan if epoch[key] is None else epoch[key] for epoch in curve])
            for key in ("validation_loss", "train_loss")
        }
        thin = {"line": {"color": colour, "width": 1.2, "dash": "dot"}}
        traces.append(line(f"{seed}, training", epochs, losses["train_loss"], colour) | thin)
        looked_at = "validation_loss" if np.isfinite(losses["validation_loss"]).all() else "train_loss"
        if looked_at == "validation_loss":
            traces.append(line(f"{seed}, validation", epochs, losses["validation_loss"], colour))
        mark = {"color": colour, "size": 9, "symbol": "diamond"}
        traces.append(
            {"type": "scatter", "mode": "markers", "name": f"{seed}, best epoch", "x": [best], "marker": mark,
             "y": losses[looked_at][epochs == best], "showlegend": False}
        )  # fmt: skip
    return Picture(traces, {"xaxis": axis("epoch", tickformat="d"), "yaxis": axis("loss that is trained on")})


def _costs(material: Material) -> Markup:
    head = ["model", "parameters", "multiply-adds a row", "fits", "training rows a fit", "epochs to the best",
            "seconds a fit", "µs a forecast, in bulk"]  # fmt: skip
    rows: list[list[Content]] = []
    for model in material.models:
        units = material.units(model)
        epochs = [unit["best_epoch"] for unit in units if unit.get("curve")]
        rows.append([
            model, number(units[0]["parameters"]), number(units[0]["multiply_adds"]), number(len(units)),
            _range([unit["train_rows"] for unit in units]), number(float(np.mean(epochs))) if epochs else "–",
            number(float(np.mean([unit["seconds"] for unit in units]))),
            number(float(np.mean([unit["forecast_us_per_row"] for unit in units]))),
        ])  # fmt: skip
    return table(head, rows, title="What each model cost; times are means over fits, on the machine named below")


def _range(values: Sequence[int]) -> Content:
    low, high = min(values), max(values)
    return number(low) if low == high else joined(number(low), " to ", number(high))
