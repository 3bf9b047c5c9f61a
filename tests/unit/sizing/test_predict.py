import json
from dataclasses import replace

import pytest
from known_machine import known_machine

from candlewick.models._base import Model
from candlewick.models._heads import Point, Quantile
from candlewick.models.gradient_boosting import GradientBoosting
from candlewick.models.linear import Linear
from candlewick.models.lstm import Lstm
from candlewick.models.naive import Naive
from candlewick.sizing.machine import Machine
from candlewick.sizing.predict import Prediction, predict, wall_time
from candlewick.sizing.training_time import Fitting

FITTING = Fitting(rows=3200, validation=800, inputs=8, length=16)


def told(model: Model, machine: Machine | None = None, fitting: Fitting = FITTING) -> Prediction:
    return predict(model, machine or known_machine(), fitting, head=Point(), streams=False)


def test_a_network_is_told_in_every_precision_as_plain_data() -> None:
    prediction = told(Lstm())

    assert set(prediction.training) == {"fp32", "bf16"}
    assert {one.precision for one in prediction.latency} == {"fp32", "bf16", "int8"}
    assert prediction.untold == ""
    assert json.loads(json.dumps(prediction.to_dict()))["training"]["fp32"]["epoch"] > 0


def test_a_serving_machine_tells_latency_and_says_why_it_tells_no_training() -> None:
    prediction = told(Lstm(), known_machine(torch=False))

    assert prediction.training == {}
    assert prediction.training_memory is None
    assert "Install torch" in prediction.untold
    assert prediction.live("int8") is not None


def test_training_memory_grows_with_what_is_kept_for_the_backward_pass() -> None:
    small, large = told(Lstm()).training_memory, told(Lstm(), fitting=replace(FITTING, batch=64)).training_memory

    assert small is not None
    assert large is not None
    assert large > small > 300e6


def test_serving_memory_shrinks_with_the_precision() -> None:
    memory = told(Lstm(layers=5, hidden=512)).serving_memory

    assert memory["int8"] < memory["bf16"] < memory["fp32"]


def test_a_fit_of_trees_takes_as_long_as_its_rounds_and_quantiles() -> None:
    def first(model: GradientBoosting, head: Point | Quantile) -> float:
        fit = predict(model, known_machine(), FITTING, head=head, streams=False).fit
        assert fit is not None
        assert fit.longest > fit.shortest
        return fit.shortest

    few, many = GradientBoosting(rounds=50), GradientBoosting(rounds=100)
    assert first(many, Point()) > 1.8 * first(few, Point())
    assert first(few, Quantile()) > 4 * first(few, Point())


def test_a_fit_of_a_linear_model_grows_with_rows() -> None:
    fits = [told(Linear(), fitting=replace(FITTING, rows=rows)).fit for rows in (3_000, 30_000)]

    assert fits[0] is not None
    assert fits[1] is not None
    assert fits[1].shortest > 5 * fits[0].shortest
    naive = told(Naive(rule="mean")).fit
    assert naive is not None
    assert naive.longest == 0


@pytest.mark.parametrize(("fits", "workers", "seconds"), [([], 2, 0.0), ([5.0], 4, 5.0), ([1.0] * 5, 2, 3.0)])
def test_fits_side_by_side_take_as_long_as_the_last_worker(fits: list[float], workers: int, seconds: float) -> None:
    assert wall_time(fits, workers) == seconds
