"""The whole journey on small data: what a run leaves, that it repeats, and that a kill costs nothing."""

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from candlewick.core.errors import ConfigError, DataError, LeakError, StorageError
from candlewick.data.bars import Panel
from candlewick.data.synthetic import MARKETS
from candlewick.lab.experiment import Experiment
from candlewick.lab.prepare import prepare
from candlewick.lab.run import run
from candlewick.lab.runs import list_runs, open_run
from candlewick.lab.unit import load

Make = Callable[..., Experiment]
RETURNS = {
    "label": {"name": "forward_return"},
    "features": [{"name": "log_return"}, {"name": "realised_volatility", "length": 5}],
    "baselines": ["linear"],
    "policy": {"name": "threshold"},
}


def same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    keys = ["model", "fold", "seed", "symbol", "t"]
    return one.sort(keys).equals(other.sort(keys))


def test_a_run_leaves_forecasts_of_every_test_row_by_every_model_fold_and_seed(make: Make, tmp_path: Path) -> None:
    experiment = make()
    done = run(experiment, out=tmp_path / "run", workers=1)
    prepared = prepare(experiment)
    forecasts = done.forecasts()
    assert done.complete
    for fold in prepared.folds:
        own = forecasts.filter((pl.col("model") == "lstm") & (pl.col("fold") == fold.id) & (pl.col("seed") == 1))
        assert own["t"].to_list() == prepared.data.t[fold.test.index].tolist()
        assert own["truth"].to_list() == prepared.data.y[fold.test.index].tolist()
        assert (own["known_at"] > own["t"]).all()
    assert set(forecasts["model"]) == {"lstm", "har", "naive last", "naive mean"}
    assert forecasts["value"].is_finite().all()
    assert {row["metric"] for row in done.record["metrics"]} >= {"qlike", "rmse", "mae", "information_coefficient"}
    assert {row["model"] for row in done.record["trading"]} >= {"lstm", "benchmark"}
    assert all(check["passed"] for check in done.record["leaks"])
    assert done.record["verdicts"]["forecast"]["sentences"]
    assert done.record["verdicts"]["trading"]["sentences"]
    assert 0 <= done.record["overfitting"]["probability"] <= 1
    assert done.report.stat().st_size > 100_000


def test_the_same_run_again_gives_the_same_bits_in_one_process_or_two(make: Make, tmp_path: Path) -> None:
    first = run(make(), out=tmp_path / "a", workers=1)
    second = run(make(), out=tmp_path / "b", workers=2)
    assert same(first.forecasts(), second.forecasts())
    lstm = first.forecasts().filter(pl.col("model") == "lstm")
    assert not lstm.filter(pl.col("seed") == 0)["value"].equals(lstm.filter(pl.col("seed") == 1)["value"])
    assert first.record["verdicts"]["forecast"] == second.record["verdicts"]["forecast"]


