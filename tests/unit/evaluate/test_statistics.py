"""Tests and corrections against other libraries, against brute force, and in their error rates."""

from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
from arch.bootstrap import SPA
from scipy.signal import lfilter
from statsmodels.stats.multitest import multipletests

from candlewick.core.errors import DataError
from candlewick.evaluate.statistics import groups, spa
from candlewick.evaluate.statistics.bootstrap import Interval, block_length, interval, mean, mean_interval
from candlewick.evaluate.statistics.deflated_sharpe import deflated_sharpe, expected_best_sharpe
from candlewick.evaluate.statistics.diebold_mariano import diebold_mariano, long_run_variance
from candlewick.evaluate.statistics.groups import MOST_GROUPS
from candlewick.evaluate.statistics.holm import holm
from candlewick.evaluate.statistics.model_confidence_set import model_confidence_set
from candlewick.evaluate.statistics.overfitting import overfitting
from candlewick.evaluate.statistics.spa import bootstrap_p, superiority


def persistent(rng, n, persistence, k=1):
    return lfilter([1.0], [1.0, -persistence], rng.standard_normal((n + 200, k)), axis=0)[200:]


# bootstrap


def test_blocks_are_longer_where_rows_depend_on_one_another(rng):
    assert block_length(rng.standard_normal(2000)) < 6
    assert block_length(persistent(rng, 2000, 0.9)) > 20
    assert block_length(np.ones(100)) == 1


def test_an_interval_covers_the_truth_as_often_as_it_says_even_with_dependence(rng):
    hits = narrow = 0
    for run in range(80):
        rows = persistent(rng, 400, 0.6)[:, 0]
        blocks, rowwise = (interval(mean, rows, seed=run, resamples=300, block=b) for b in (None, 1))
        hits += blocks.low <= 0 <= blocks.high
        narrow += rowwise.low <= 0 <= rowwise.high
    assert hits >= 0.85 * 80
    # What a bootstrap that takes rows for independent would say of the same data.
    assert narrow < 0.8 * 80


def test_a_paired_difference_is_known_better_than_its_parts(rng):
    market = rng.standard_normal(500)
    pair = np.column_stack([market + 0.1 + 0.05 * rng.standard_normal(500), market])

    def difference(rows):
        return float(np.mean(rows[:, 0] - rows[:, 1]))

    gain = interval(difference, pair, seed=1)
    alone = interval(mean, pair[:, 0], seed=1)
    assert gain.low > 0.08
    assert gain.high - gain.low < 0.2 * (alone.high - alone.low)


def test_the_same_seed_gives_the_same_interval(rng):
    rows = rng.standard_normal(200)
    assert interval(mean, rows, seed=3) == interval(mean, rows, seed=3) != interval(mean, rows, seed=4)


def test_too_few_rows_and_undefined_figures_have_no_interval(rng):
    assert np.isnan(interval(mean, rng.standard_normal(29), seed=1).low)
    assert np.isnan(interval(lambda rows: float("nan"), rng.standard_normal(100), seed=1).high)
    assert isinstance(interval(mean, np.empty(0), seed=1), Interval)


def test_rows_that_are_not_finite_are_refused():
    with pytest.raises(DataError, match="row 3"):
        interval(mean, np.array([1.0, 2.0, 3.0, np.nan]), seed=1)


# superior predictive ability


def test_the_bootstrap_equals_the_published_test_on_standardised_leads(rng):
    ahead = rng.standard_normal((400, 4)) + np.array([0.0, 0.05, 0.1, -0.1])
    ahead /= ahead.std(axis=0)
    other = SPA(np.zeros(400), -ahead, block_size=3, reps=4000, seed=1)
    other.compute()
    ours = bootstrap_p(ahead, block=3, seed=2, resamples=4000)
    assert ours.min() == pytest.approx(other.pvalues["upper"], abs=0.03)


def test_a_better_model_is_found_and_only_that_one(rng):
    base = rng.standard_normal(3000)
    noise = 0.2 * rng.standard_normal((3000, 3))
    found = superiority(base, base[:, None] + noise - [0.02, 0.0, -0.02], seed=1)
    assert found.p == found.p_each[0] <= 0.01
    assert min(found.p_each[1:]) > 0.05
    assert found.lead[0] == pytest.approx(0.02, abs=0.015)


