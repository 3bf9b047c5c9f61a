"""A run's record holds what was predicted of it, and the planner knows how far it was off."""

import pytest

from candlewick.lab import run as running
from candlewick.lab.run import run
from candlewick.sizing.record import past_error


def test_every_figure_stands_beside_its_prediction_and_the_planner_learns_how_far_it_was_off(
    make, machine, monkeypatch, tmp_path
):
    pytest.importorskip("torch")
    monkeypatch.setattr(running, "measured_machine", lambda **_: machine)
    done = run(make(seeds=[0], baselines=["har"]), out=tmp_path / "run", workers=1)
    found = done.record["plan"]
    assert found["machine"] == machine.key
    lstm, har = found["models"]["lstm"], found["models"]["har"]
    assert set(lstm) == {"epoch_seconds", "fit_seconds", "memory_bytes", "latency_p50_s", "latency_p99_s"}
    assert {"fit_seconds", "memory_bytes"} <= set(har)
    assert all(value > 0 for pair in lstm.values() for value in pair.values())
    units = [unit for unit in done.record["units"] if unit["model"] == "lstm"]
    epochs = {len(unit["curve"]) for unit in units}
    assert epochs == {3}
    assert lstm["fit_seconds"]["measured"] == pytest.approx(3 * lstm["epoch_seconds"]["measured"])
    assert lstm["latency_p50_s"]["measured"] == done.record["export"]["lstm"]["latency_us"]["p50"] / 1e6
    errors = [abs(pair["predicted"] / pair["measured"] - 1) for pair in (lstm["fit_seconds"], har["fit_seconds"])]
    past = past_error(machine)
    assert past.time == pytest.approx(sum(errors) / 2)
    assert past.latency is not None


def test_a_machine_that_was_never_measured_is_said_and_not_measured(make, monkeypatch, tmp_path):
    monkeypatch.setattr(running, "known", lambda: None)
    bare = run(make(model="linear", baselines=[]), out=tmp_path / "run", workers=1)
    assert "was not measured" in bare.record["plan"]["untold"]
