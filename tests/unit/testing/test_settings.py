import ast
import inspect
from typing import Literal

import numpy as np
import pytest
from pydantic import Field, model_validator

from candlewick.core.errors import ConfigError, DataError
from candlewick.core.spec import Spec
from candlewick.testing import feature_contracts, label_contracts
from candlewick.testing.odd_markets import negative, odd_markets, ordinary, replaced_after
from candlewick.testing.settings import judge, moved, require, settings


class Several(Spec):
    length: int = Field(5, ge=2, le=12)
    share: float = Field(0.4, gt=0, lt=1)
    unit: Literal["a", "b"] = "a"
    named: str | None = Field(None, examples=["x"])
    wanted: bool = False


def values(name, base=None):
    return [getattr(spec, name) for spec in moved(base or Several(), name)]


def test_each_kind_of_field_is_moved_within_its_bounds():
    assert values("length") == [6, 2]
    assert values("share") == [0.8, 0.2]
    assert values("unit") == ["b"]
    assert values("named") == ["x"]
    assert values("named", Several(named="x")) == [None]
    assert values("wanted") == [True]


def test_settings_are_the_defaults_and_each_field_moved_on_its_own():
    found = settings(Several)
    assert found[0] == Several()
    assert len(found) == 1 + 2 + 2 + 1 + 1 + 1
    for spec in found[1:]:
        assert sum(getattr(spec, name) != getattr(Several(), name) for name in Several.model_fields) == 1


def test_settings_that_a_validator_refuses_are_left_out():
    class Ordered(Spec):
        fast: int = 5
        slow: int = 6

        @model_validator(mode="after")
        def _in_order(self):
            if self.fast >= self.slow:
                raise ValueError("fast must be below slow")
            return self

    class Refusing(Ordered):
        @model_validator(mode="after")
        def _in_order(self):
            if self.slow > 7:
                raise ConfigError("slow is at most 7")
            return self

    assert [spec.slow for spec in moved(Ordered(), "slow")] == [7, 15]
    assert [spec.slow for spec in moved(Refusing(), "slow")] == [7]


def test_a_field_without_default_or_without_another_value_is_named():
    class Needy(Spec):
        length: int

    class Mute(Spec):
        title: str = "x"

    with pytest.raises(AssertionError, match="no default for length"):
        settings(Needy)
    with pytest.raises(AssertionError, match=r"Give its Field examples="):
        settings(Mute)


def test_any_error_of_a_member_is_a_failed_contract_and_names_the_setting():
    def divides(spec):
        return 1 / (spec.length - 2)

    result = judge("divides", divides, settings(Several))
    assert not result.passed
    assert "length=2" in result.message
    assert "ZeroDivisionError" in result.message


@pytest.mark.parametrize("module", [feature_contracts, label_contracts], ids=["features", "labels"])
def test_contracts_hold_without_asserts(module):
    """Under `python -O` an assert is gone: a contract made of asserts would pass everything."""
    assert not [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Assert)]
    assert not judge("broken", lambda case: require(case > 1, "too small"), [1]).passed


def test_odd_markets_are_valid_candles_with_positive_prices():
    for name, bars in odd_markets(300, extra=("funding",)).items():
        o, h, low, c = (bars.column(column) for column in ("open", "high", "low", "close"))
        assert (low > 0).all(), name
        assert (h >= np.maximum(o, c)).all(), name
        assert (low <= np.minimum(o, c)).all(), name
        assert "funding" in bars.columns


def test_each_odd_market_is_odd_in_its_way():
    odd = odd_markets(300)
    assert np.ptp(odd["flat"].values[:, :4]) == 0
    stops = odd["stops"]
    assert 100 < (stops.column("high") == stops.column("low")).sum() < 300
    assert np.diff(odd["gaps"].t).max() > 20 * np.diff(odd["gaps"].t).min()
    assert np.abs(np.diff(np.log(odd["jumps"].column("close")))).max() > 2
    assert not odd["no volume"].column("volume").any()
    assert (np.diff(odd["coarse ticks"].column("close")) == 0).mean() > 0.2
    assert [len(odd[name]) for name in ("one bar", "two bars")] == [1, 2]
    assert (negative(300).column("close") < 0).any()


def test_bars_after_a_row_are_replaced_and_none_before():
    bars = ordinary(100)
    other = replaced_after(bars, 60, seed=1)
    assert other.values[:61].tobytes() == bars.values[:61].tobytes()
    assert (other.t[:61] == bars.t[:61]).all()
    assert (other.values[61:, :4] != bars.values[61:, :4]).all()
    assert (other.t[61:] != bars.t[61:]).all()


def test_the_same_seed_gives_the_same_market():
    assert ordinary(50, seed=3).values.tobytes() == ordinary(50, seed=3).values.tobytes()
    assert ordinary(50, seed=3).values.tobytes() != ordinary(50, seed=4).values.tobytes()
    with pytest.raises(DataError):
        ordinary(50).column("funding")
