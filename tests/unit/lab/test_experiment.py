"""Experiments: every packaged one loads, says the same after a round trip, and refuses what cannot be meant."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from candlewick.core.config import experiment_names
from candlewick.core.errors import ConfigError
from candlewick.data.bars import Panel
from candlewick.data.synthetic import MARKETS
from candlewick.lab.experiment import Experiment
from candlewick.lab.prepare import prepare

Make = Callable[..., Experiment]


@pytest.mark.parametrize("name", experiment_names())
def test_every_packaged_experiment_loads_and_survives_a_round_trip(name: str) -> None:
    experiment = Experiment.of(name)
    again = Experiment.of(experiment.to_dict())
    assert again == experiment
    assert again.content_id == experiment.content_id
    assert experiment.title


def test_a_model_is_switched_by_name_and_changed_by_override() -> None:
    assert Experiment.of("quickstart", "model=lstm5").model.layers == 5
    changed = Experiment.of("quickstart", "model=lstm5", "model.hidden=64", "train.learning_rate=1e-4")
    assert (changed.model.layers, changed.model.hidden, changed.train.learning_rate) == (5, 64, 1e-4)
    assert changed.content_id != Experiment.of("quickstart").content_id


def test_a_title_says_what_was_changed() -> None:
    title = Experiment.of("quickstart").title
    assert Experiment.of("quickstart", "model=lstm5").title == f"{title} (model=lstm5)"
    assert Experiment.of("quickstart", "model=lstm5", "title=Mine").title == "Mine"
    assert "lstm3 against lstm5" in Experiment.of("quickstart").among(["lstm3", "lstm5"]).title


def test_the_title_is_no_part_of_what_is_done() -> None:
    assert Experiment.of("quickstart", "title=other").content_id == Experiment.of("quickstart").content_id


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.learning_rat=1e-4", "learning_rate"),
        ("modell=lstm5", "model"),
        ("model=lstm55", "lstm5"),
        ("model.layer=3", "layers"),
        ("features.0.lenght=3", "length"),
        ("label.name=forward_volatilty", "forward_volatility"),
        ("seeds=[]", "seeds"),
        ("length=0", "greater than or equal to 1"),
    ],
)
def test_a_slip_is_answered_with_the_nearest_right_thing(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Experiment.of("quickstart", override)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head": {"head": "classes", "classes": 2}}, "Use variance"),
        ({"seeds": [1, 1]}, "seeds must differ"),
        ({"baselines": ["har", "har"]}, "stands twice"),
        ({"policy": {"name": "threshold"}}, "variance"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(make: Make, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**changes)


def test_two_of_a_kind_are_told_apart_by_what_differs(make: Make) -> None:
    rivals = [{"name": "lstm", "layers": 2, "hidden": 8, "dropout": 0.0}]
    assert list(make(rivals=rivals).models) == ["lstm[layers=1]", "lstm[layers=2]", "har"]


def test_an_experiment_is_frozen(make: Make) -> None:
    with pytest.raises(ValidationError):
        make().length = 3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"label": {"name": "forward_return"}, "policy": None}, "har forecasts variances only"),
        ({"model": {"name": "linear", "lags": 40}}, "at most the window's length 24, was 40"),
        ({"length": 5}, "at most the window's length 5, was 22"),
        ({"model": "lstm33"}, "Packaged with parameters: lstm10, lstm3"),
        ({"train": "smal"}, "Did you mean 'small'"),
        ({"seeds": [0, 0]}, r"experiment: seeds must differ, was \[0, 0\]. Name each once.$"),
    ],
)
def test_what_cannot_be_fitted_is_said_before_anything_is_read(make: Make, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make(**changes)


def test_prices_that_no_policy_can_trade_are_refused_before_anything_is_fitted(make: Make) -> None:
    bars = MARKETS.build("clustered").bars(900, 1)
    spread = Panel((bars.with_values(bars.values - bars.column("close").mean()),))
    with pytest.raises(ConfigError, match="policy: null"):
        prepare(make(label={"name": "direction"}, model="linear", baselines=[], policy="threshold"), spread)
