"""What a person and a program see of a plan."""

import json

import pytest

from candlewick.cli.main import call
from candlewick.lab import planning

SMALL = """
title: A small plan
data: {name: synthetic, market: {name: clustered}, bars: 900, seed: 1}
features: [{name: parkinson_volatility, unit: log_volatility}]
label: {name: forward_volatility, estimator: parkinson, horizon: 1}
length: 24
split: {name: walk_forward, n_folds: 2, test: 0.4}
scaler: {name: standard}
model: {name: lstm, layers: 2, hidden: 8}
baselines: [har, linear]
train: {sampling: streams, epochs: 3, batch: 4, chunk: 32, warmup: 32}
"""


@pytest.fixture
def planned(machine, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(planning, "measured_machine", lambda **_: machine)
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)

    def carry_out(*arguments):
        code = call(["plan", str(path), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return carry_out


def test_a_plan_that_passes_ends_with_0_and_shows_what_it_costs(planned):
    code, out, _ = planned()
    assert code == 0
    told = " ".join(out.split())
    assert "A small plan" in told
    assert "made up, 2 cores, 16.0 GiB" in told
    assert "int8 400 Goperations/s" in told
    assert "lstm.1 576 512" in told
    assert "pass har all 4 gates" in told
    assert "Streams, as configured, are the right choice" in told
    assert "No prediction has been held against a measurement" in told


def test_a_refusal_comes_first_ends_with_1_and_says_what_passes(planned):
    code, out, _ = planned("model.hidden=512", "limits.parameters_per_sample.refuse=50")
    assert code == 1
    gates = [line.split()[0] for line in out.splitlines() if line.split()[:1] and line.split()[0] in ("refuse", "pass")]
    assert gates[0] == "refuse"
    instead = next(line for line in out.splitlines() if line.startswith("instead"))
    assert "instead of 512" in instead
    assert "a sample, saves" in instead
    overrides = next(line for line in out.splitlines() if "as overrides:" in line).partition(": ")[2].split()
    assert planned("model.hidden=512", "limits.parameters_per_sample.refuse=50", *overrides)[0] == 0


def test_where_nothing_smaller_passes_that_is_said(planned):
    code, out, _ = planned("limits.parameters_per_sample.refuse=0.001")
    assert code == 1
    assert "instead  nothing: no smaller lstm passes" in out


def test_json_is_one_document_with_the_same_answer(planned):
    code, out, _ = planned("model.hidden=512", "limits.latency.refuse=0.01", "--json", "--quiet")
    assert code == 1
    found = json.loads(out)
    assert found["outcome"] == "refuse"
    assert [model["label"] for model in found["models"]] == ["lstm", "har", "linear"]
    assert found["models"][0]["gates"][0]["name"] == "latency"


def test_bars_of_ones_own_are_planned_for(planned, tmp_path):
    bars = tmp_path / "bars.csv"
    rows = (
        f"2024-01-{1 + k // 24:02d}T{k % 24:02d}:00Z,{100 + k % 7},108,{98 - k % 3},{100 + k % 2}" for k in range(700)
    )
    bars.write_text("\n".join(("time,open,high,low,close", *rows)))
    code, out, err = planned(f"data={{name: file, path: {bars}, stamp: close}}")
    assert code == 0, err
    assert "labelled samples" in err
    assert "effective samples" in " ".join(out.split())


def test_a_limit_that_does_not_exist_is_told_with_the_nearest(planned):
    code, _, err = planned("limits.latancy.refuse=1")
    assert code == 2
    assert "latency" in err


def test_it_keeps_to_the_width_of_the_terminal(planned, monkeypatch):
    for columns in (80, 120, 160):
        monkeypatch.setenv("COLUMNS", str(columns))
        longest = max(len(line.rstrip()) for line in planned("limits.latency.refuse=0.001")[1].splitlines())
        assert 0.7 * columns < longest <= columns