def test_a_run_killed_at_any_moment_and_resumed_ends_in_the_bits_of_an_unbroken_one(make: Make, tmp_path: Path) -> None:
    experiment = make(
        train={"sampling": "streams", "epochs": 40, "patience": None, "batch": 4, "chunk": 32, "warmup": 32}
    )
    whole = run(experiment, out=tmp_path / "whole", workers=1)
    config = tmp_path / "experiment.json"
    config.write_text(json.dumps(experiment.to_dict()))
    program = (
        "import json, sys; from candlewick.lab.experiment import Experiment; from candlewick.lab.run import run\n"
        "place, config = sys.argv[1:]; e = Experiment.of(json.load(open(config)))\n"
        "run(e, out=place, workers=1)\n"
    )
    folder = tmp_path / "killed"
    child = subprocess.Popen([sys.executable, "-c", program, str(folder), str(config)])
    while not list(folder.glob("units/*f1-s0/checkpoint*")):  # the second fold is being trained
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not open_run(folder).complete
    resumed = run(experiment, resume=folder, workers=1)
    assert same(whole.forecasts(), resumed.forecasts())
    for unit in (whole.folder / "units").iterdir():
        one, other = load(unit / "fitted.safetensors"), load(folder / "units" / unit.name / "fitted.safetensors")
        assert all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_a_finished_or_foreign_folder_is_not_written_over(make: Make, tmp_path: Path) -> None:
    plain = make(model="linear")
    run(plain, out=tmp_path / "run", workers=1)
    with pytest.raises(ConfigError, match=r"a finished run of this experiment.*Resume it"):
        run(plain, out=tmp_path / "run", workers=1)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**record, "status": "running", "title": "Mine"}))
    with pytest.raises(ConfigError, match=r"an unfinished run of another experiment.*: Mine, begun 20.*Choose another"):
        run(make(model="linear", length=30), out=tmp_path / "run", workers=1)
    with pytest.raises(ConfigError, match="another experiment or other data"):
        run(make(model="linear", length=30), resume=tmp_path / "run", workers=1)
    with pytest.raises(ConfigError, match="no run to resume"):
        run(make(), resume=tmp_path / "nothing", workers=1)


def test_a_member_in_a_users_file_runs_in_worker_processes(make: Make, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        '"""Range of a bar."""\n'
        "import numpy as np\n"
        "from candlewick.core.compiled import compiled\n"
        "from candlewick.features._base import STEP, Feature\n"
        "class Range(Feature):\n"
        '    """(high - low) / high."""\n'
        '    columns = ("high", "low")\n'
        "    @staticmethod\n"
        "    @compiled(STEP)\n"
        "    def step(params, t, row, state, out):\n"
        "        out[0] = (row[0] - row[1]) / row[0]\n"
        '    outputs = property(lambda self: ("range",))\n'
        "    warmup = property(lambda self: 1)\n"
        "    state_size = property(lambda self: 0)\n"
        "    def params(self): return np.empty(0)\n"
    )
    experiment = make(features=[f"{tmp_path / 'mine.py'}:Range"])
    assert run(experiment, out=tmp_path / "run", workers=2).complete


def test_a_panel_is_cut_at_the_same_times_for_all_and_traded_as_one_portfolio(make: Make, tmp_path: Path) -> None:
    market = MARKETS.build("clustered")
    panel = Panel((market.bars(900, 1, "AAA"), market.bars(700, 2, "BBB")))
    done = run(make(**RETURNS), data=panel, out=tmp_path / "run", workers=1)
    forecasts = done.forecasts()
    assert set(forecasts["symbol"]) == {"AAA", "BBB"}
    spans = (
        forecasts.group_by("fold").agg(pl.col("t").min().alias("first"), pl.col("t").max().alias("last")).sort("fold")
    )
    assert spans["last"][0] < spans["first"][1]
    tracks = done.tracks().filter((pl.col("model") == "lstm") & (pl.col("seed") == 0))
    assert tracks["t"].is_unique().all()


def listed_late() -> Panel:
    """One instrument of 900 bars, one that begins within the second fold's test, one of eight bars."""
    market = MARKETS.build("clustered")
    late = market.bars(900, 2, "LATE")[760:]
    return Panel((market.bars(900, 1, "AAA"), late, market.bars(900, 3, "NEW")[892:]))


