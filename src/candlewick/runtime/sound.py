"""Whether an exported model is one: what a file cannot be believed to say is derived from the specs and compared."""

from collections.abc import Mapping

import numpy as np

from candlewick.core.errors import DataError
from candlewick.models._base import Estimator, Network
from candlewick.models._heads import Classes, Gaussian, Head, Point, Quantile, Variance
from candlewick.runtime.exported import Exported

_MOST_OUTPUTS, _MOST_STATE, _MOST_WINDOW = 4096, 10_000_000, 10_000_000
"""Raw outputs; numbers that the features remember; numbers of a window."""

_ANSWERS: dict[str, tuple[type[Head], ...]] = {
    "number": (Point, Gaussian, Quantile), "variance": (Variance,), "classes": (Classes,),
}  # fmt: skip


def require_sound(exported: Exported) -> None:
    """Refuse a model whose arrays are not finite or do not fit its specs.

    Arrays of a network are held to the spec's count, layer by layer; whatever belongs to no layer is a constant of
    its module. An estimator makes one trial forecast.

    Raises:
        DataError: the first thing that is wrong.
    """
    _require_finite(exported)
    _require_sizes(exported)
    _require_scaler(exported.scaler, exported.features.width)
    if isinstance(exported.model, Network):
        _require_counted(exported, exported.model)
    else:
        assert isinstance(exported.model, Estimator)
        _require_forecast(exported, exported.model)


def _require_finite(exported: Exported) -> None:
    for name, array in exported.weights.items():
        _require(np.isfinite(array).all(), f"{name} holds values that are not finite")
    for precision, graph in exported.graphs.items():
        for name, array in graph.weights.items():
            # A mask that torch made a constant may hold an infinity; nothing that was fitted may.
            _require(not np.isnan(array).any(), f"{name} of the {precision} graph holds NaN")
    for name, array in exported.calibration.items():
        _require(array.shape == (1,) and bool(0 < array[0] < np.inf), f"{name} must be one positive number")
    scale = exported.scale
    _require(np.isfinite(scale.center) and 0 < scale.scale < np.inf, f"the label's units are {scale}")


def _require_sizes(exported: Exported) -> None:
    echo = exported.echo.features if exported.echo else ()
    state = sum(feature.state_size for feature in (*exported.features.features, *echo))
    window = exported.length * exported.features.width
    _require(exported.head.outputs <= _MOST_OUTPUTS, f"its head has {exported.head.outputs:,} outputs")
    _require(state <= _MOST_STATE, f"its features remember {state:,} numbers")
    _require(window <= _MOST_WINDOW, f"its windows hold {window:,} numbers")
    head, label = exported.head, exported.label
    _require(isinstance(head, _ANSWERS[label.kind]), f"its head {type(head).__name__} answers no {label.kind}")
    same = not isinstance(head, Classes) or head.classes == len(label.classes)
    _require(same, f"its label has the classes {label.classes}, its head another number")
    calibrations: dict[type[Head], set[str]] = {Classes: {"temperature"}, Gaussian: {"spread"}, Quantile: {"spread"}}
    named = exported.calibration.keys()
    _require(not named or named == calibrations.get(type(head), set()), f"it is calibrated by {', '.join(named)}")


def _require_scaler(scaler: Mapping[str, np.ndarray], width: int) -> None:
    expected = {
        "center": np.float64,
        "scale": np.float64,
        "clip": np.float64,
        "constant": np.bool_,
        "symbols": np.uint8,
    }
    found = {name: array.dtype for name, array in scaler.items()}
    _require(found == expected, f"its scaler has {found}")
    try:
        names = scaler["symbols"].tobytes().decode().split("\n") if scaler["symbols"].size else [""]
    except UnicodeDecodeError:
        names = []
    _require(len(names) == len(set(names)) > 0, "its scaler's symbols are no text of different names")
    shapes = {name: array.shape for name, array in scaler.items() if name != "symbols"}
    row = (len(names), width)
    _require(shapes == {"center": row, "scale": row, "clip": (1,), "constant": row}, f"its scaler has {shapes}")
    center, scale = scaler["center"], scaler["scale"]
    seen = ~np.isnan(center).any(axis=1)  # an instrument without training rows is NaN throughout
    sane = np.isfinite(center[seen]).all() and (scale[seen] > 0).all() and np.isfinite(scale[seen]).all()
    _require(bool(sane) and 0 < scaler["clip"][0] < np.inf, "its scaler's numbers are not finite and positive")


def _require_counted(exported: Exported, network: Network) -> None:
    _require("fp32" in exported.graphs, "a network without an fp32 graph")
    _require(network.streams or not exported.streams, "it streams, its spec does not")
    layers = network.count(exported.features.width, exported.head, exported.length)
    held = {layer.layer: 0 for layer in layers}
    for name, array in exported.weights.items():
        owners = [layer for layer in held if name.startswith(f"{layer}.") or name == layer]
        if owners:
            _require(array.dtype == np.float32, f"{name} must be float32, was {array.dtype}")
            held[max(owners, key=len)] += array.size
    for layer in layers:
        _require(
            held[layer.layer] == layer.parameters,
            f"{layer.layer} holds {held[layer.layer]:,} numbers, its spec counts {layer.parameters:,}",
        )


def _require_forecast(exported: Exported, model: Estimator) -> None:
    from candlewick.runtime.estimator_session import EstimatorSession

    _require(not exported.graphs and not exported.streams, "an estimator with a graph")
    try:
        model.require_sound(exported.weights, exported.features.width)
        lanes = EstimatorSession(exported).begin(1)
        lanes.echo[:] = exported.scale.center + exported.scale.scale
        lanes.step(1)
    except Exception as error:  # whatever a member makes of arrays that are not its own
        raise _refusal(f"it makes no forecast: {type(error).__name__}: {error}") from error
    _require(np.isfinite(lanes.raw).all(), "its forecast from features of zero is not finite")


def _require(fact: bool | np.bool_, otherwise: str) -> None:
    if not fact:
        raise _refusal(otherwise)


def _refusal(what: str) -> DataError:
    return DataError(
        f"the model is not sound: {what}. Its arrays must be finite and of the sizes its specs say. "
        "Export it again, or take it from where it came from."
    )