def test_looking_at_more_models_asks_for_more(rng):
    base = rng.standard_normal(500)
    models = base[:, None] + rng.standard_normal((500, 20)) - np.array([0.12] + [0.0] * 19)
    assert superiority(base, models, seed=1).p_each[0] > 3 * superiority(base, models[:, :1], seed=1).p


@pytest.mark.parametrize("persistence", [0.0, 0.9])
def test_models_without_skill_pass_in_at_most_one_run_of_a_hundred(rng, persistence):
    runs = 120
    passed = plain = 0
    for run in range(runs):
        ahead = persistent(rng, 300, persistence, k=3)
        passed += superiority(np.zeros(300), -ahead, seed=run, resamples=399).p <= 0.01
        plain += bootstrap_p(ahead, block=1, seed=run, resamples=399).min() <= 0.01
    assert passed <= runs * 0.01 + 4 * np.sqrt(runs * 0.01 * 0.99)
    if persistence:
        assert plain > runs * 0.1  # the same test with rows taken for independent


def test_identical_losses_are_no_skill(rng):
    base = rng.standard_normal(100)
    found = superiority(base, np.column_stack([base, base * (1 + 1e-15)]), seed=1)
    assert found.p_each == (1.0, 1.0)


def test_the_interval_of_a_mean_is_the_same_from_groups(rng, monkeypatch):
    rows = persistent(rng, 20_000, 0.8)[:, 0]
    grouped = mean_interval(rows, seed=1)
    monkeypatch.setattr(groups, "MOST_GROUPS", len(rows))
    single = mean_interval(rows, seed=1)
    assert grouped.estimate == pytest.approx(single.estimate, abs=1e-12)
    assert (grouped.high - grouped.low) / (single.high - single.low) == pytest.approx(1.0, abs=0.08)
    assert grouped.block % 4 == 0
    assert grouped.block / single.block == pytest.approx(1.0, abs=0.5)


def test_long_tests_of_the_mean_draw_groups(rng, monkeypatch):
    drawn = []
    monkeypatch.setattr(spa, "bootstrap_p", lambda ahead, **_: drawn.append(len(ahead)) or np.ones(ahead.shape[1]))
    spa.superiority(rng.standard_normal(300_000), rng.standard_normal((300_000, 2)), seed=1)
    assert drawn == [MOST_GROUPS]
    losses = {name: rng.standard_normal(300_000) + shift for name, shift in (("a", 0.0), ("b", 0.1))}
    assert model_confidence_set(losses, seed=1, resamples=200).included == ("a",)


def test_few_rows_prove_nothing():
    assert superiority(np.ones(29), np.zeros((29, 1)), seed=1).p == 1.0
    assert superiority(np.ones(0), np.zeros((0, 2)), seed=1).p == 1.0


def test_long_series_are_judged_quickly_and_alike(rng):
    ahead = persistent(rng, 8 * MOST_GROUPS, 0.3) / 10
    lead = 4.0 * ahead.std() / 0.7 / np.sqrt(len(ahead))
    assert superiority(np.zeros(len(ahead)), -(ahead - ahead.mean() + lead), seed=1, resamples=499).p <= 0.01
    assert superiority(np.zeros(len(ahead)), -(ahead - ahead.mean()), seed=1, resamples=499).p > 0.2


# Diebold-Mariano


def test_newey_west_equals_statsmodels(rng):
    rows = persistent(rng, 300, 0.5)[:, 0]
    fit = sm.OLS(rows, np.ones(300)).fit(cov_type="HAC", cov_kwds={"maxlags": 6, "use_correction": False})
    assert np.sqrt(long_run_variance(rows, 6) / 300) == pytest.approx(fit.bse[0], rel=1e-9)


