import pytest

from candlewick.sizing.gate import Figures, gates
from candlewick.sizing.limits import Limits
from candlewick.sizing.samples import SampleCount

SAMPLES = SampleCount(rows=2000, effective=400.0)
GIB = 2**30


def judged(name, limits=None, **figures):
    found = gates(Figures(**{"parameters": 100, "samples": SAMPLES, **figures}), Limits(**(limits or {})))
    return {gate.name: gate for gate in found}[name]


@pytest.mark.parametrize(("parameters", "outcome"), [(3_999, "pass"), (4_000, "warn"), (400_000, "refuse")])
def test_parameters_are_held_against_effective_samples(parameters, outcome):
    gate = judged("parameters_per_sample", parameters=parameters)
    assert gate.outcome == outcome
    assert gate.value == parameters / 400
    assert f"{parameters:,} parameters for 400 effective samples (2,000 rows" in gate.sentence


@pytest.mark.parametrize(
    ("name", "figures", "sentence"),
    [
        ("latency", {"latency": 0.0101, "precision": "int8"}, "10.1 ms at p99 in int8. Refused from 10 ms."),
        (
            "memory",
            {"memory": 15 * GIB, "machine_memory": 16 * GIB},
            "15 GiB at their peak, 93.8 % of the machine's 16",
        ),
    ],
)
def test_defaults_refuse(name, figures, sentence):
    gate = judged(name, **figures)
    assert gate.outcome == "refuse"
    assert sentence in gate.sentence
    freed = judged(name, {name: {"refuse": None}}, **figures)
    assert freed.outcome == "pass"
    assert freed.sentence.endswith("No limit is set.")


def test_what_no_machine_could_hold_is_told_without_an_exponent():
    gate = judged("memory", memory=340 * GIB, machine_memory=16 * GIB)
    assert "340 GiB at their peak, 2,125 % of the machine's 16 GiB" in gate.sentence


def test_training_time_has_a_limit_only_where_one_is_set():
    assert judged("training_time", training=1e9).outcome == "pass"
    assert judged("training_time", {"training_time": {"warn": 1, "refuse": 3}}, training=7200.0).outcome == "warn"


def test_the_rarest_class_is_named():
    few = SampleCount(rows=100, effective=100.0, classes=(60, 11, 29))
    gate = judged("class_rows", samples=few, class_names=("up", "flat", "down"))
    assert (gate.outcome, gate.value) == ("warn", 11)
    assert gate.sentence == "class flat, the rarest of 3, has 11 training rows. Warned below 30."
    assert judged("class_rows", {"class_rows": {"refuse": 12}}, samples=few).outcome == "refuse"
    assert judged("class_rows", {"class_rows": {"warn": 11}}, samples=few).outcome == "pass"


def test_a_figure_that_is_not_known_asks_no_gate():
    assert [gate.name for gate in gates(Figures(100, SAMPLES), Limits())] == ["parameters_per_sample"]


def test_refusals_come_first():
    found = gates(Figures(10_000, SAMPLES, latency=1.0, memory=1.0, machine_memory=GIB), Limits())
    assert [gate.outcome for gate in found] == ["refuse", "warn", "pass"]


def test_overriding_one_level_leaves_the_other():
    assert Limits(parameters_per_sample={"refuse": 5000}).parameters_per_sample.warn == 10.0


def test_a_budget_that_only_a_reduced_precision_meets_is_a_warning():
    slow = {"latency": 0.004, "precision": "int8", "latency_fp32": 0.011}
    gate = judged("latency", **slow)
    assert gate.outcome == "warn"
    assert gate.sentence.endswith("In fp32 it is 11 ms, so int8 has to prove itself after training.")
    assert judged("latency", **{**slow, "latency_fp32": 0.009}).outcome == "pass"
    assert judged("latency", {"latency": {"refuse": 1}}, **slow).outcome == "refuse"
