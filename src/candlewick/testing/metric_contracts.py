"""What every metric must keep; a broken contract raises AssertionError with a sentence."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from candlewick.core.errors import ConfigError, DataError
from candlewick.core.random import stream
from candlewick.evaluate.metrics._base import ForecastMetric, Kind, Metric, TradingMetric
from candlewick.evaluate.track import Track, Trades
from candlewick.testing.settings import Result, defaults, judge, moved


@dataclass(frozen=True, eq=False)
class Case:
    """Truth and forecasts of one label kind, as a metric receives them."""

    truth: np.ndarray
    value: np.ndarray
    probabilities: np.ndarray | None = None

    def score(self, metric: ForecastMetric) -> float:
        """The metric of this case."""
        return metric.score(self.truth, self.value, self.probabilities)

    def rows(self, metric: ForecastMetric) -> np.ndarray | None:
        """The metric's rows of this case."""
        return metric.rows(self.truth, self.value, self.probabilities)

    def taken(self, order: np.ndarray) -> "Case":
        """Some of its rows, in that order."""
        return Case(self.truth[order], self.value[order], _rows(self.probabilities, order))


def forecast_case(kind: Kind, *, wrong: float, n: int = 600) -> Case:
    """Forecasts of a known truth of which the share `wrong` belongs to other rows, and the rest is perfect."""
    random = stream(7, "metric case", kind)
    truth = {
        "number": random.normal(0.0, 0.01, n),
        "variance": random.gamma(2.0, 1e-4, n) + 1e-6,
        "classes": random.integers(0, 3, n).astype(np.float64),
    }[kind]
    value = truth.copy()
    moved = np.flatnonzero(random.random(n) < wrong)
    value[moved] = truth[np.roll(moved, 1)]
    return Case(truth, value, np.eye(3)[value.astype(np.int64)] if kind == "classes" else None)


def track(*, drift: float = 0.0, traded: float = 0.02, n: int = 800, bars_per_year: float = 252.0) -> Track:
    """A track with one trade in ten bars, whose every bar earns `drift` more."""
    random = stream(7, "metric track")
    returns = random.normal(2e-4, 0.005, n) + drift
    starts = np.arange(0, n, 10)
    t = np.arange(n, dtype=np.int64) * 86_400_000_000_000
    gross = np.add.reduceat(returns, starts) + 2e-4
    length = np.full(len(starts), 9)
    trades = Trades(t[starts], t[starts + 9], np.ones(len(starts), dtype=np.int64), length, gross, gross - 2e-4)
    flow = np.where(np.arange(n) % 10 == 0, traded, 0.0)
    return Track(t, returns, np.ones(n), flow, flow * 1e-4, trades, bars_per_year)


def better_forecasts_score_better(metric: ForecastMetric) -> None:
    """Perfect forecasts beat those wrong in a fifth of the rows, and these beat those wrong in nearly all."""
    for kind in metric.kinds:
        scores = [forecast_case(kind, wrong=share).score(metric) for share in (0.0, 0.2, 0.9)]
        sign = 1 if metric.direction == "higher" else -1
        if not sign * scores[0] > sign * scores[1] > sign * scores[2]:
            raise AssertionError(
                f"on {kind}, perfect, slightly and badly wrong forecasts score {scores}: not in the order that "
                f"direction {metric.direction!r} says."
            )


def rows_make_the_score(metric: ForecastMetric) -> None:
    """Where there are rows, the score is `of_mean` of their mean, and a row depends on nothing but itself."""
    for kind in metric.kinds:
        case = forecast_case(kind, wrong=0.3)
        rows = case.rows(metric)
        if rows is None:
            continue
        if rows.shape != case.truth.shape or not _close(metric.of_mean(float(np.nanmean(rows))), case.score(metric)):
            raise AssertionError(f"on {kind}, the score is not of_mean(mean of the rows).")
        half = np.arange(0, len(rows), 2)
        alone = case.taken(half).rows(metric)
        if alone is None or not np.array_equal(alone, rows[half], equal_nan=True):
            raise AssertionError(f"on {kind}, a row changes when other rows are left out.")


def order_does_not_matter(metric: ForecastMetric) -> None:
    """Rows in another order give the same score."""
    for kind in metric.kinds:
        case = forecast_case(kind, wrong=0.3)
        shuffled = case.taken(stream(7, "order").permutation(len(case.truth)))
        if not _close(case.score(metric), shuffled.score(metric)):
            raise AssertionError(f"on {kind}, the score depends on the order of the rows.")


