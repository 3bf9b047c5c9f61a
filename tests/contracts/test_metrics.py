"""Every metric and every policy keeps every contract, and so does the back-test."""

import pytest

from candlewick.evaluate.backtest import backtest
from candlewick.evaluate.metrics import DEFAULT_LOSS, METRICS
from candlewick.evaluate.metrics._base import ForecastMetric, TradingMetric
from candlewick.evaluate.policies import POLICIES
from candlewick.testing.metric_contracts import FORECAST_CONTRACTS, TRADING_CONTRACTS
from candlewick.testing.metric_contracts import every_parameter_matters as metric_parameters
from candlewick.testing.policy_contracts import BACKTEST_CONTRACTS, POLICY_CONTRACTS
from candlewick.testing.policy_contracts import every_parameter_matters as policy_parameters

SPECS = [METRICS.build(name) for name in METRICS.names()]
FORECAST = [spec for spec in SPECS if isinstance(spec, ForecastMetric)]
TRADING = [spec for spec in SPECS if isinstance(spec, TradingMetric)]
POLICY = [
    *POLICIES.names(),
    {"name": "volatility_target", "band": 0.0},
    {"name": "threshold", "short": False, "above": 0.005},
    {"name": "proportional", "short": False, "max_leverage": 3.0},
]


def of(value):
    return getattr(value, "__name__", None) or (value.spec_name() if hasattr(value, "spec_name") else str(value))


def test_every_metric_is_of_forecasts_or_of_tracks():
    assert len(FORECAST) + len(TRADING) == len(METRICS.names()) == 17


@pytest.mark.parametrize("contract", FORECAST_CONTRACTS, ids=of)
@pytest.mark.parametrize("metric", FORECAST, ids=of)
def test_forecast_metric(metric, contract):
    contract(metric)


@pytest.mark.parametrize("contract", TRADING_CONTRACTS, ids=of)
@pytest.mark.parametrize("metric", TRADING, ids=of)
def test_trading_metric(metric, contract):
    contract(metric)


@pytest.mark.parametrize("contract", POLICY_CONTRACTS, ids=of)
@pytest.mark.parametrize("entry", POLICY, ids=of)
def test_policy(entry, contract):
    contract(POLICIES.build(entry))


@pytest.mark.parametrize("name", METRICS.names())
def test_every_parameter_of_a_metric_matters(name):
    metric_parameters(METRICS.member(name))


@pytest.mark.parametrize("name", POLICIES.names())
def test_every_parameter_of_a_policy_matters(name):
    policy_parameters(POLICIES.member(name))


@pytest.mark.parametrize("contract", BACKTEST_CONTRACTS, ids=of)
def test_backtest(contract):
    contract(backtest)


@pytest.mark.parametrize("spec", [*SPECS, *(POLICIES.build(entry) for entry in POLICY)], ids=of)
def test_a_spec_survives_its_plain_data(spec):
    family = METRICS if spec in SPECS else POLICIES
    assert family.build(spec.to_dict()) == spec


@pytest.mark.parametrize("kind", ["number", "variance", "classes"])
def test_every_label_kind_has_a_loss_made_of_rows(kind):
    loss = METRICS.build(DEFAULT_LOSS[kind])
    assert kind in loss.kinds
    assert loss.direction == "lower"
