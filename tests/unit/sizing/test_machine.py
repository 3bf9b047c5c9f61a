import json

import pytest
from known_machine import RATES, known_machine

from candlewick.sizing.machine import Machine


def test_a_machine_survives_json() -> None:
    machine = known_machine()

    assert Machine.from_dict(json.loads(json.dumps(machine.to_dict()))) == machine


def test_the_peak_is_the_best_rate_of_any_path_and_is_named() -> None:
    machine = known_machine()

    assert machine.peak("bf16", threads=1) == (pytest.approx(RATES["bf16"]), "torch linear")
    assert machine.peak("int8") == (pytest.approx(2 * RATES["int8"]), "numpy")
    assert known_machine(torch=False).peak("bf16") is None


def test_a_share_above_the_peak_is_refused_as_a_fault_of_the_measurement() -> None:
    machine = known_machine()

    honest, impossible = machine.share(50.0, "fp32", threads=1), machine.share(101.0, "fp32", threads=1)

    assert honest.value == pytest.approx(0.5)
    assert impossible.value is None
    assert "refused" in impossible.reason
    assert "101%" in impossible.reason


def test_without_a_library_for_a_precision_there_is_no_share() -> None:
    share = known_machine(torch=False).share(1.0, "bf16")

    assert share.value is None
    assert "no installed library multiplies in bf16" in share.reason


@pytest.mark.parametrize(("working_set", "expected"), [(2**19, 200e9), (2**20, 200e9), (2**24, 100e9), (2**40, 40e9)])
def test_bandwidth_is_that_of_the_memory_that_holds_the_working_set(working_set: int, expected: float) -> None:
    assert known_machine().bandwidth("read", working_set) == pytest.approx(expected)


def test_between_two_memories_bandwidth_falls() -> None:
    assert 40e9 < known_machine().bandwidth("read", 2**25) < 100e9


@pytest.mark.parametrize(
    "change",
    [{"versions": {"numpy": "3"}}, {"cores": 1}, {"overrides": {"ONEDNN_MAX_CPU_ISA": "AVX2"}}, {"processor": "other"}],
)
def test_a_change_of_what_made_the_measurement_makes_another_machine(change: dict[str, object]) -> None:
    assert known_machine(**change).key != known_machine().key


def test_measuring_again_does_not_make_another_machine() -> None:
    assert known_machine(measurements=(), measured_at=7, left_out=("torch",)).key == known_machine().key


def test_a_middle_round_counts_only_as_far_as_it_may_be_the_works_own() -> None:
    row = known_machine().measurements[0]

    assert type(row)(**{**vars(row), "spread": 0.1}).typical == pytest.approx(1.1 * row.seconds)
    assert type(row)(**{**vars(row), "spread": 9.0}).typical == pytest.approx(1.25 * row.seconds)


def test_one_core_is_one_core() -> None:
    assert (known_machine().words, known_machine(cores=1).words) == ("a known one, 2 cores", "a known one, 1 core")
