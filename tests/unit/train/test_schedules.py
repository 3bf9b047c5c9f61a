import itertools

import numpy as np
import pytest

from candlewick.train.schedules import Constant, Cosine, Plateau


def test_plateau_equals_torch_on_positive_losses():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for trial in range(20):
        losses = list(np.round(rng.normal(size=60).cumsum(), 1) + 20)
        ours = Plateau(factor=0.7, patience=int(rng.integers(0, 6)), minimum=1e-3)
        optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.1)
        theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimiser, factor=0.7, patience=ours.patience, min_lr=1e-3, eps=0.0
        )
        for epoch, loss in enumerate(losses):
            theirs.step(loss)
            rate = ours.rate(0.1, progress=0.0, losses=losses[: epoch + 1])
            assert rate == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-12), (trial, epoch)


def test_plateau_holds_while_the_loss_falls_and_stops_at_its_minimum():
    schedule = Plateau(factor=0.5, patience=1, minimum=1e-3)
    assert schedule.rate(0.01, progress=0.5, losses=[3.0, 2.0, 1.0]) == 0.01
    assert schedule.rate(0.01, progress=0.5, losses=[1.0] * 100) == 1e-3
    assert Plateau(minimum=0.1, patience=0).rate(0.01, progress=0.5, losses=[1.0] * 9) == 0.01  # never raised


def test_plateau_asks_for_a_noticeable_fall_of_a_negative_loss_too():
    schedule = Plateau(factor=0.5, patience=0)
    assert schedule.rate(1.0, progress=0.5, losses=[-1.0, -1.0]) == 0.5
    assert schedule.rate(1.0, progress=0.5, losses=[-1.0, -1.1]) == 1.0


def test_cosine_goes_from_the_rate_to_its_minimum():
    schedule = Cosine(minimum=0.1)
    rates = [schedule.rate(1.0, progress=p, losses=[]) for p in np.linspace(0, 1, 11)]
    assert rates[0] == 1.0
    assert rates[5] == pytest.approx(0.55)
    assert rates[-1] == pytest.approx(0.1)
    assert all(a > b for a, b in itertools.pairwise(rates))


def test_constant_stays():
    assert Constant().rate(0.3, progress=0.9, losses=[1.0] * 50) == 0.3
