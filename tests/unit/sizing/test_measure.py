import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from candlewick.core.progress import Silent
from candlewick.runtime import rates
from candlewick.runtime.rates import Trial
from candlewick.sizing import bandwidth, measure
from candlewick.sizing.machine import Machine


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


class Library:
    """A supply of one trial that takes as many seconds as it is told, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, threads: int) -> Iterator[Trial]:
        self.asked += 1
        yield Trial("product", "library", "fp32", threads, (1, 1, 1), 2e9, lambda: 1.0)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CANDLEWICK_HOME", str(tmp_path / "unmeasured"))
    monkeypatch.setattr(bandwidth, "trials", lambda threads: ())
    return tmp_path / "unmeasured"


def measured(library: Library, progress: Heard | None = None, **options: bool) -> Machine:
    return measure.measured({"library": library}, late={}, progress=progress, **options)


def test_a_known_machine_is_not_measured_again_until_it_is_asked_for() -> None:
    library = Library()

    first = measured(library)
    asked = library.asked
    second = measured(library)

    assert first.peak("fp32", threads=1) == (2.0, "library")
    assert second == first
    assert library.asked == asked
    measured(library, remeasure=True)
    assert library.asked > asked


def test_another_version_of_a_library_is_measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    measured(library)
    asked, here = library.asked, measure.this_machine()
    monkeypatch.setattr(measure, "this_machine", lambda: replace(here, versions={**here.versions, "numpy": "99"}))

    assert measured(library).versions["numpy"] == "99"
    assert library.asked > asked


def test_an_override_of_instructions_is_measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    measured(library)
    asked = library.asked
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")

    assert measured(library).overrides["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert library.asked > asked


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"processor": "x"}'])
def test_a_damaged_measurement_is_made_anew_with_a_word(home: Path, content: bytes) -> None:
    first, heard = measured(Library()), Heard()
    (file,) = home.glob("machine-*.json")
    file.write_bytes(content)

    again = measured(Library(), heard)

    assert again.measurements == first.measurements
    assert "damaged" in heard.lines[0]


def test_an_unwritable_home_measures_and_says_so(
    home: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write_text("")  # a file where the folder should be

    with caplog.at_level(logging.WARNING, logger="candlewick"):
        machine = measured(Library())

    assert machine.measurements
    assert "not kept" in caplog.text


def test_what_is_late_is_left_out_by_name_but_not_when_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_READY_S", -1.0)
    monkeypatch.setattr(measure, "cores", lambda: 2)
    slow = Library()

    hasty = measure.measured({"library": Library(), "one thread only": lambda threads: ()}, late={"slow": slow})
    asked_in_haste = slow.asked
    patient = measure.measured({"library": Library()}, late={"slow": slow}, remeasure=True)

    assert hasty.left_out == ("library on 2 threads", "slow")
    assert asked_in_haste == 0  # to ask may already compile
    assert any(hasty.of("product", threads=1))
    assert patient.left_out == ()
    assert len(patient.measurements) > len(hasty.measurements)


def test_a_measurement_is_the_best_round_and_tells_the_spread() -> None:
    taken = iter([9.0, 2.0, 4.0, 2.0, 2.0, *[2.2] * 20])
    trial = Trial("product", "library", "fp32", 1, (1,), 1.0, lambda: next(taken))

    (row,) = measure.rounds([trial], budget_s=10.0)

    assert row.seconds == 2.0
    assert row.spread == pytest.approx(0.1)


def test_a_control_group_limits_the_cores(tmp_path: Path) -> None:
    for text, cores in (("150000 100000", 2), ("50000 100000", 1)):
        (tmp_path / "cpu.max").write_text(text)
        assert measure._quota(tmp_path) == cores
    (tmp_path / "cpu.max").write_text("max 100000")
    assert measure._quota(tmp_path) > 1000


def test_every_library_multiplies_here_at_a_rate_that_is_possible() -> None:
    products = [trial for trial in rates.trials(1) if trial.what == "product"]

    paths = {trial.path for trial in products}
    fastest = {trial.path: trial.work / min(trial.seconds() for _ in range(2)) for trial in products}

    assert {"numpy", "onnxruntime"} <= paths
    assert all(1e8 < rate < 1e14 for rate in fastest.values())


def test_what_took_longer_to_get_ready_is_tried_in_fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    now, budgets = [0.0], []
    monkeypatch.setattr(measure, "elapsed_s", lambda: now[0])
    monkeypatch.setattr(measure, "rounds", lambda trials, budget_s: budgets.append(budget_s) or ())

    for ready in (3.0, 6.0):

        def compiles(threads: int, ready: float = ready) -> Iterator[Trial]:
            now[0] += ready
            return iter(())

        monkeypatch.setattr(measure, "cores", lambda: 1)
        measure.measured({"library": compiles}, late={})

    assert budgets == [pytest.approx(budgets[1] + 3.0), budgets[1]]
