"""What verdicts say, and when."""

import json

import numpy as np
import pytest

from candlewick.core.errors import ConfigError, DataError
from candlewick.evaluate.track import Track, Trades
from candlewick.evaluate.verdict import Trials, judge_forecast, judge_trading

FINE = {"the future changes nothing": True, "shuffled labels have no skill": True}


def losses(rng, n=600, **leads):
    shared = rng.gamma(1.0, 1.0, n)
    return {name: shared - lead + 0.3 * rng.standard_normal(n) for name, lead in leads.items()}


def judge(given, *, trivial=("last", "mean"), simple=("har",), main="lstm", leak_checks=FINE, seed=1):
    return judge_forecast(given, trivial=trivial, simple=simple, main=main, leak_checks=leak_checks, seed=seed)


def test_skill_passes_and_the_better_deep_model_is_worth_its_cost(rng):
    verdict = judge(losses(rng, last=-0.3, mean=0.0, har=0.1, lstm=0.2))
    assert verdict.passed
    assert verdict.main_passed
    assert verdict.skilled == ("lstm", "har")
    assert verdict.worth.below
    assert verdict.worth.gain.low > 0
    assert verdict.sentences[0].startswith("The forecast verdict passes")
    assert "worth its cost" in verdict.sentences[-1]


def test_where_a_simple_model_does_as_well_the_first_sentence_names_it(rng):
    verdict = judge(losses(rng, last=-0.3, mean=0.0, har=0.2, lstm=0.2))
    assert verdict.passed
    assert verdict.main_passed
    assert verdict.sentences[0].startswith("Use har instead of lstm")


def test_the_simpler_model_named_is_the_best_of_them(rng):
    verdict = judge(losses(rng, last=0.0, mean=0.0, linear=0.1, har=0.2, lstm=0.15), simple=("linear", "har"))
    assert verdict.worth.simple == "har"


def test_a_pass_that_is_not_the_deep_models_is_not_credited_to_it(rng):
    verdict = judge(losses(rng, last=-0.3, mean=0.0, har=0.2, lstm=-0.1))
    assert verdict.passed
    assert not verdict.main_passed
    assert verdict.use == "har"
    assert any("not owed to lstm" in sentence for sentence in verdict.sentences)


def test_beating_one_bad_baseline_is_no_skill(rng):
    # In a market of constant variance the last value is a very bad forecast, and the mean cannot be beaten.
    verdict = judge(losses(rng, last=-2.0, mean=0.0, har=-0.01, lstm=-0.01))
    assert verdict.models[0].p["last"] <= 0.01
    assert not verdict.passed
    assert verdict.use == "mean"
    assert verdict.sentences[0].startswith("Use mean:")
    assert "no model is shown to lose less on average than last and mean" in " ".join(verdict.sentences)


def test_one_model_must_beat_all_baselines_not_each_baseline_some_model(rng):
    n = 1500
    shared, early = rng.gamma(1.0, 1.0, n), np.arange(n) < n // 2
    given = {
        "last": shared + 1.0 * early,
        "mean": shared + 1.0 * ~early,
        "a": shared + 1.0 * early - 0.1 * rng.uniform(size=n),
        "b": shared + 1.0 * ~early - 0.1 * rng.uniform(size=n),
    }
    verdict = judge(given, simple=(), main="a")
    assert max(min(model.p[base] for model in verdict.models) for base in ("last", "mean")) <= 0.01
    assert not verdict.passed


def test_a_leak_fails_the_verdict_whatever_the_losses(rng):
    given = losses(rng, last=-0.3, mean=0.0, har=0.1, lstm=0.2)
    verdict = judge(given, leak_checks={**FINE, "no look-ahead": False})
    assert not verdict.passed
    assert not verdict.main_passed
    assert verdict.leaks == ("no look-ahead",)
    assert "no look-ahead" in verdict.sentences[0]
    assert not any("worth its cost" in sentence for sentence in verdict.sentences)


def test_few_rows_fail_and_say_why(rng):
    verdict = judge(losses(rng, n=20, last=-0.3, mean=0.0, har=5.0, lstm=9.0))
    assert not verdict.passed
    assert any("too few" in sentence for sentence in verdict.sentences)


def test_no_rows_fail_in_words(rng):
    verdict = judge(losses(rng, n=0, last=0.0, mean=0.0, har=0.0, lstm=0.0))
    assert not verdict.passed
    json.dumps(verdict.to_dict(), allow_nan=False)


def test_a_model_that_copies_a_baseline_does_not_pass(rng):
    given = losses(rng, last=-0.3, mean=0.0)
    verdict = judge({**given, "har": given["mean"], "lstm": given["mean"]})
    assert not verdict.passed
    assert verdict.worth.p == 1.0


