"""A finished run on bars: the forecasts of its own test rows come out again, and what cannot be used is named."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from candlewick.core.errors import ConfigError, DataError
from candlewick.core.progress import Silent
from candlewick.data.bars import Panel
from candlewick.lab.experiment import Experiment
from candlewick.lab.predict import predict
from candlewick.lab.run import run

Make = Callable[..., Experiment]
WINDOWS = {"sampling": "windows", "epochs": 2, "batch": 64}


@pytest.mark.parametrize("changes", [{"train": WINDOWS}, {}, {"model": "gradient_boosting"}], ids=str)
def test_the_last_folds_forecasts_come_out_again(make: Make, tmp_path: Path, changes: dict[str, object]) -> None:
    experiment = make(seeds=[0], **changes)
    done = run(experiment, out=tmp_path / "run", workers=1)
    stored = done.forecasts().filter((pl.col("model") == done.record["model"]) & (pl.col("fold") == 1))
    again = predict(done, experiment.data.read().panel)
    both = stored.select("t", "value").join(again, on="t", suffix="_again")
    assert len(both) == len(stored)
    assert both["value_again"].to_numpy() == pytest.approx(both["value"].to_numpy(), rel=1e-5)


def test_bars_that_a_feature_cannot_read_are_refused_with_their_row(make: Make, tmp_path: Path) -> None:
    experiment = make(model="linear", seeds=[0])
    done = run(experiment, out=tmp_path / "run", workers=1)
    bars = experiment.data.read().panel.bars[0]
    low = bars.values.copy()
    low[500] = 0.0
    with pytest.raises(DataError, match="row 500"):
        predict(done, Panel((bars.with_values(low),)))


def test_a_bar_after_the_last_label_is_forecast_too(make: Make, tmp_path: Path) -> None:
    experiment = make(model="linear", seeds=[0])
    done = run(experiment, out=tmp_path / "run", workers=1)
    bars = experiment.data.read().panel.bars[0]
    assert predict(done.folder, bars)["t"][-1] == bars.t[-1] > done.forecasts()["t"].max()


def test_an_instrument_that_gets_no_forecast_is_named(make: Make, tmp_path: Path) -> None:
    long = make(model="linear", seeds=[0]).data.read().panel.bars[0]
    short = type(long)("SHORT", long.t[:8], long.values[:8], long.columns, long.interval_ns)
    pooled = make(model="linear", seeds=[0], scaler={"name": "standard", "pooled": True})
    done = run(pooled, out=tmp_path / "run", workers=1)
    told: list[str] = []

    class Listening(Silent):
        def say(self, text: str) -> None:
            told.append(text)

    forecasts = predict(done, Panel((long, short)), progress=Listening())
    assert set(forecasts["symbol"]) == {"SYN"}
    assert any("SHORT" in line for line in told)


def test_what_is_missing_is_named(make: Make, tmp_path: Path) -> None:
    experiment = make(model="linear", seeds=[0])
    done = run(experiment, out=tmp_path / "run", workers=1)
    bars = experiment.data.read().panel.bars[0]
    with pytest.raises(ConfigError, match="It has: linear, har"):
        predict(done, bars, model="lstm")
    with pytest.raises(DataError, match="too few bars"):
        predict(done, bars[:10])
    with pytest.raises(DataError, match=r"fitted on SYN, the bars are of OTHER.*--symbol SYN"):
        predict(done, Panel((type(bars)("OTHER", bars.t, bars.values, bars.columns, bars.interval_ns),)))
