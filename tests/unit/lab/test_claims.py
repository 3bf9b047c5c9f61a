"""The claims: the rule that gives a verdict, the arithmetic behind it, and one figure that is really measured."""

from pathlib import Path

import pytest

from candlewick.cli.main import call
from candlewick.core.errors import ConfigError
from candlewick.evaluate.statistics.bootstrap import Interval
from candlewick.features._set import FeatureSet
from candlewick.lab.claims import QUESTIONS, Claims, claims, page
from candlewick.lab.claims.capacity import WINDOWS, coins, gated, occupied, sized
from candlewick.lab.claims.claim import Answer, Bench, Claim, Figure, Reading, Verdict, judge
from candlewick.lab.claims.depth import fall, survival, surviving
from candlewick.lab.claims.latency import paired
from candlewick.lab.claims.network import FEATURES, INPUTS, deployed, published
from candlewick.models.lstm import Lstm
from candlewick.runtime.choose import candidates, open_session
from candlewick.sizing.machine import Machine, Measured

MACHINE = Machine(
    processor="a processor", flags=(), cores=2, memory=2**34, versions={"numpy": "2"}, overrides={}, measured_at=0,
    measurements=tuple(
        [Measured("product", "torch linear", p, 2, (1, 1, 1), 1e9, 0.01, 0.0) for p in ("fp32", "bf16", "int8")]
        + [Measured(what, "compiled", "fp32", n, (2**27,), 1e8, 0.01, 0.0) for what in ("read", "copy") for n in (1, 2)]
    ),
)  # fmt: skip


def question(name: str) -> object:
    return next(question for question in QUESTIONS if question.name == name)


# The rule


@pytest.mark.parametrize(
    ("value", "word"), [(995.0, "holds"), (996.0, "holds"), (997.0, "not reached here")]
)  # fmt: skip
def test_a_measured_value_on_either_side_of_the_figure_turns_the_verdict(value: float, word: str) -> None:
    assert judge(Figure(996, "µs"), [Reading("a step", value)]).word == word


def test_weaker_terms_are_named_where_only_they_meet_the_figure() -> None:
    verdict = judge(Figure(996, "µs"), [Reading("a whole window", 9e4), Reading("a stateful step", 800.0)])
    assert verdict.word == "holds only as"
    assert "a stateful step" in verdict.sentence


def test_what_the_machine_cannot_do_is_impossible_and_what_was_not_done_is_not() -> None:
    figure, reading = Figure(56, "s"), [Reading("200 epochs", 2_000.0)]
    assert judge(figure, reading, limit=900.0).word == "impossible here"
    assert judge(figure, reading, limit=50.0).word == "not reached here"


def test_a_limit_that_a_measurement_is_beyond_rules_nothing_out() -> None:
    assert judge(Figure(8, "ms"), [Reading("an update", 12.0)], limit=56.0).word == "not reached here"


def test_an_estimate_meets_a_figure_only_with_the_end_of_its_interval_that_speaks_against_it() -> None:
    figure = Figure(31, "%", "at least")
    assert judge(figure, [Reading("5 layers", 35.0, (32.0, 38.0))]).word == "holds"
    assert judge(figure, [Reading("5 layers", 35.0, (25.0, 45.0))]).word == "not reached here"


def test_counts_must_be_met_exactly() -> None:
    figure = Figure(9_981_952, "parameters", "exactly")
    assert judge(figure, [Reading("counted", 9_981_952)]).word == "holds"
    assert judge(figure, [Reading("counted", 9_981_951)]).word != "holds"


# The arithmetic


def test_ten_models_cannot_be_faster_than_one_of_them() -> None:
    assert paired(Figure(3.1, "ms"), one=6.2, ten=1.0).word == "impossible here"
    assert paired(Figure(3.1, "ms"), one=0.3, ten=1.0).word == "holds"
    assert paired(Figure(3.1, "ms"), one=0.3, ten=4.0).word == "not reached here"


def test_a_fall_of_the_error_is_the_difference_turned_round() -> None:
    percent, (low, high) = fall(Interval(-0.002, -0.003, 0.001, confidence=0.95, block=1), 0.01)
    assert (percent, low, high) == pytest.approx((20.0, -10.0, 30.0))


def test_a_survival_rate_above_one_is_impossible_and_one_that_fits_what_is_measured_holds() -> None:
    figure = Figure(1, "")
    assert surviving(figure, {5: survival(5)}, {5: 0.9}).word == "impossible here"
    assert surviving(figure, {5: 0.60}, {5: 0.62}).word == "holds"
    assert surviving(figure, {5: 0.60}, {5: 0.90}).word == "not reached here"


