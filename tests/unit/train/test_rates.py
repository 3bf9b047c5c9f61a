"""That what torch's trials measure is what predictions of training are made of."""

import itertools
from dataclasses import replace

import pytest

from candlewick.models._heads import Point
from candlewick.models.lstm import Lstm
from candlewick.runtime.rates import Trial
from candlewick.sizing.measure import rounds, this_machine
from candlewick.sizing.training_time import Fitting, training_time
from candlewick.train import rates
from candlewick.train.device import has_bf16


@pytest.fixture(scope="module")
def few() -> list[Trial]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rates, "HIDDEN", (8, 16))
        patch.setattr(rates, "BATCHES", (2, 4))
        patch.setattr(rates, "VALIDATED", 4)
        patch.setattr(rates, "SHAPES", ((1, 64, 64), (32, 64, 64)))
        return list(rates.trials(1))


def test_every_trial_takes_time_and_is_there_once(few: list[Trial]) -> None:
    keys = [(trial.what, trial.path, trial.precision, trial.threads, trial.shape) for trial in few]

    assert len(set(keys)) == len(keys)
    assert all(trial.seconds() > 0 for trial in few)


def test_bf16_is_tried_where_the_processor_has_it(few: list[Trial]) -> None:
    assert ("bf16" in {trial.precision for trial in few}) == has_bf16("cpu")


def test_training_time_can_be_told_from_what_is_measured(few: list[Trial]) -> None:
    copying = (Trial("copy", "compiled", "fp32", 1, (2**20,), 1e9, lambda: 1.0),)
    machine = replace(this_machine(), measurements=tuple(rounds([*few, *copying], budget_s=0.2)))
    layers = Lstm(layers=2, hidden=16).count(8, Point(), 16)

    for sampling, kahan in itertools.product(("windows", "streams"), (False, has_bf16("cpu"))):
        fitting = Fitting(640, 64, 8, 16, sampling=sampling, warmup=16, chunk=16, kahan=kahan)  # type: ignore[arg-type]
        time = training_time(layers, fitting, machine, precision="fp32")
        assert 1e-4 < time.update < 1.0
        assert time.longest > time.epoch > time.validation > 0
