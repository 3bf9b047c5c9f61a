"""The journey in a shell: run, list, resume, compare, predict and audit one small experiment."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from candlewick.cli.main import call
from candlewick.cli.run import tell
from candlewick.cli.show import Show
from candlewick.core.words import duration
from candlewick.data.synthetic import MARKETS
from candlewick.lab.runs import Run
from candlewick.runtime.reference import Reference

EXPERIMENT = """
title: Ridge beside HAR on a synthetic market
data: {name: synthetic, market: clustered, bars: 700, seed: 5}
features: [{name: parkinson_volatility, length: 1, unit: log_volatility}, {name: parkinson_volatility, length: 10}]
label: {name: forward_volatility, estimator: parkinson, horizon: 1}
length: 22
scaler: standard
split: {name: walk_forward, n_folds: 2}
model: linear
baselines: [har]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, measurement: tuple[str, str]) -> Path:
    """A folder with the experiment and its finished run, on a machine that is known."""
    folder = tmp_path_factory.mktemp("journey")
    (folder / "home").mkdir()
    (folder / "home" / measurement[0]).write_text(measurement[1])
    (folder / "mine.yaml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLEWICK_HOME", str(folder / "home"))
        assert call(["run", f"{folder}/mine.yaml", "--out", f"{folder}/run", "--workers", "1", "--quiet"]) == 0
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, object]:
    """What the command prints as JSON, having printed nothing else on either stream."""
    assert call([*arguments, "--json", "--quiet"]) == code
    streams = capsys.readouterr()
    assert streams.err == ""
    found: dict[str, object] = json.loads(streams.out)
    return found


def test_a_run_leaves_forecasts_with_their_truth_and_when_it_was_known(place: Path) -> None:
    frame = pl.read_parquet(place / "run" / "forecasts.parquet")
    assert {"t", "symbol", "fold", "seed", "value", "truth", "known_at"} <= set(frame.columns)
    assert (frame["known_at"] > frame["t"]).all()
    assert set(frame["model"].unique()) >= {"linear", "har"}