def test_a_ratio_is_no_proof_where_coin_flips_were_learned_by_heart() -> None:
    figure = Figure(1000, "parameters")
    assert gated(figure, 825, seen=1.0, unseen=0.5).word == "holds only as"
    assert gated(figure, 825, seen=0.55, unseen=0.5).word == "holds"
    assert gated(figure, 1825, seen=0.55, unseen=0.5).word == "not reached here"


def test_memory_is_held_against_what_the_work_uses() -> None:
    figure = Figure(1, "GB", "at least")
    assert occupied(figure, 2.0, present=True).word == "holds"
    assert occupied(figure, 0.1, present=True).word == "holds only as"
    assert occupied(figure, 0.1, present=False).word == "impossible here"


def test_coin_flips_are_as_many_and_as_wide_as_published_and_the_network_as_large_as_it_may_be() -> None:
    samples = coins(WINDOWS, "train")
    assert (len(samples), *samples.windows.shape[1:]) == (174, 105, 4)
    assert 0.35 < samples.y.mean() < 0.65
    assert sized(2_000) == Lstm(layers=2, hidden=sized(2_000).hidden, dropout=0.0)


def test_forty_columns_feed_the_published_network_and_it_runs_in_every_setting() -> None:
    assert FeatureSet.of(FEATURES).width == INPUTS
    assert published().layers == 5
    exported = deployed(published(layers=1, hidden=16))
    for setting in candidates(exported):
        lanes = open_session(exported, setting).begin(2)
        lanes.x[:] = 1.0
        lanes.step(2)
        assert lanes.raw[0] == pytest.approx(lanes.raw[1], rel=1e-6)


# The page and the command


def bench(network: Lstm) -> Bench:
    from candlewick.core.progress import Silent

    return Bench(MACHINE, network, 1, Silent(), scale=0.01)


@pytest.mark.parametrize("name", ["ensemble", "update", "size", "compact", "architectures", "memory"])
def test_quick_figures_are_really_measured(name: str) -> None:
    asked = question(name)
    answer = asked.measure(asked.figure, bench(published(layers=1, hidden=16)))
    assert answer.verdict.sentence
    assert all(reading.value > 0 for reading in answer.readings)


def found(verdict: Verdict, *readings: Reading) -> Claims:
    asked = question("batch")
    claim = Claim(asked, Answer(("It needs 0.64 TFLOP/s.",), readings, verdict), 3.0, 0)
    return Claims((claim,), MACHINE, 3.0, "candlewick claims", 0)


def test_the_page_puts_the_verdict_first_and_names_command_machine_and_value() -> None:
    text = page(found(Verdict("holds", "a step: 800 µs."), Reading("a step", 800.0, (790.0, 810.0))))
    assert text.index("**holds**") < text.index("What it would need:") < text.index("| a step | 800 [790, 810] µs |")
    assert "`candlewick claims --only batch`" in text
    assert "a processor" in text
    assert "[A batch of 32 in 996 µs](#a-batch-of-32-in-996-µs)" in text


def test_what_is_left_out_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("candlewick.lab.claims.run.measured_machine", lambda **_: MACHINE)
    result = claims(only=["size", "depth"], quick=True)
    words = {claim.question.name: claim.answer.verdict.word for claim in result.claims}
    assert words == {"depth": "left out", "size": "holds"}
    assert "candlewick claims --only depth" in page(result)


def test_an_unknown_figure_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no figure is called speed.*batch.*epochs"):
        claims(only=["speed"])


def test_the_command_writes_the_page_where_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("candlewick.lab.claims.run.measured_machine", lambda **_: MACHINE)
    monkeypatch.chdir(tmp_path)
    assert call(["claims", "--only", "size", "--quiet"]) == 0
    assert not list(tmp_path.iterdir())
    assert call(["claims", "--only", "size", "--out", "page.md", "--quiet"]) == 0
    assert "9,981,952" in (tmp_path / "page.md").read_text()
    assert "holds" in capsys.readouterr().out


def test_an_interrupted_measurement_leaves_no_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(**_: object) -> Machine:
        raise KeyboardInterrupt

    monkeypatch.setattr("candlewick.lab.claims.run.measured_machine", interrupted)
    monkeypatch.chdir(tmp_path)
    assert call(["claims", "--quick", "--quiet"]) == 130
    assert not list(tmp_path.iterdir())
