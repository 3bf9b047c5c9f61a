from pathlib import Path

import pytest
from known_machine import known_machine

from candlewick.sizing.record import Outcome, note, past_error


def outcome(what: str, predicted: float, measured: float, machine: str | None = None) -> Outcome:
    return Outcome(machine or known_machine().key, "lstm", what, predicted, measured, 0)  # type: ignore[arg-type]


def test_the_planner_knows_its_own_error(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    note([outcome("time", 11, 10), outcome("time", 10, 20)], path=path)
    note([outcome("time", 13, 10), outcome("latency", 0.9, 1.0)], path=path)

    past = past_error(known_machine(), path=path)

    assert (past.number, past.time, past.latency) == (4, pytest.approx(0.3), pytest.approx(0.1))
    assert past.sentence == "Median error of 4 earlier predictions on this machine: training time 30%, latency 10%."


def test_other_machines_and_damaged_lines_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    note([outcome("time", 11, 10), outcome("time", 99, 1, machine="another")], path=path)
    with path.open("a") as file:
        file.write('{"torn')

    assert past_error(known_machine(), path=path).number == 1
    note([outcome("time", 11, 10)], path=path)
    assert past_error(known_machine(), path=path).number == 2


def test_without_a_past_there_is_no_error_and_it_is_said(tmp_path: Path) -> None:
    past = past_error(known_machine(), path=tmp_path / "predictions.jsonl")

    assert (past.number, past.time, past.latency) == (0, None, None)
    assert "yet" in past.sentence


def test_it_lies_in_candlewicks_home_and_does_not_grow_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANDLEWICK_HOME", str(tmp_path))

    note([outcome("time", 1, 1)] * 1_200)

    assert len((tmp_path / "predictions.jsonl").read_text().splitlines()) == 1_000
