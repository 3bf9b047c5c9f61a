"""Settings, the sessions they open, and the one that is taken."""

import itertools
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest
from small_exports import Small, market, small

from candlewick.core.errors import ConfigError
from candlewick.runtime import choose as module
from candlewick.runtime.choose import Setting, candidates, choose, open_session
from candlewick.runtime.engine import Engine
from candlewick.runtime.exported import Exported, Judged
from candlewick.runtime.quantise import judge, stream_raw
from candlewick.runtime.replay import replay
from candlewick.runtime.session import Lanes, Session

SYMBOLS = ("A", "B")
REFUSED = Judged(False, 0.2, None, 10, "forecasts differ by 20.0% of fp32's deviation")
ALLOWED = Judged(True, 0.01, None, 2_000, "forecasts differ by 1.0% of fp32's deviation")


@cache
def network(sampling: str) -> Small:
    """A tiny LSTM trained for one epoch and exported with all its graphs."""
    pytest.importorskip("torch")
    from candlewick.train.export import quantised, to_graph

    recipe = {"sampling": sampling, "epochs": 1, "batch": 4, "chunk": 16, "warmup": 16}
    model = {"name": "lstm", "layers": 3, "hidden": 8, "projection": 6, "dropout": 0.0}
    case = small(market(SYMBOLS), model, train=recipe)
    own = case.exported
    graph = to_graph(
        own.model, own.weights, inputs=own.features.width, head=own.head, length=own.length, streams=own.streams
    )
    return replace(case, exported=replace(own, graphs={"fp32": graph, "int8": quantised(graph)}))


@pytest.fixture(params=["streams", "windows"])
def case(request: pytest.FixtureRequest) -> Small:
    return network(request.param)


def test_the_engine_forecasts_what_torch_does_in_every_fp32_setting(case: Small) -> None:
    panel, exported = market(SYMBOLS), case.exported
    first = {bars.symbol: len(bars) - 150 for bars in panel.bars}
    starts = np.cumsum([0, *(len(bars) for bars in panel.bars)])
    for setting in candidates(exported):
        found = replay(exported, open_session(exported, setting), panel, first=first)
        index = starts[found.symbol] + found.row
        order = np.argsort(index)
        assert len(index) == 300
        expected = case.forecast(index[order]).value
        np.testing.assert_allclose(np.log(found.belief.value[order]), np.log(expected), atol=1e-5, err_msg=str(setting))


def test_an_int8_session_is_opened_unless_it_was_judged_and_refused(case: Small) -> None:
    exported = case.exported
    rows = np.random.default_rng(0).standard_normal((300, exported.features.width)).astype(np.float32)
    eight, full = (
        stream_raw(open_session(exported, Setting("onnxruntime", precision)), rows) for precision in ("int8", "fp32")
    )
    assert judge(full, eight, skill=(None, None), steps=300).difference < 0.2
    assert not np.array_equal(full, eight)
    with pytest.raises(ConfigError, match=r"int8 is refused for this model: forecasts differ by 20\.0%"):
        open_session(replace(exported, precisions={"int8": REFUSED}), Setting("onnxruntime", "int8"))


def test_reduced_precisions_are_candidates_only_where_they_are_allowed(case: Small) -> None:
    def precisions(**judged: Judged) -> set[str]:
        return {setting.precision for setting in candidates(replace(case.exported, precisions=judged))}

    assert precisions() == precisions(int8=REFUSED) == {"fp32"}
    assert "int8" in precisions(int8=ALLOWED)


