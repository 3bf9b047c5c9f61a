"""What the fits of a run took: memory and time, a line a model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_UNKNOWN = {"peak": 0, "grown": 0}


def resources(units: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By model, from the records of its units: most memory of a fit and where, median seconds of an epoch and a fit.

    Memory is that of the device which trained: bytes that torch took on a CUDA device, otherwise the largest resident
    memory of the process (`memory_bytes`) and what the fit added to it (`grown_bytes`). Epoch seconds are None for
    models that are fitted in one call.
    """
    models = dict.fromkeys(unit["model"] for unit in units)
    return {model: _of([unit for unit in units if unit["model"] == model]) for model in models}


def _of(units: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    # Units of a run that was begun by an older version have no such entry.
    largest = max(units, key=lambda unit: unit.get("memory", _UNKNOWN)["grown"])
    memory, device = largest.get("memory", _UNKNOWN), largest.get("device_bytes")
    epochs = [epoch["seconds"] for unit in units for epoch in unit.get("curve", [])]
    return {
        "device": largest.get("device", "cpu"),
        "memory_bytes": memory["peak"] if device is None else device,
        "grown_bytes": memory["grown"] if device is None else device,
        "epoch_seconds": float(np.median(epochs)) if epochs else None,
        "fit_seconds": float(np.median([unit["seconds"] for unit in units])),
    }