def test_diebold_mariano_tells_which_forecast_is_better(rng):
    shared = rng.standard_normal(1000)
    first, second = shared - 0.1 + 0.3 * rng.standard_normal(1000), shared + 0.3 * rng.standard_normal(1000)
    found = diebold_mariano(first, second)
    assert found.difference < 0
    assert found.p_first_better < 0.001
    swapped = diebold_mariano(second, first)
    assert (swapped.t, swapped.p, swapped.p_first_better) == pytest.approx(
        (-found.t, found.p, 1 - found.p_first_better)
    )


def test_diebold_mariano_corrects_for_the_horizon(rng):
    first, second = rng.standard_normal((2, 200))
    assert abs(diebold_mariano(first, second, horizon=10).t) < abs(diebold_mariano(first, second, horizon=1).t) * 2
    assert diebold_mariano(first, second, horizon=10).lags == 9


def test_diebold_mariano_of_equal_forecasts_is_undefined(rng):
    losses = rng.standard_normal(100)
    assert diebold_mariano(losses, losses).p == 1.0
    assert np.isnan(diebold_mariano(losses, losses).t)


# model confidence set


def test_the_confidence_set_leaves_out_the_worse_and_keeps_the_equal(rng):
    shared = rng.standard_normal(800)
    losses = {
        "good": shared + 0.2 * rng.standard_normal(800),
        "as good": shared + 0.2 * rng.standard_normal(800),
        "bad": shared + 0.2 + 0.2 * rng.standard_normal(800),
    }
    found = model_confidence_set(losses, seed=1)
    assert found.included == ("good", "as good")
    assert found.p["bad"] < 0.05


def test_models_with_equal_losses_share_one_fate(rng):
    good, bad = rng.standard_normal(200), rng.standard_normal(200) + 1
    found = model_confidence_set({"a": good, "b": bad, "c": good}, seed=1)
    assert found.included == ("a", "c")
    assert model_confidence_set({"a": good, "c": good}, seed=1).included == ("a", "c")


# trials, overfitting, several tests


def test_luck_grows_with_trials(rng):
    best = [np.sort(rng.standard_normal((2000, n)), axis=1)[:, -1].mean() for n in (10, 100)]
    assert [expected_best_sharpe(n, 1.0) for n in (10, 100)] == pytest.approx(best, abs=0.06)
    assert expected_best_sharpe(1, 1.0) == 0.0


def test_a_sharpe_is_deflated_by_trials(rng):
    returns = rng.normal(0.001, 0.01, 1000)
    how = {"variance": 0.5, "bars_per_year": 252.0}
    one, many = (deflated_sharpe(returns, trials=n, **how) for n in (1, 200))
    assert one > 0.95
    assert many < 0.6
    assert np.isnan(deflated_sharpe(np.zeros(100), trials=3, **how))
    with pytest.raises(DataError, match="one trial or more"):
        deflated_sharpe(returns, trials=0, **how)


def test_overfitting_equals_brute_force(rng):
    returns = rng.standard_normal((60, 5))
    parts = np.array_split(np.arange(60), 6)
    below = lost = 0
    cuts = list(combinations(range(6), 3))
    for cut in cuts:
        inside = np.concatenate([parts[b] for b in cut])
        outside = np.setdiff1d(np.arange(60), inside)
        best = np.argmax(returns[inside].mean(0) / returns[inside].std(0))
        sharpe = returns[outside].mean(0) / returns[outside].std(0)
        below += np.sum(sharpe < sharpe[best]) + 1 <= 3
        lost += sharpe[best] < 0
    found = overfitting(returns, blocks=6)
    assert (found.probability, found.loss, found.cuts) == (below / len(cuts), lost / len(cuts), 20)


def test_overfitting_is_half_without_skill_and_rare_with_it(rng):
    noise = rng.standard_normal((800, 20))
    assert 0.25 < np.mean([overfitting(rng.standard_normal((800, 20)), blocks=8).probability for _ in range(10)]) < 0.75
    noise[:, 3] += 0.2
    assert overfitting(noise).probability < 0.05
    with pytest.raises(DataError, match="even number"):
        overfitting(noise, blocks=7)


def test_holm_equals_statsmodels(rng):
    p = rng.uniform(0, 0.1, 12).tolist()
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1].tolist())
    assert holm([]) == ()