def test_a_run_ends_with_what_was_planned_of_it_and_what_it_took(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = Run(place / "run")
    found = done.record["plan"]["models"]["linear"]
    shown = ((found["fit_seconds"], "a fit"), (found["latency_p50_s"], "a forecast"))
    said = [f"{name} {duration(pair['predicted'])}, took {duration(pair['measured'])}" for pair, name in shown]
    tell(done, Show())
    assert f"planned  {'; '.join(said)}" in capsys.readouterr().out.splitlines()


def test_runs_are_listed_with_their_first_sentence(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["runs", str(place)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "complete" in text
    (entry,) = told(capsys, "runs", str(place))
    assert entry["run"] == "run"  # type: ignore[index]
    assert "forecast verdict" in entry["says"].lower() or entry["says"]  # type: ignore[index]


def test_a_run_that_was_stopped_is_unfinished_and_says_how_to_go_on(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads((place / "run" / "run.json").read_text())
    stopped = tmp_path / "runs" / "stopped"
    stopped.mkdir(parents=True)
    kept = {key: record[key] for key in ("experiment", "title", "model", "started", "data")}
    (stopped / "run.json").write_text(json.dumps({**kept, "status": "running"}))
    (entry,) = told(capsys, "runs", f"{tmp_path}/runs")
    assert entry["status"] == "unfinished"  # type: ignore[index]
    assert f"candlewick run --resume {stopped}" in entry["says"]  # type: ignore[index]


def test_an_empty_folder_says_how_to_make_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["runs", str(tmp_path)]) == 0
    assert "candlewick run quickstart" in capsys.readouterr().err


def test_resuming_a_finished_run_says_the_same(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = json.loads((place / "run" / "run.json").read_text())
    again = told(capsys, "run", "--resume", f"{place}/run", "--workers", "1")
    assert again["status"] == "complete"
    assert again["metrics"] == before["metrics"]
    assert again["verdicts"] == before["verdicts"]


def test_a_run_is_never_written_over(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["run", f"{place}/mine.yaml", "--out", f"{place}/run", "--quiet"]) == 2
    assert "Resume it" in capsys.readouterr().err
    assert call(["run", f"{place}/mine.yaml", "label.horizon=2", "--resume", f"{place}/run", "--quiet"]) == 2
    assert "another experiment" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("lable.horizon=2", "Did you mean 'label'"),
        ("model=lstn", "Did you mean"),
        ("features.0.lenght=2", "Did you mean 'length'"),
        ("train.learning_rate=fast", "was 'fast'"),
        ("data.path=x", "unknown key"),
    ],
)
def test_a_misspelt_override_names_the_right_one(
    override: str, sentence: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["run", f"{place}/mine.yaml", override]) == 2
    assert sentence in capsys.readouterr().err


def test_run_needs_something_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["run"]) == 2
    assert "needs an experiment" in capsys.readouterr().err
    assert call(["compare"]) == 2
    assert "needs something to compare" in capsys.readouterr().err


def test_models_of_a_run_are_compared_with_intervals(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "compare", f"{place}/run")
    assert found["names"] == ["linear", "har"]
    assert "difference" in found["sentences"][0]  # type: ignore[index]
    assert call(["compare", f"{place}/run", "--quiet"]) == 0
    text = capsys.readouterr().out
    assert "↓ qlike" in text
    assert "[" in text


def test_other_bars_are_forecast_into_a_file(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bars = MARKETS.build("clustered").bars(60, 9)
    columns = {name: bars.column(name) for name in bars.columns}
    stamps = pl.Series(bars.t).cast(pl.Datetime("ns"))
    pl.DataFrame({"close_time_utc": stamps, **columns}).write_parquet(tmp_path / "new.parquet")
    arguments = ["predict", f"{place}/run", f"{tmp_path}/new.parquet", "--symbol", "SYN", "-o"]
    assert told(capsys, *arguments, f"{tmp_path}/f.parquet")["rows"] == 30
    forecasts = pl.read_parquet(tmp_path / "f.parquet")
    assert forecasts["t"].to_list() == bars.t[30:].tolist()
    assert (forecasts["value"] > 0).all()
    assert call([*arguments, f"{tmp_path}/f.xlsx"]) == 2
    assert ".parquet or .csv" in capsys.readouterr().err


def test_an_audit_says_what_it_tried_and_finds_nothing_here(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "audit", f"{place}/mine.yaml", "--only", "features,labels,split", "--cuts", "5")
    assert found["passed"] is True
    assert [check["name"] for check in found["checks"]] == ["features", "labels", "split"]  # type: ignore[attr-defined]


def test_every_packaged_experiment_is_listed_and_printed_as_it_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    from candlewick.core import config
    from candlewick.lab.experiment import Experiment

    listed = told(capsys, "experiments")
    assert [entry["name"] for entry in listed] == list(config.experiment_names())  # type: ignore[index]
    for name in config.experiment_names():
        assert call(["experiments", name]) == 0
        printed = config.parse_yaml(capsys.readouterr().out, name)
        assert Experiment.of(config.override(printed, [])) == Experiment.of(name)


def test_a_model_is_exported_with_its_figures_and_replayed_to_the_bit(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["export", f"{place}/run", "--model", "har", "--out", f"{tmp_path}/har", "--quiet"]) == 0
    text = capsys.readouterr().out
    assert "differ by up to" in text
    assert "evidence test fold 1 of walk_forward" in text
    found = told(capsys, "export", f"{place}/run")
    assert found["folder"] == f"{place}/run/export/linear"
    assert found["difference_to_model"] <= 1e-9  # type: ignore[operator]
    again = told(capsys, "replay", f"{place}/run")
    assert again["difference"] == 0
    assert again["latency_us"]["total"]["count"] > again["forecasts"]  # type: ignore[index]
    assert call(["replay", f"{place}/run", "--threads", "auto", "--quiet"]) == 0
    text = capsys.readouterr().out
    assert "equal bit for bit" in text
    assert "p99.9" in text
    assert call(["replay", f"{tmp_path}/har", "--quiet"]) == 2
    assert "Give a file of bars" in capsys.readouterr().err


def test_a_replay_of_other_bits_than_the_reference_ends_with_one(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(place / "run", tmp_path / "run")
    path = tmp_path / "run" / "export" / "linear" / "reference.safetensors"
    reference = Reference.open(path)
    replace(reference, raw=reference.raw + 1e-12).save(path)
    assert call(["replay", f"{tmp_path}/run", "--quiet"]) == 1
    assert "Equal bits were expected" in capsys.readouterr().out
