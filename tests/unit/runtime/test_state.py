"""State on disk: another process goes on as if there had been no other."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_exports import HOUR, FadingSum

from candlewick.core.errors import StorageError
from candlewick.runtime import state
from candlewick.runtime.engine import Engine

CODE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from test_state import engine, told
from candlewick.runtime import state
other = engine()
other.restore(state.load(sys.argv[2]))
print(json.dumps(told(other, 150, 180)))
"""


def engine() -> Engine:
    from candlewick.features._set import FeatureSet
    from candlewick.labels import LABELS
    from candlewick.models._heads import Gaussian, HeadScale
    from candlewick.models.lstm import Lstm
    from candlewick.runtime.exported import Exported

    features = FeatureSet.of(["log_return", {"name": "ema_gap", "length": 5}, {"name": "rolling_zscore", "length": 9}])
    one = np.ones((1, features.width))
    exported = Exported(
        features=features, label=LABELS.build("forward_return"), length=4, model=Lstm(), weights={"w": np.ones(3)},
        scaler={"center": 0.1 * one, "scale": one, "clip": np.array([5.0]), "symbols": np.empty(0, np.uint8)},
        head=Gaussian(), scale=HeadScale(0.0, 1.0), streams=True, warmup=16,
    )  # fmt: skip
    return Engine(exported, ("A", "B"), FadingSum(features.width, 2))


def told(running: Engine, first: int, last: int) -> list[list[object]]:
    """Times, values and quantiles of both instruments' forecasts, B missing every third bar."""
    found = []
    for k in range(first, last):
        rows = 100.0 + np.sin(np.arange(2)[:, None] + k / 3 + np.arange(len(running.exported.columns)))
        for forecast in running.step(k * HOUR, rows, np.array([True, k % 3 > 0])):
            belief = repr((forecast.value, forecast.quantiles))
            found.append([forecast.symbol, forecast.seq, forecast.status, belief])
    return found


def test_another_process_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    here = engine()
    told(here, 0, 150)
    state.save(here.snapshot(), tmp_path / "engine.safetensors")
    done = subprocess.run(
        [sys.executable, "-c", CODE, Path(__file__).parent, tmp_path / "engine.safetensors"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = told(here, 150, 180)
    assert json.loads(done.stdout) == expected
    assert {status for _, _, status, _ in expected} == {"ok"}


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    here = engine()
    told(here, 0, 40)
    arrays = here.snapshot()
    state.save(arrays, tmp_path / "s")
    loaded = state.load(tmp_path / "s")
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype


def test_a_damaged_or_missing_file_is_refused(tmp_path: Path) -> None:
    here = engine()
    state.save(here.snapshot(), tmp_path / "s")
    whole = (tmp_path / "s").read_bytes()
    for damaged in (whole[:-1], whole[:6], b"", whole + b"\0"):
        (tmp_path / "s").write_bytes(damaged)
        with pytest.raises(StorageError):
            state.load(tmp_path / "s")
    with pytest.raises(StorageError, match="could not be read"):
        state.load(tmp_path / "absent")
