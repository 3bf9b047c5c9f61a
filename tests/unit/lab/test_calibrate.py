"""Confidence is fitted on validation rows, judged on test rows, and served as it was judged."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from candlewick.core.errors import ConfigError
from candlewick.lab.experiment import Experiment
from candlewick.lab.export import FIGURES, MODEL, TOLERANCE
from candlewick.lab.run import run
from candlewick.runtime import store

Make = Callable[..., Experiment]

DIRECTION = {
    "data": {"name": "synthetic", "market": {"name": "iid"}, "bars": 900, "seed": 2},
    "features": [{"name": "log_return", "length": 1}, {"name": "log_return", "length": 5}],
    "label": {"name": "direction", "horizon": 1},
    "model": {"name": "lstm", "layers": 1, "hidden": 16, "dropout": 0.0},
    "train": {"sampling": "windows", "epochs": 8, "batch": 16, "learning_rate": 1e-2, "patience": None},
    "baselines": ["linear"], "policy": None, "length": 8, "seeds": [0],
}  # fmt: skip


def log_loss(folder: Path) -> float:
    rows = run_forecasts(folder)
    return float(-np.mean(np.log(np.where(rows[:, 0] == 1, rows[:, 1], 1 - rows[:, 1]))))


def run_forecasts(folder: Path) -> np.ndarray:
    from candlewick.lab.runs import open_run

    frame = open_run(folder).forecasts().filter(model="lstm")
    return frame.select("truth", "p1").to_numpy()


def test_a_calibrated_network_is_less_sure_where_there_is_nothing_to_forecast(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANDLEWICK_HOME", str(tmp_path / "home"))
    plain = run(make(**DIRECTION), out=tmp_path / "plain", workers=1)
    calibrated = run(make(**DIRECTION, calibrate=True), out=tmp_path / "calibrated", workers=1)
    assert log_loss(calibrated.folder) < log_loss(plain.folder)
    fits = [unit for unit in calibrated.record["units"] if unit["model"] == "lstm"]
    assert all(unit["calibration"]["temperature"][0] > 1.2 for unit in fits)
    assert all("calibration" not in unit for unit in plain.record["units"])
    told = calibrated.record["export"]["lstm"]
    served = store.open_exported(calibrated.folder / told["folder"] / MODEL)
    assert served.calibration["temperature"] == fits[-1]["calibration"]["temperature"]
    assert told["difference_to_model"] <= TOLERANCE
    assert (calibrated.folder / told["folder"] / FIGURES).is_file()


def test_heads_that_state_no_confidence_are_refused(make: Make) -> None:
    with pytest.raises(ConfigError, match="head classes, gaussian or quantile"):
        make(calibrate=True)
