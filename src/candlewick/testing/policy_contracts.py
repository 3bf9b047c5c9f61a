"""What every policy and the back-test must keep; a broken contract raises AssertionError with a sentence."""

from collections.abc import Callable

import numpy as np

from candlewick.core.errors import ConfigError
from candlewick.core.random import stream
from candlewick.evaluate.backtest import Account
from candlewick.evaluate.costs import Costs
from candlewick.evaluate.policies._base import Kind, Policy
from candlewick.testing.settings import Result, defaults, judge, moved, settings

Backtest = Callable[..., Account]
BARS_PER_YEAR = 252.0


def forecasts(kind: Kind, n: int = 300) -> tuple[np.ndarray, np.ndarray | None]:
    """Forecasts of one label kind, NaN at first and once in the middle: values, and probabilities for classes."""
    random = stream(7, "policy forecasts", kind)
    if kind == "classes":
        probabilities = random.dirichlet(np.ones(3), n)
        probabilities[:5] = probabilities[n // 2] = np.nan
        return np.where(
            np.isnan(probabilities[:, 0]), np.nan, np.nan_to_num(probabilities).argmax(axis=1)
        ), probabilities
    value = random.normal(0.0, 0.01, n) if kind == "number" else np.exp(random.normal(-9.0, 0.7, n))
    value[:5] = value[n // 2] = np.nan
    return value, None


def later_forecasts_change_nothing(policy: Policy) -> None:
    """Cutting the forecasts short moves no bit of the positions before the cut."""
    for kind in policy.kinds:
        value, probabilities = forecasts(kind)
        whole = policy.targets(value, probabilities, bars_per_year=BARS_PER_YEAR)
        for cut in range(1, len(value), 23):
            early = None if probabilities is None else probabilities[:cut]
            if policy.targets(value[:cut], early, bars_per_year=BARS_PER_YEAR).tobytes() != whole[:cut].tobytes():
                raise AssertionError(f"on {kind}, positions before row {cut} depend on forecasts after it.")


def no_forecast_is_no_decision(policy: Policy) -> None:
    """Positions are NaN where there is no forecast and finite elsewhere; the forecasts are left as they were."""
    for kind in policy.kinds:
        value, probabilities = forecasts(kind)
        before = value.copy()
        wanted = policy.targets(value, probabilities, bars_per_year=BARS_PER_YEAR)
        if (
            wanted.shape != value.shape
            or not np.array_equal(np.isnan(wanted), np.isnan(value))
            or np.isinf(wanted).any()
        ):
            raise AssertionError(f"on {kind}, positions must be NaN where the forecast is NaN, and finite elsewhere.")
        if not np.array_equal(before, value, equal_nan=True):
            raise AssertionError(f"on {kind}, the policy changes the forecasts it is given.")


def forecasts_matter(policy: Policy) -> None:
    """Different forecasts give different positions."""
    for kind in policy.kinds:
        wanted = policy.targets(*forecasts(kind), bars_per_year=BARS_PER_YEAR)
        if np.unique(wanted[~np.isnan(wanted)]).size < 2:
            raise AssertionError(f"on {kind}, positions are the same whatever is forecast.")


def live_equals_history(policy: Policy) -> None:
    """Bar by bar, each from its own forecast and the position held, it takes the positions it takes over history."""
    for kind in policy.kinds:
        value, probabilities = forecasts(kind)
        whole, held = policy.targets(value, probabilities, bars_per_year=BARS_PER_YEAR), np.nan
        for i in range(len(value)):
            own = None if probabilities is None else probabilities[i : i + 1]
            wanted = policy.wanted(value[i : i + 1], own, bars_per_year=BARS_PER_YEAR)
            target = policy.follow(float(wanted[0]), held)
            if np.float64(target).tobytes() != whole[i].tobytes():
                raise AssertionError(f"on {kind}, row {i} is {whole[i]} over history and {target} live.")
            held = held if np.isnan(target) else target


POLICY_CONTRACTS: tuple[Callable[[Policy], None], ...] = (
    later_forecasts_change_nothing,
    no_forecast_is_no_decision,
    forecasts_matter,
    live_equals_history,
)


def every_parameter_matters(policy_class: type[Policy]) -> None:
    """Every field, moved on its own from some setting, moves some position."""
    bases = settings(policy_class)
    for name in policy_class.model_fields:
        if not any(_positions(base) != _positions(other) for base in bases for other in moved(base, name)):
            raise AssertionError(f"the parameter {name} moves no position. Use it, or remove it.")


def check_policy(policy_class: type[Policy]) -> list[Result]:
    """Every contract over the defaults, and every parameter moved; nothing raises.

    >>> from candlewick.evaluate.policies import POLICIES
    >>> all(result.passed for result in check_policy(POLICIES.member("threshold")))
    True
    """
    try:
        base = defaults(policy_class)
    except (AssertionError, ConfigError) as error:
        return [Result("settings", False, str(error))]
    results = [judge(contract.__name__, contract, [base]) for contract in POLICY_CONTRACTS]
    return [*results, judge(every_parameter_matters.__name__, every_parameter_matters, [policy_class])]


def _positions(policy: Policy) -> list[bytes]:
    cases = (forecasts(kind) for kind in policy.kinds)
    return [policy.targets(*case, bars_per_year=BARS_PER_YEAR).tobytes() for case in cases]


def never_fills_on_the_deciding_bar(backtest: Backtest) -> None:
    """A position decided at a close earns nothing of that bar, nor of the way to its fill."""
    t, close = np.arange(4, dtype=np.int64), np.array([100.0, 200.0, 300.0, 300.0])
    opens = np.array([100.0, 150.0, 300.0, 300.0])
    target = np.array([0.0, 1.0, 1.0, 1.0])
    free = Costs(fee=0, half_spread=0, slippage=0)
    for fill in ("next_open", "next_close"):
        account = backtest(t, target, opens, close, costs=free, fill=fill)
        if not np.allclose(account.equity, 1.0, rtol=0, atol=1e-12):
            raise AssertionError(f"with {fill}, a jump before the fill was earned: equity {account.equity}.")


def trading_costs(backtest: Backtest) -> None:
    """Buying for all the equity and selling again costs the rate on each notional, to the last digit."""
    t, close = np.arange(4, dtype=np.int64), np.full(4, 50.0)
    account = backtest(
        t, np.array([1.0, 0.0, 0.0, 0.0]), close, close,
        costs=Costs(fee=10, half_spread=0, slippage=0), fill="next_close",
    )  # fmt: skip
    if not np.allclose(account.equity, [1.0, 0.999, 0.998, 0.998], rtol=0, atol=1e-12):
        raise AssertionError(f"ten basis points on two trades of 1 leave {account.equity}, not .998.")


BACKTEST_CONTRACTS: tuple[Callable[[Backtest], None], ...] = (never_fills_on_the_deciding_bar, trading_costs)


def check_backtest(backtest: Backtest) -> None:
    """All contracts of a back-test.

    Raises:
        AssertionError: with the sentence of the first contract that is broken.
    """
    for contract in BACKTEST_CONTRACTS:
        contract(backtest)
