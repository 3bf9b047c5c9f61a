"""Comparisons: equal models do not differ, a worse one does, and unlike runs are not compared."""

from collections.abc import Callable
from pathlib import Path

import pytest

from candlewick.core.errors import ConfigError
from candlewick.core.files import read_json
from candlewick.lab.compare import compare
from candlewick.lab.experiment import Experiment
from candlewick.lab.run import run

Make = Callable[..., Experiment]
LONG = {"name": "synthetic", "market": {"name": "clustered"}, "bars": 3000, "seed": 2}


def test_a_model_that_is_worse_is_called_worse_and_every_figure_has_its_interval(make: Make, tmp_path: Path) -> None:
    done = run(make(data=LONG, model="har", baselines=["naive"], seeds=[0]), out=tmp_path / "run", workers=1)
    found = compare(done, out=tmp_path / "compared")
    (pair,) = found.pairs
    assert pair.real
    assert "har forecasts better than naive" in pair.sentence
    assert found.best == ("har",)
    assert pair.loss.low <= pair.loss.estimate <= pair.loss.high < 0
    assert {"qlike", "rmse", "sharpe", "maximum_drawdown"} <= set(pair.metrics)
    assert {row["metric"] for row in found.table} >= {"win_rate", "profit_factor", "sharpe", "qlike"}
    written = read_json(tmp_path / "compared" / "comparison.json")
    assert written["sentences"] == list(found.sentences)


def test_twice_the_same_model_shows_no_difference(make: Make, tmp_path: Path) -> None:
    experiment = make(model="har", baselines=[], seeds=[0])
    runs = [run(experiment, out=tmp_path / name, workers=1) for name in ("a", "b")]
    (pair,) = compare(*runs).pairs
    assert not pair.real
    assert (pair.loss.low, pair.loss.high) == (0.0, 0.0)
    assert "No real difference" in pair.sentence


def test_models_named_for_an_experiment_run_on_the_same_folds_with_their_costs(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    two = make(rivals=[{"name": "lstm", "layers": 2, "hidden": 8, "dropout": 0.0}], baselines=[], seeds=[0])
    found = compare(two, workers=1)
    assert found.names == ("lstm[layers=1]", "lstm[layers=2]")
    one, other = (found.costs[name] for name in found.names)
    assert one["parameters"] < other["parameters"]
    assert 0 < one["forecast_us"] < other["forecast_us"]
    assert one["epochs_to_best"] >= 1


def test_runs_that_differ_in_what_must_be_the_same_are_refused(make: Make, tmp_path: Path) -> None:
    base = {"model": "har", "baselines": [], "seeds": [0]}
    one = run(make(**base), out=tmp_path / "a", workers=1)
    for name, change, word in [
        ("b", {"split": {"name": "walk_forward", "n_folds": 3, "test": 0.4}}, "split"),
        ("c", {"data": LONG}, "different data"),
        ("d", {"costs": {"fee": 9.0}}, "costs"),
    ]:
        other = run(make(**{**base, **change}), out=tmp_path / name, workers=1)
        with pytest.raises(ConfigError, match=word):
            compare(one, other)
    with pytest.raises(ConfigError, match="a: har would stand twice"):
        compare(one, one)
    with pytest.raises(ConfigError, match="at least two models"):
        compare(one)
    with pytest.raises(ConfigError, match="Name the experiment"):
        compare(one, models=["lstm3", "lstm5"])