def groups_make_the_score(metric: ForecastMetric) -> None:
    """Where a score can be had from groups of rows, it is that of the rows."""
    starts = np.arange(0, 600, 7)
    for kind in metric.kinds:
        case = forecast_case(kind, wrong=0.3)
        groups = metric.grouped(case.truth, case.value, case.probabilities, starts)
        if groups is None:
            continue
        if len(groups) != len(starts) or not _near(metric.of_groups(groups), case.score(metric)):
            raise AssertionError(f"on {kind}, of_groups of all groups is not the score.")


def groups_make_the_score_of_tracks(metric: TradingMetric) -> None:
    """Where a score can be had from groups of bars or trades, it is that of the track."""
    whole = track(bars_per_year=98_280.0)  # minutes of a session: no calendar to guess
    starts = np.arange(0, len(whole.trades if metric.reads == "trades" else whole), 7)
    groups = metric.grouped(whole, starts)
    if groups is None:
        return
    if len(groups) != len(starts) or not _near(metric.of_groups(groups, whole.bars_per_year), metric.score(whole)):
        raise AssertionError("of_groups of all groups is not the score.")


def nan_is_refused(metric: ForecastMetric) -> None:
    """NaN in the truth or the forecast, no rows at all, and lengths that differ raise DataError."""
    for kind in metric.kinds:
        case = forecast_case(kind, wrong=0.3)
        none = np.arange(0)
        faults = {
            "NaN in the truth": replace(case, truth=_with_nan(case.truth)),
            "NaN in the forecast": replace(
                case,
                value=_with_nan(case.value),
                probabilities=None if case.probabilities is None else _with_nan(case.probabilities),
            ),
            "no rows": case.taken(none),
            "fewer forecasts than truths": replace(
                case, value=case.value[1:], probabilities=_rows(case.probabilities, np.arange(1, len(case.truth)))
            ),
        }
        for what, fault in faults.items():
            try:
                score = fault.score(metric)
            except DataError:
                continue
            raise AssertionError(f"on {kind}, {what} gives {score}. Refuse it with DataError.")


def better_tracks_score_better(metric: TradingMetric) -> None:
    """A track that earns more and trades less beats one that earns less and trades more."""
    tracks = track(drift=1e-3, traded=0.01), track(), track(drift=-1e-3, traded=0.04)
    scores = [metric.score(one) for one in tracks]
    sign = 1 if metric.direction == "higher" else -1
    if not sign * scores[0] > sign * scores[1] > sign * scores[2]:
        raise AssertionError(
            f"a good, a middling and a bad track score {scores}: not in the order that direction "
            f"{metric.direction!r} says."
        )


def calendar_is_the_tracks_own(metric: TradingMetric) -> None:
    """The same strategy on bars a quarter as long, of which three in four earn nothing, scores the same."""
    coarse = track()
    fine = replace(
        coarse,
        t=np.arange(4 * len(coarse), dtype=np.int64) * 21_600_000_000_000,
        returns=_spread_out(coarse.returns),
        exposure=np.repeat(coarse.exposure, 4),
        traded=_spread_out(coarse.traded),
        cost=_spread_out(coarse.cost),
        bars_per_year=4 * coarse.bars_per_year,
    )
    if not np.isclose(metric.score(coarse), metric.score(fine), rtol=1e-2):
        raise AssertionError(
            f"daily bars score {metric.score(coarse):.4g}, the same money on quarter-days {metric.score(fine):.4g}. "
            "Annualise by the track's bars_per_year."
        )


def undefined_is_nan(metric: TradingMetric) -> None:
    """Tracks without trades, without a loss, without any move or of one bar give a number or NaN, and no warning."""
    whole = track(bars_per_year=98_280.0)  # minutes of a session: no calendar to guess
    empty = _first_bars(whole, 0).trades
    won = replace(whole.trades, gross=np.abs(whole.trades.gross), profit=np.abs(whole.trades.profit) + 1e-6)
    odd = {
        "no trades": replace(whole, trades=empty),
        "no losses": replace(whole, returns=np.abs(whole.returns), trades=won),
        "no move": replace(whole, returns=np.zeros(len(whole)), traded=np.zeros(len(whole)), trades=empty),
        "a constant return": replace(whole, returns=np.full(len(whole), 1e-4)),
        "everything lost": replace(whole, returns=np.where(np.arange(len(whole)) == 5, -1.0, 0.0)),
        "one bar": _first_bars(whole, 1),
    }
    for what, one in odd.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            score = metric.score(one)
        if np.isinf(score):
            raise AssertionError(f"a track with {what} scores {score}. Give NaN where the metric is not defined.")