def test_a_run_of_baselines_alone_does_not_pass(rng):
    verdict = judge(losses(rng, last=0.5, mean=0.0), simple=(), main="last")
    assert not verdict.passed
    assert verdict.p == 1.0


def test_a_simple_main_model_is_not_weighed_against_itself(rng):
    verdict = judge(losses(rng, last=-0.3, mean=0.0, har=0.2), main="har")
    assert verdict.main_passed
    assert verdict.worth is None
    assert verdict.use == "har"


def test_the_same_seed_gives_the_same_verdict(rng):
    given = losses(rng, last=-0.3, mean=0.0, har=0.02, lstm=0.03)
    assert judge(given) == judge(given)


def test_losses_that_cannot_be_compared_are_refused(rng):
    given = losses(rng, last=0.0, mean=0.0, har=0.0, lstm=0.0)
    with pytest.raises(ConfigError, match="no losses of gru"):
        judge(given, main="gru")
    with pytest.raises(ConfigError, match="at least one trivial"):
        judge(given, trivial=())
    with pytest.raises(DataError, match="the same times"):
        judge({**given, "har": given["har"][1:]})
    given["lstm"][7] = np.nan
    with pytest.raises(DataError, match="row 7"):
        judge(given)


def test_verdicts_are_json(rng):
    verdict = judge(losses(rng, last=-0.3, mean=0.0, har=0.1, lstm=0.2))
    data = json.loads(json.dumps(verdict.to_dict(), allow_nan=False))
    assert data["passed"] is True
    assert data["models"][0]["name"] == "lstm"
    assert data["sentences"] == list(verdict.sentences)


# trading


def track(returns, trades=10):
    stamps = np.arange(trades)
    n = len(returns)
    held = Trades(stamps, stamps, np.ones(trades, dtype=np.int64), stamps, np.zeros(trades), np.zeros(trades))
    return Track(np.arange(n), returns, np.ones(n), np.zeros(n), np.zeros(n), held, 252.0)


def judge_tracks(strategy, benchmark, trials=None, name="buy_and_hold"):
    return judge_trading(
        strategy, benchmark, policy="volatility_target", benchmark_name=name, trials=trials or Trials(1, 0.0), seed=1
    )


def test_a_policy_that_does_better_is_ahead_with_an_interval(rng):
    market = rng.normal(0.0003, 0.01, 2000)
    verdict = judge_tracks(track(market + 0.0005), track(market))
    assert verdict.outcome == "ahead"
    assert verdict.return_gain.estimate == pytest.approx(0.0005 * 252)
    assert "did better than buy and hold" in verdict.sentences[0]


def test_leverage_alone_is_no_better_sharpe(rng):
    market = rng.normal(0.0005, 0.01, 2000)
    verdict = judge_tracks(track(2 * market), track(market))
    assert verdict.outcome == "undecided"
    assert verdict.sharpe_gain.estimate == pytest.approx(0.0, abs=1e-9)


def test_a_policy_that_does_worse_is_behind(rng):
    market = rng.normal(0.0003, 0.01, 2000)
    assert judge_tracks(track(market - 0.0005), track(market)).outcome == "behind"


def test_against_holding_nothing_the_sharpe_itself_is_the_difference(rng):
    verdict = judge_tracks(track(rng.normal(0.001, 0.01, 1000)), track(np.zeros(1000)), name="flat")
    assert verdict.benchmark_sharpe == 0.0
    assert verdict.sharpe_gain.estimate == pytest.approx(verdict.sharpe)


def test_a_policy_that_never_traded_is_not_judged():
    verdict = judge_tracks(track(np.zeros(100), trades=0), track(np.zeros(100)))
    assert verdict.outcome == "undecided"
    assert "never traded" in verdict.sentences[0]
    json.dumps(verdict.to_dict(), allow_nan=False)


def test_many_trials_and_a_broken_ledger_are_said(rng):
    returns = rng.normal(0.0008, 0.01, 1000)
    alone, many = (judge_tracks(track(returns), track(np.zeros(1000)), trials) for trials in (None, Trials(300, 0.6)))
    assert many.deflated < alone.deflated
    assert "300 trials" in many.sentences[1]
    broken = judge_tracks(track(returns), track(np.zeros(1000)), Trials(3, 0.1, intact=False))
    assert "broken" in broken.sentences[1]
    assert "broken" not in many.sentences[1]


def test_tracks_over_different_bars_are_refused():
    with pytest.raises(DataError, match="same bars"):
        judge_tracks(track(np.zeros(100)), track(np.zeros(99)))
