"""That what is measured of engines is what predictions of latency are made of."""

from dataclasses import replace

import pytest

from candlewick.models._heads import Point
from candlewick.models.gradient_boosting import GradientBoosting
from candlewick.models.linear import Linear
from candlewick.runtime import step_rates
from candlewick.runtime.rates import Trial
from candlewick.sizing.latency import latency
from candlewick.sizing.measure import rounds, this_machine


@pytest.fixture(scope="module")
def few() -> list[Trial]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_rates, "_STEPS", {1: 50, 32: 5})
        return list(step_rates.trials(1))


def test_they_take_no_second_thread() -> None:
    assert list(step_rates.trials(2)) == []


def test_latency_can_be_told_from_what_is_measured(few: list[Trial]) -> None:
    machine = replace(this_machine(), measurements=tuple(rounds(few, budget_s=0.2)))

    for model in (Linear(), GradientBoosting()):
        told = latency(
            model, model.count(8, Point(), 1), machine, columns=8, length=1, streams=True, precision="fp32"
        )  # fmt: skip
        assert told is not None
        assert 1e-6 < told.network < told.p50 <= told.p99 < 1.0
