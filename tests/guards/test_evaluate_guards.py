"""Planted faults: each is a mistake somebody has shipped, and a contract must catch it."""

import re
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from candlewick.evaluate.backtest import backtest
from candlewick.evaluate.metrics.hit_rate import HitRate
from candlewick.evaluate.metrics.profit_factor import ProfitFactor
from candlewick.evaluate.metrics.rmse import Rmse
from candlewick.evaluate.metrics.sharpe import Sharpe
from candlewick.evaluate.policies.proportional import Proportional
from candlewick.evaluate.policies.threshold import Threshold
from candlewick.testing.metric_contracts import check_metric
from candlewick.testing.policy_contracts import check_backtest, check_policy


def broken(results):
    return "\n".join(result.message for result in results if not result.passed)


class IgnoresTheTruth(Rmse):
    """Scores the forecast against itself."""

    def rows(self, truth, value, probabilities=None):
        return super().rows(value, value)


class WrongDirection(HitRate):
    """Says that fewer hits are better."""

    direction: ClassVar = "lower"


class SkipsNaN(Rmse):
    """Leaves out the rows it cannot score."""

    def rows(self, truth, value, probabilities=None):
        return np.square(truth - value)


class ScoresAnotherMean(Rmse):
    """Its rows are absolute errors, its score is not."""

    def score(self, truth, value, probabilities=None):
        return super().score(truth, value) * 2


class ScalesByTheWholeTest(Rmse):
    """Divides each row by the deviation of all."""

    def rows(self, truth, value, probabilities=None):
        return super().rows(truth, value) / np.std(truth)


class CountsFromTheFront(Rmse):
    """Weighs early rows more."""

    def score(self, truth, value, probabilities=None):
        rows = self.rows(truth, value)
        return float(np.average(rows, weights=np.arange(len(rows), 0, -1)))

    def rows(self, truth, value, probabilities=None):
        return super().rows(truth, value)


class SharpeOf252(Sharpe):
    """Annualises every market as if its bars were days of a stock exchange."""

    def score(self, track):
        return super().score(replace(track, bars_per_year=252.0))


class InfinitelyGood(ProfitFactor):
    """Divides by the losses there are not."""

    def score(self, track):
        score = super().score(track)
        return np.inf if np.isnan(score) else score


class SharpeOfNothing(Sharpe):
    """Scores whatever it is given."""

    def score(self, track):
        return float(np.nan_to_num(np.nanmean(track.returns)))


class IgnoresItsParameter(Rmse):
    """Offers what it does not use."""

    tolerance: float = 0.5


class OtherScoreOfGroups(Rmse):
    """Forgets the root where the score comes from groups of rows."""

    def of_groups(self, groups):
        return super().of_groups(groups) ** 2


class OtherSharpeOfGroups(Sharpe):
    """Annualises groups of bars as if they were days of a stock exchange."""

    def of_groups(self, groups, bars_per_year):
        return super().of_groups(groups, 252.0)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (IgnoresTheTruth, "not in the order"),
        (WrongDirection, "not in the order"),
        (SkipsNaN, "Refuse it"),
        (ScoresAnotherMean, "not of_mean"),
        (ScalesByTheWholeTest, "other rows are left out"),
        (CountsFromTheFront, "not of_mean"),
        (SharpeOf252, "Annualise by the track's"),
        (InfinitelyGood, "scores inf"),
        (SharpeOfNothing, "Annualise|Refuse it"),
        (IgnoresItsParameter, "the parameter tolerance changes no score"),
        (OtherScoreOfGroups, "of_groups of all groups is not the score"),
        (OtherSharpeOfGroups, "of_groups of all groups is not the score"),
    ],
)
def test_a_faulty_metric_is_caught(fault, words):
    assert re.search(words, broken(check_metric(fault)))


def test_every_contract_of_a_faulty_metric_and_policy_is_reported():
    results = {result.name: result.passed for result in check_metric(SkipsNaN)}
    assert (results["nan_is_refused"], results["order_does_not_matter"]) == (False, True)
    assert list(results) == [result.name for result in check_metric(Rmse)]
    results = {result.name: result.passed for result in check_policy(AlwaysLong)}
    assert (results["forecasts_matter"], results["no_forecast_is_no_decision"]) == (False, True)
    assert list(results) == [result.name for result in check_policy(Threshold)]


class StandardisesTheWholeSeries(Proportional):
    """Scales the forecasts by the deviation of all of them, later ones included."""

    def wanted(self, value, probabilities=None, *, bars_per_year):
        return super().wanted(value / np.nanstd(value), probabilities, bars_per_year=bars_per_year)


class TradesOnNoForecast(Threshold):
    """Takes a missing forecast for a forecast of nothing."""

    def wanted(self, value, probabilities=None, *, bars_per_year):
        return np.nan_to_num(super().wanted(value, probabilities, bars_per_year=bars_per_year))


class AlwaysLong(Threshold):
    """Buys whatever is forecast."""

    def wanted(self, value, probabilities=None, *, bars_per_year):
        return np.where(np.isnan(value), np.nan, 1.0)


class SmoothsOverHistory(Threshold):
    """Looks at the forecast before, which a live step is not given."""

    def wanted(self, value, probabilities=None, *, bars_per_year):
        wanted = super().wanted(value, probabilities, bars_per_year=bars_per_year)
        before = np.append(wanted[:1], wanted[:-1])
        return np.where(np.isnan(before), wanted, (wanted + before) / 2)


class FollowsOtherwiseLive(Proportional):
    """Has a rule of its own for the band when it runs live."""

    def follow(self, wanted, held):
        return wanted


class IgnoresItsLimit(Threshold):
    """Offers a limit that it does not hold."""

    most: float = 0.5


@pytest.mark.filterwarnings("ignore:Degrees of freedom")
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (StandardisesTheWholeSeries, "depend on forecasts after"),
        (TradesOnNoForecast, "must be NaN where"),
        (AlwaysLong, "whatever is forecast"),
        (IgnoresItsLimit, "the parameter most moves no position"),
        (SmoothsOverHistory, "over history and .* live"),
        (FollowsOtherwiseLive, "over history and .* live"),
    ],
)
def test_a_faulty_policy_is_caught(fault, words):
    assert re.search(words, broken(check_policy(fault)))


def fills_on_the_deciding_bar(t, target, open, close, **how):
    return backtest(t, np.append(target[1:], target[-1]), open, close, **how)


def fills_at_the_close_it_decided_on(t, target, open, close, **how):
    return backtest(t, target, np.append(close[:1], close[:-1]), close, **how)


def charges_no_costs(t, target, open, close, *, costs, fill):
    free = costs.model_copy(update={"fee": 0.0, "half_spread": 0.0, "slippage": 0.0})
    return backtest(t, target, open, close, costs=free, fill=fill)


def charges_one_way(t, target, open, close, *, costs, fill):
    half = costs.model_copy(update={"fee": costs.fee / 2})
    return backtest(t, target, open, close, costs=half, fill=fill)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (fills_on_the_deciding_bar, "before the fill was earned"),
        (fills_at_the_close_it_decided_on, "before the fill was earned"),
        (charges_no_costs, "basis points"),
        (charges_one_way, "basis points"),
    ],
)
def test_a_faulty_backtest_is_caught(fault, words):
    with pytest.raises(AssertionError, match=words):
        check_backtest(fault)
