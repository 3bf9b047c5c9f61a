"""The trading verdict: what a policy earned net of costs against its benchmark, apart from whether it forecasts."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from candlewick.core.errors import DataError
from candlewick.core.random import seed_for
from candlewick.evaluate.statistics.bootstrap import MINIMUM_ROWS, Interval, Statistic, block_length, interval
from candlewick.evaluate.statistics.deflated_sharpe import deflated_sharpe
from candlewick.evaluate.statistics.groups import group_means, group_size, group_starts, group_sums
from candlewick.evaluate.track import Track
from candlewick.evaluate.verdict.words import plain, spoken

Outcome = Literal["ahead", "behind", "undecided"]


@dataclass(frozen=True)
class Trials:
    """What the ledger knows of the trials on this data, this one included.

    Attributes:
        count: different trials, at least 1.
        variance: of their annualised Sharpe ratios; 0 for a single one.
        intact: whether the ledger's chain is whole; where not, the count is only what is left of it.
    """

    count: int
    variance: float
    intact: bool = True


@dataclass(frozen=True)
class TradingVerdict:
    """A policy's net track against its benchmark over the same bars and costs.

    Attributes:
        policy, benchmark: their names.
        sharpe, benchmark_sharpe: annualised; 0 where returns do not vary.
        sharpe_gain: the difference of the two, with a paired interval.
        return_gain: the difference of their mean returns a year, with a paired interval.
        deflated: probability that the policy's Sharpe is above the best that luck gives so many trials; NaN where its
            returns do not vary or there are under 30 bars.
        trials: what the ledger knew.
        bars: bars traded over.
        trades: trades made.
    """

    policy: str
    benchmark: str
    sharpe: float
    benchmark_sharpe: float
    sharpe_gain: Interval
    return_gain: Interval
    deflated: float
    trials: Trials
    bars: int
    trades: int

    @property
    def outcome(self) -> Outcome:
        """Whether the interval of the Sharpe gain lies above zero, below it, or holds it."""
        if self.sharpe_gain.low > 0:
            return "ahead"
        return "behind" if self.sharpe_gain.high < 0 else "undecided"

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdict in words."""
        return (self._outcome(), self._luck())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, what is derived included; NaN became None."""
        return dict(plain({**asdict(self), "outcome": self.outcome, "sentences": self.sentences}))

    def _outcome(self) -> str:
        against = self.benchmark.replace("_", " ")
        if self.trades == 0:
            return f"Trading: {self.policy} never traded, so there is nothing to judge."
        if self.bars < MINIMUM_ROWS:
            return f"Trading: {self.bars} bars are too few to judge, at least {MINIMUM_ROWS} are needed."
        words = {
            "ahead": f"did better than {against}",
            "behind": f"did worse than {against}",
            "undecided": f"cannot be told from {against}",
        }
        return (
            f"Trading, net of costs: {self.policy} {words[self.outcome]} "
            f"(Sharpe {self.sharpe:.2f} against {self.benchmark_sharpe:.2f}, "
            f"difference {spoken(self.sharpe_gain, '.2f')}; "
            f"difference in return a year {spoken(self.return_gain, '.1%')})."
        )

    def _luck(self) -> str:
        chance = f"{self.deflated:.0%}" if np.isfinite(self.deflated) else "not defined"
        said = (
            f"Deflated Sharpe: {chance}, the probability of more than the luck of the best of "
            f"{self.trials.count} trial{'s' * (self.trials.count != 1)}."
        )
        if self.trials.intact:
            return said
        return (
            said + " The ledger of trials is broken or was deleted: there were more trials than it shows, perhaps many."
        )


def judge_trading(
    strategy: Track, benchmark: Track, *, policy: str, benchmark_name: str, trials: Trials, seed: int
) -> TradingVerdict:
    """The trading verdict from two net tracks over the same bars.

    Intervals are of paired stationary bootstraps at 95 %. More than `MOST_GROUPS` bars are resampled as sums over
    groups of consecutive ones, of returns and of their squares.

    Raises:
        DataError: the tracks cover different bars, or a return is not finite.
    """
    if not np.array_equal(strategy.t, benchmark.t):
        raise DataError("a policy and its benchmark must cover the same bars. Back-test both on the same bars.")
    year = strategy.bars_per_year
    pair = np.column_stack([strategy.returns, benchmark.returns])
    starts, size = group_starts(len(pair)), group_size(len(pair))
    block = block_length(group_means(np.column_stack([pair, pair[:, 0] - pair[:, 1]]), starts))
    sharpe, benchmark_sharpe = (_sharpes(pair) * np.sqrt(year)).tolist()
    drawn = pair if size == 1 else group_sums(np.column_stack([np.ones(len(pair)), pair, np.square(pair)]), starts)
    sharpes, mean_gain = (_sharpes, _mean_gain) if size == 1 else (_sharpes_of_sums, _mean_gain_of_sums)

    def sharpe_gain(rows: np.ndarray) -> float:
        first, second = sharpes(rows)
        return float(first - second) * float(np.sqrt(year))

    def gain(statistic: Statistic, purpose: str) -> Interval:
        return interval(statistic, drawn, seed=seed_for(seed, purpose), block=block, resamples=2000, size=size)

    return TradingVerdict(
        policy=policy,
        benchmark=benchmark_name,
        sharpe=sharpe,
        benchmark_sharpe=benchmark_sharpe,
        sharpe_gain=gain(sharpe_gain, "sharpe"),
        return_gain=gain(lambda rows: mean_gain(rows) * year, "return"),
        deflated=deflated_sharpe(strategy.returns, trials=trials.count, variance=trials.variance, bars_per_year=year),
        trials=trials,
        bars=len(strategy),
        trades=len(strategy.trades),
    )


def _sharpes(returns: np.ndarray) -> np.ndarray:
    # Holding nothing has no Sharpe ratio; against it the other's own is the difference.
    mean, deviation = returns.mean(axis=0), returns.std(axis=0, ddof=1)
    varies = deviation > 1e-12 * np.abs(returns).max(axis=0)
    return np.asarray(np.divide(mean, deviation, out=np.zeros(returns.shape[1]), where=varies))


def _mean_gain(returns: np.ndarray) -> float:
    return float(np.mean(returns[:, 0] - returns[:, 1]))


def _sharpes_of_sums(sums: np.ndarray) -> np.ndarray:
    count, *rest = sums.sum(axis=0)
    mean, square = np.reshape(rest, (2, -1)) / count
    variance = (square - mean**2) * count / (count - 1)
    # What rounding leaves of the variance of returns that do not vary counts as none.
    varies = variance > 1e-12 * square
    return np.asarray(np.divide(mean, np.sqrt(np.maximum(variance, 0.0)), out=np.zeros(len(mean)), where=varies))


def _mean_gain_of_sums(sums: np.ndarray) -> float:
    count, first, second, *_ = sums.sum(axis=0)
    return float((first - second) / count)