def broken_tracks_are_refused(metric: TradingMetric) -> None:
    """A track without bars, or with a return that is not finite, raises DataError."""
    whole = track(bars_per_year=98_280.0)  # minutes of a session: no calendar to guess
    broken = replace(whole, returns=_with_nan(whole.returns))
    for what, one in {"a NaN return": broken, "no bars": _first_bars(whole, 0)}.items():
        try:
            score = metric.score(one)
        except DataError:
            continue
        raise AssertionError(f"a track with {what} scores {score}. Refuse it with DataError.")


FORECAST_CONTRACTS: tuple[Callable[[ForecastMetric], None], ...] = (
    better_forecasts_score_better,
    rows_make_the_score,
    order_does_not_matter,
    nan_is_refused,
    groups_make_the_score,
)

TRADING_CONTRACTS: tuple[Callable[[TradingMetric], None], ...] = (
    better_tracks_score_better,
    calendar_is_the_tracks_own,
    undefined_is_nan,
    broken_tracks_are_refused,
    groups_make_the_score_of_tracks,
)


def every_parameter_matters(metric_class: type[Metric]) -> None:
    """Every field, moved on its own, changes a score."""
    base = defaults(metric_class)
    for name in metric_class.model_fields:
        if all(_scores(base) == _scores(other) for other in moved(base, name)):
            raise AssertionError(f"the parameter {name} changes no score. Use it, or remove it.")


def check_metric(metric_class: type[Metric]) -> list[Result]:
    """Every contract of the metric's kind over the defaults, and every parameter moved; nothing raises.

    >>> from candlewick.evaluate.metrics import METRICS
    >>> all(result.passed for result in check_metric(METRICS.member("mae")))
    True
    """
    try:
        base = defaults(metric_class)
    except (AssertionError, ConfigError) as error:
        return [Result("settings", False, str(error))]
    contracts: tuple[Callable[[Any], None], ...]
    if isinstance(base, ForecastMetric):
        contracts = FORECAST_CONTRACTS
    elif isinstance(base, TradingMetric):
        contracts = TRADING_CONTRACTS
    else:
        return [Result("settings", False, f"{metric_class.__name__} is neither a ForecastMetric nor a TradingMetric.")]
    results = [judge(contract.__name__, contract, [base]) for contract in contracts]
    return [*results, judge(every_parameter_matters.__name__, every_parameter_matters, [metric_class])]


def _scores(metric: Metric) -> list[float]:
    if isinstance(metric, ForecastMetric):
        return [_unsure(forecast_case(kind, wrong=0.3)).score(metric) for kind in metric.kinds]
    assert isinstance(metric, TradingMetric)
    return [metric.score(track())]


def _unsure(case: Case) -> Case:
    """The same forecasts, with probabilities of every size between 0 and 1."""
    if case.probabilities is None:
        return case
    doubt = stream(7, "doubt").dirichlet(np.ones(case.probabilities.shape[1]), len(case.truth))
    return replace(case, probabilities=(case.probabilities + doubt) / 2)


def _first_bars(whole: Track, n: int) -> Track:
    none = whole.t[:0], whole.t[:0], whole.t[:0], whole.t[:0], whole.returns[:0], whole.returns[:0]
    return replace(
        whole,
        t=whole.t[:n],
        returns=whole.returns[:n],
        exposure=whole.exposure[:n],
        traded=whole.traded[:n],
        cost=whole.cost[:n],
        trades=Trades(*none),
    )


def _rows(array: np.ndarray | None, order: np.ndarray) -> np.ndarray | None:
    return None if array is None else array[order]


def _close(first: float, second: float) -> bool:
    return bool(np.isclose(first, second, rtol=1e-12, atol=1e-15))


def _near(first: float, second: float) -> bool:
    return bool(np.isclose(first, second, rtol=1e-9, atol=1e-12))


def _with_nan(array: np.ndarray) -> np.ndarray:
    broken = array.copy()
    broken[len(broken) // 2] = np.nan
    return broken


def _spread_out(array: np.ndarray) -> np.ndarray:
    fine = np.zeros(4 * len(array))
    fine[::4] = array
    return fine
