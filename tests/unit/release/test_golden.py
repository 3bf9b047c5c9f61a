"""Golden vectors notice whatever changes a forecast, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_releases import LSTM, market, small_exported

from candlewick.core.errors import DataError, StorageError
from candlewick.data.bars import Panel
from candlewick.models._heads import HeadScale
from candlewick.release.bundle import open_bundle
from candlewick.release.golden import GOLDEN, MOST_FORECASTS, Golden
from candlewick.runtime.arrays import packed, unpacked
from candlewick.runtime.choose import Setting, candidates, open_session
from candlewick.runtime.exported import Exported, Judged

Releases = Callable[..., Path]


def golden_of(releases: Releases, model: str = "lstm", **changes: Any) -> Golden:
    return open_bundle(releases(model, **changes)).golden


def with_model(golden: Golden, **changes: Any) -> Golden:
    return replace(golden, exported=replace(golden.exported, **changes))


def check(golden: Golden, setting: Setting | None = None) -> float:
    return golden.check(open_session(golden.exported, setting or candidates(golden.exported)[0]))


@pytest.mark.parametrize("model", ["linear", "har", "lstm"])
def test_a_model_gives_its_golden_outputs_bit_for_bit(releases: Releases, model: str) -> None:
    golden = golden_of(releases, model)
    assert check(golden) == 0
    assert len(golden.t) >= 8


def test_other_kernels_give_them_but_for_rounding(releases: Releases) -> None:
    golden = golden_of(releases)
    assert 0 <= check(golden, Setting("onnxruntime")) < 1e-6


def test_several_instruments_are_run_together(releases: Releases) -> None:
    golden = golden_of(releases, symbols=("A", "B"))
    assert golden.panel.symbols == ("A", "B")
    assert set(golden.symbol.tolist()) == {0, 1}
    assert check(golden) == 0


def test_changed_weights_and_scalers_are_noticed(releases: Releases) -> None:
    golden = golden_of(releases)
    weights = {name: array * np.float32(1.001) for name, array in golden.exported.weights.items()}
    with pytest.raises(StorageError, match=r"by the compiled kernel in fp32: raw outputs differ by up to"):
        check(with_model(golden, weights=weights), Setting("compiled"))
    scaler = {**golden.exported.scaler, "scale": golden.exported.scaler["scale"] * 1.01}
    with pytest.raises(StorageError, match=r"raw outputs differ by up to .*1e-05 is rounding"):
        check(with_model(golden, scaler=scaler))
    with pytest.raises(StorageError, match="the same raw outputs give other forecasts"):
        check(with_model(golden, scale=HeadScale(golden.exported.scale.center, golden.exported.scale.scale * 1.01)))


def test_forecasts_at_other_bars_and_none_at_all_are_noticed(releases: Releases) -> None:
    golden = golden_of(releases)
    with pytest.raises(StorageError, match="other bars are forecast from"):
        check(with_model(golden, warmup=golden.exported.warmup + 10))
    golden = golden_of(releases, "linear")
    weights = {name: array * np.nan for name, array in golden.exported.weights.items()}
    with pytest.raises(StorageError, match="other bars are forecast from"):
        check(with_model(golden, weights=weights))


def test_a_reduced_precision_is_held_to_the_limit_that_judged_it(releases: Releases) -> None:
    from candlewick.train.export import quantised

    golden = golden_of(releases, model={**LSTM, "hidden": 32})
    graphs = {**golden.exported.graphs, "int8": quantised(golden.exported.graphs["fp32"])}
    precisions = {"int8": Judged(True, 0.01, None, 1_000, "")}
    golden = with_model(golden, graphs=graphs, precisions=precisions)
    setting = Setting("onnxruntime", "int8")
    assert check(golden, setting) > 1e-5  # more than rounding, and all the same within the limit
    tight = replace(golden, spread=golden.spread / 1_000)
    with pytest.raises(StorageError, match=r"in int8: forecasts differ by .*% of their deviation"):
        check(tight, setting)


def test_they_come_back_from_their_file(releases: Releases) -> None:
    golden = golden_of(releases)
    again = Golden.unpacked(golden.packed(), golden.exported)
    assert again.setting == golden.setting
    assert again.panel.content_hash == golden.panel.content_hash
    assert again.raw.tobytes() == golden.raw.tobytes()
    symbol, t, rows = again.stretch()
    assert (symbol, len(t), rows.shape) == ("A", len(rows), (len(t), len(golden.exported.columns)))
    assert len(t) == golden.exported.anchor + 8


@pytest.mark.parametrize(
    "change",
    [
        {"raw": np.zeros((3, 1))},
        {"raw": np.full((8, 1), np.nan)},
        {"belief": np.full((8, 1), np.inf)},
        {"spread": np.array([-1.0])},
        {"spread": np.zeros(2)},
        {"t": np.zeros(8, np.int32)},
        {"bar_symbol": np.zeros(0, np.int64), "bar_t": np.zeros(0, np.int64), "bar_values": np.zeros((0, 3))},
        {"bar_symbol": np.full(35, 7)},
        {"bar_t": np.zeros(35, np.int64)},
        {"bar_values": np.full((35, 3), np.nan)},
        {"about": np.frombuffer(b"{}", np.uint8)},
        {"about": np.frombuffer(b"[", np.uint8)},
        {"extra": np.zeros(1)},
    ],
    ids=str,
)
def test_a_file_that_is_none_is_refused(releases: Releases, change: dict[str, np.ndarray]) -> None:
    golden = golden_of(releases, "linear")
    arrays = unpacked(golden.packed(), GOLDEN)
    assert len(arrays["bar_t"]) == golden.exported.anchor + 8
    change = {
        name: array[: len(arrays["bar_t"])] if name.startswith("bar") else array for name, array in change.items()
    }
    with pytest.raises(StorageError, match=GOLDEN):
        Golden.unpacked(packed({**arrays, **change}), golden.exported)


def test_bars_that_give_no_forecast_make_no_golden_vectors() -> None:
    panel = market(bars=300)
    exported, _ = small_exported(panel)
    short = Panel((panel.bars[0][: exported.anchor],))
    with pytest.raises(DataError, match=r"which give no forecast. Its first forecast needs"):
        Golden.made(exported, short, Setting("estimator"), np.ones(1))
    assert MOST_FORECASTS >= 8


def test_a_model_of_other_columns_does_not_take_them(releases: Releases) -> None:
    other: Exported = open_bundle(
        releases(features=["log_return"], label={"name": "forward_return"}, policy=None)
    ).exported
    assert other.columns != golden_of(releases, "linear").exported.columns
    with pytest.raises(StorageError, match=GOLDEN):
        Golden.unpacked(golden_of(releases, "linear").packed(), other)
