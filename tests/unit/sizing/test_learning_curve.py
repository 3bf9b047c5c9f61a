import numpy as np
import pytest

from candlewick.sizing.learning_curve import Fitted, LearningCurve, beside

ROWS = [500, 1000, 2000, 4000]


def curve(level, slope, exponent=0.5, noise=0.0, model="lstm", seed=0):
    rng = np.random.default_rng(seed)
    fits = [
        Fitted(n, k, level + slope * (n / 4000) ** -exponent + noise * rng.standard_normal() * (4000 / n) ** 0.5)
        for n in ROWS
        for k in range(3)
    ]
    return LearningCurve(model, "rmse", tuple(fits), "naive mean", 3.0)


@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.0])
def test_a_power_law_is_found_again_and_goes_on(exponent):
    found = curve(1.0, 0.4, exponent)
    for times in (1, 2, 10):
        assert found.expected(times) == pytest.approx(1.0 + 0.4 * times**-exponent, abs=1e-9)
    change = found.change(2)
    assert change.middle == pytest.approx(0.4 * (2**-exponent - 1))
    assert change.tells


def test_intervals_hold_the_truth_as_often_as_they_say():
    truth = 0.4 * (2**-0.5 - 1)
    changes = [curve(1.0, 0.4, noise=0.02, seed=seed).change(2) for seed in range(60)]
    covered = np.mean([change.low <= truth <= change.high for change in changes])
    assert 0.75 <= covered <= 1.0
    assert np.mean([change.tells for change in changes]) > 0.9


def test_noise_alone_tells_nothing():
    changes = [curve(1.0, 0.0, noise=0.02, seed=seed).change(2) for seed in range(60)]
    assert np.mean([change.tells for change in changes]) < 0.25
    found = next(own for seed in range(60) if not (own := curve(1.0, 0.0, noise=0.02, seed=seed)).change(2).tells)
    assert "cannot tell" in found.sentence


def test_changes_are_shares_of_the_gain_whatever_zero_the_loss_has():
    here = curve(1.0, 0.4)
    fits = tuple(Fitted(fit.rows, fit.seed, fit.loss - 9.0) for fit in here.fits)
    moved = LearningCurve("lstm", "rmse", fits, "naive mean", 3.0 - 9.0)
    assert moved.sentence == here.sentence
    # 0.4 - 0.283 more on a gain of 1.6
    assert "gains 1.6 rmse over naive mean with 4,000 labels; twice as many change that by +7%" in here.sentence


def test_no_skill_is_said():
    assert "is no better than naive mean" in curve(3.0, 0.4).sentence


def test_a_steeper_curve_passes_a_flat_one_where_they_cross():
    deep, flat = curve(1.0, 0.8, 0.5), curve(1.6, 1e-9, model="linear")
    # 1 + 0.8 n^-0.5 is 1.6 at n = 1.78; the next times looked at is 2
    assert beside(deep, flat) == (
        "linear is ahead of lstm by 0.2 rmse; if both go on as they do, lstm passes it at about 8,000 labels."
    )
    assert "nothing says" in beside(curve(1.7, 1e-9, model="other"), flat)