def test_an_instrument_listed_within_a_test_is_told_before_anything_is_fitted(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fold 1 tests or validates LATE, .*scaler: {name: standard, pooled: true}"):
        run(make(**RETURNS), data=listed_late(), out=tmp_path / "run", workers=1)
    assert not (tmp_path / "run").exists()


def test_instruments_listed_late_are_forecast_with_a_pooled_scaler(make: Make, tmp_path: Path) -> None:
    pooled = make(**RETURNS, scaler={"name": "standard", "pooled": True}, seeds=[0])
    done = run(pooled, data=listed_late(), out=tmp_path / "run", workers=1)
    assert set(done.forecasts()["symbol"]) == {"AAA", "LATE"}
    assert any("1 of 3 instruments" in note and "NEW (8)" in note for note in done.record["data"]["notes"])


def test_an_instrument_of_a_few_bars_does_not_stand_in_the_way_of_the_others(make: Make, tmp_path: Path) -> None:
    panel = listed_late()
    done = run(make(**RETURNS, seeds=[0]), data=Panel((panel.bars[0], panel.bars[2])), out=tmp_path / "run", workers=1)
    assert set(done.forecasts()["symbol"]) == {"AAA"}


def test_a_frame_is_run_by_name_and_resumed_with_the_same_bars_only(make: Make, tmp_path: Path) -> None:
    bars = MARKETS.build("clustered").bars(900, 1)
    frame = pl.DataFrame({name: bars.column(name) for name in bars.columns}).with_columns(when=bars.t)
    plain = {key: value for key, value in make(model="linear", seeds=[0]).to_dict().items() if key != "data"}
    told = {"stamp": "close", "columns": {"time": "when"}}
    done = run(plain, "length=30", data=frame, out=tmp_path / "run", workers=1, **told)
    assert done.experiment.length == 30
    assert done.record["data"]["instruments"][0]["bars"] == 900
    assert run(done.experiment, data=frame, resume=done.folder, workers=1, **told).complete
    with pytest.raises(ConfigError, match="other data"):
        run(done.experiment, data=frame[:-1], resume=done.folder, workers=1, **told)
    with pytest.raises(DataError, match="names no data of its own"):
        run(done.experiment, resume=done.folder, workers=1)
    with pytest.raises(ConfigError, match="no data was given"):
        run(plain, out=tmp_path / "other", stamp="close")


@pytest.mark.parametrize("limit", [1_000, 20_000])
def test_a_full_disk_is_told_as_one_and_the_run_goes_on_when_there_is_space(
    make: Make, tmp_path: Path, limit: int
) -> None:
    experiment, folder = make(model="linear", seeds=[0]), tmp_path / "run"
    run(experiment, out=tmp_path / "before", workers=1)  # so that no compiler fills its cache under the limit
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        with pytest.raises(StorageError, match="could not be written"):
            run(experiment, out=folder, workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    if (folder / "run.json").is_file():
        assert run(experiment, resume=folder, workers=1).complete


def test_a_series_without_opens_is_traded_at_the_next_close(make: Make, tmp_path: Path) -> None:
    close = MARKETS.build("clustered").bars(900, 1).column("close")
    days = pl.datetime_range(pl.datetime(2020, 1, 1), pl.datetime(2022, 6, 18), "1d", eager=True)
    frame = pl.DataFrame({"unique_id": "a", "ds": days, "y": close})
    plain = make(**{**RETURNS, "model": "linear", "baselines": []})
    done = run(plain, data=frame, out=tmp_path / "run", workers=1, stamp="close", zone="UTC")
    assert done.record["fill"]["price"] == "next_close"


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"label": {"name": "direction"}}, {"p0", "p1"}),
        ({"head": {"head": "quantile", "levels": [0.1, 0.5, 0.9]}}, {"q0.1", "q0.5", "q0.9"}),
        ({"head": {"head": "gaussian"}}, {"q0.05", "q0.95"}),
    ],
)
def test_every_head_reaches_the_forecasts_and_the_verdict(
    make: Make, tmp_path: Path, changes: dict[str, object], columns: set[str]
) -> None:
    done = run(make(**{**RETURNS, **changes}), out=tmp_path / "run", workers=1)
    assert columns <= set(done.forecasts().columns)
    assert done.record["export"]["lstm"]["difference_to_model"] <= 1e-5
    assert done.record["verdicts"]["forecast"]["models"]