def test_candidates_spin_only_where_it_is_allowed(case: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda process: {0, 1, 2})
    quiet, spinning = candidates(case.exported), candidates(case.exported, spinning=True)
    assert {(s.threads, s.spinning) for s in quiet} == {(1, False), (2, False)}
    assert {(s.threads, s.spinning) for s in spinning} == {(1, False), (2, False), (2, True)}
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda process: {3})
    assert {s.threads for s in candidates(case.exported, spinning=True)} == {1}


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A choice takes a twentieth of a second."""
    monkeypatch.setattr(module, "_BUDGET_NS", 50_000_000)


@pytest.mark.usefixtures("brief")
def test_an_estimator_has_one_setting() -> None:
    exported = small(market(), "linear").exported
    assert candidates(exported, spinning=True) == (Setting("estimator"),)
    setting, measured = choose(exported, instruments=3)
    assert setting == Setting("estimator")
    assert [one.setting for one in measured] == [setting]
    assert 0 < measured[0].p50_us <= measured[0].p99_us
    with pytest.raises(ConfigError, match=r"linear cannot be run as onnxruntime fp32, 1 thread\. Here it can be as"):
        open_session(exported, Setting("onnxruntime"))


class Slow(Session):
    """A session whose step takes as long as `TIMES` says of its setting."""

    kernel = "compiled"

    def __init__(self, setting: Setting) -> None:
        self.precision, self.threads, self.spinning, self.setting = (
            setting.precision, setting.threads, setting.spinning, setting,
        )  # fmt: skip

    def begin(self, capacity: int) -> Lanes:
        return SlowLanes(self.setting, capacity)


class SlowLanes(Lanes):
    clock = 0
    steps: ClassVar[list[Setting]] = []

    def __init__(self, setting: Setting, capacity: int) -> None:
        self.x, self.echo = np.zeros((capacity, 2), np.float32), np.empty((capacity, 0))
        self.state, self.raw = (), np.zeros((capacity, 1))
        self.setting = setting

    def step(self, rows: int) -> None:
        SlowLanes.clock += TIMES[self.setting]
        SlowLanes.steps.append(self.setting)


TIMES: dict[Setting, int] = {}


@pytest.mark.parametrize(
    ("times", "taken"),
    [((100_000, 50_000, 70_000), 1), ((100_000, 98_000, 99_000), 0), ((100_000, 98_000, 60_000), 2)],
    ids=["the fastest", "the simplest of equals", "the fastest of the complicated"],
)
def test_the_lowest_median_is_taken_and_the_simplest_within_three_percent(
    times: tuple[int, ...], taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = (Setting("compiled"), Setting("compiled", "int8"), Setting("compiled", "fp32", 2))
    simulate(dict(zip(settings, times, strict=True)), monkeypatch)
    setting, measured = choose(any_model(), instruments=2, settings=settings)
    assert setting == settings[taken]
    assert [one.p50_us * 1_000 for one in measured] == pytest.approx(times)


def test_what_spins_is_stepped_apart_from_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = Setting("compiled"), Setting("compiled", threads=2)
    awake = Setting("compiled", threads=2, spinning=True), Setting("compiled", "int8", threads=2, spinning=True)
    steps = simulate(dict.fromkeys((*asleep, *awake), 100_000), monkeypatch)
    choose(any_model(), settings=(*asleep, *awake))
    turns = [setting for setting, _ in itertools.groupby(steps)]
    assert [setting for setting in turns if setting.spinning] == list(awake)
    assert len(turns) > 10  # the others take turns


def simulate(times: dict[Setting, int], monkeypatch: pytest.MonkeyPatch) -> list[Setting]:
    """Let steps take these times by a clock that nothing else moves; what is stepped goes to the list."""
    steps: list[Setting] = []
    monkeypatch.setattr(module, "open_session", lambda exported, setting: Slow(setting))
    monkeypatch.setattr(module, "elapsed_ns", lambda: SlowLanes.clock)
    monkeypatch.setitem(globals(), "TIMES", times)
    monkeypatch.setattr(SlowLanes, "steps", steps)
    return steps


def any_model() -> Exported:
    return small(market(), "naive").exported


@pytest.mark.usefixtures("brief")
def test_a_chosen_setting_serves(case: Small) -> None:
    setting, measured = choose(case.exported, instruments=2)
    assert {one.setting for one in measured} == set(candidates(case.exported))
    engine = Engine(case.exported, SYMBOLS, open_session(case.exported, setting))
    rows: Any = np.full((2, len(case.exported.columns)), 100.0)
    assert [f.status for f in engine.step(1, rows)] == ["abstain", "abstain"]


def test_a_setting_reads_as_a_person_would_say_it() -> None:
    assert str(Setting("compiled", "int8", 2, spinning=True)) == "compiled int8, 2 threads, spinning"
    assert str(Setting("estimator")) == "estimator fp32, 1 thread"