def test_combinatorial_folds_are_traded_as_several_paths(make: Make, tmp_path: Path) -> None:
    windows = {"sampling": "windows", "epochs": 1, "batch": 64}
    split = {"name": "combinatorial_purged", "groups": 4, "test_groups": 2}
    done = run(make(split=split, train=windows, seeds=[0]), out=tmp_path / "run", workers=1)
    paths = done.tracks().filter(pl.col("model") == "lstm")["path"].unique().to_list()
    assert sorted(paths) == [0, 1, 2]
    (row,) = (r for r in done.record["trading"] if (r["model"], r["metric"]) == ("lstm", "annual_return"))
    tracks = done.tracks().filter(pl.col("model") == "lstm").group_by("t").agg(pl.col("returns").mean()).sort("t")
    growth = float((1 + tracks["returns"]).product())
    years = len(tracks) / done.record["bars_per_year"]
    assert row["score"] == pytest.approx(growth ** (1 / years) - 1)  # of every path, not of one of them


def test_streams_are_refused_where_a_fold_trains_after_its_test(make: Make, tmp_path: Path) -> None:
    with pytest.raises(LeakError, match="windows"):
        run(make(split={"name": "purged_kfold"}), out=tmp_path / "run", workers=1)


def test_a_trial_is_entered_once_and_runs_are_listed_oldest_first(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = make(model="linear", seeds=[0])
    first, again = run(plain, workers=1), run(plain, out="runs/again", workers=1)
    other = run(make(model="linear", seeds=[0], length=30), out="runs/0", workers=1)
    counts = [done.record["trials"]["count"] for done in (first, again, other)]
    assert counts == [2, 2, 4]  # linear and har, the same again, and both with another window
    recipe = run(make(model="linear", seeds=[1], train={"epochs": 7}), out=tmp_path / "recipe", workers=1)
    assert recipe.record["trials"]["count"] == 4  # nothing was trained by it, so nothing new was tried
    assert [found.folder.name for found in list_runs()] == [first.folder.name, "again", "0"]
    assert open_run(first.folder.name).record["experiment"] == plain.content_id


def test_a_run_records_memory_epoch_time_and_stability_of_every_model(make: Make, tmp_path: Path) -> None:
    done = run(make(), out=tmp_path / "run", workers=1)
    took, found = done.record["resources"], done.record["stability"]
    assert took["lstm"]["epoch_seconds"] > 0
    assert took["har"]["epoch_seconds"] is None
    assert took["lstm"]["memory_bytes"] > took["lstm"]["grown_bytes"] >= 0
    assert took["lstm"]["memory_bytes"] > 100e6  # torch alone is larger
    assert found["models"].keys() == {"lstm", "har"}
    assert found["models"]["lstm"]["over_seeds"] > 0
    assert found["models"]["har"]["over_seeds"] is None  # fitted once
    text = done.report.read_text()
    assert "Stability and resources" in text
    assert all(sentence in text for sentence in found["sentences"])


def test_a_second_process_is_kept_out_of_a_folder_that_is_being_run(make: Make, tmp_path: Path) -> None:
    plain, folder = make(model="linear", seeds=[0]), tmp_path / "run"
    run(plain, out=folder, workers=1)
    hold = (
        "import sys; from candlewick.core.files import locked\n"
        "with locked(sys.argv[1], wait=False): print('held', flush=True); sys.stdin.read()\n"
    )
    held = subprocess.Popen(
        [sys.executable, "-c", hold, folder / ".lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert held.stdout is not None
    assert held.stdout.readline() == b"held\n"
    before = (folder / "run.json").read_bytes()
    with pytest.raises(StorageError, match="being worked on by another process"):
        run(plain, resume=folder, workers=1)
    assert (folder / "run.json").read_bytes() == before
    held.communicate()
    assert run(plain, resume=folder, workers=1).complete


def test_a_ledger_that_cannot_be_written_is_told_before_anything_is_fitted(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CANDLEWICK_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="ledger"):
        run(make(model="linear", seeds=[0]), out=tmp_path / "run", workers=1)
    assert not (tmp_path / "run").exists()
