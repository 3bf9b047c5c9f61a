import numpy as np
import pytest

from candlewick.models._heads import Classes, Gaussian, Point, Quantile, Variance
from candlewick.models.linear import ALPHAS, Linear
from candlewick.testing.model_trial import fit_decode, samples

RNG = np.random.default_rng(5)
X = RNG.normal(size=(1500, 3)).astype(np.float32) * [1.0, 100.0, 1e-3] + [0.0, 7.0, 1.0]
NOISE = RNG.normal(size=1500)
SIGNAL = 2.0 * X[:, 0] - 0.03 * X[:, 1] + 500 * X[:, 2]


def test_coefficients_are_recovered_in_any_unit():
    train = samples(X, SIGNAL + 0.1 * NOISE)
    weights, belief = fit_decode(Linear(), Point(), train)
    scale = np.std(train.y)
    np.testing.assert_allclose(weights["matrix"][:, 0] * scale, [2.0, -0.03, 500], rtol=0.01)
    np.testing.assert_allclose(belief.value, SIGNAL, atol=0.05)


def test_penalty_is_strong_where_there_is_no_signal_and_weak_where_there_is():
    noise, _ = fit_decode(Linear(), Point(), samples(X, NOISE))
    signal, _ = fit_decode(Linear(), Point(), samples(X, SIGNAL + 0.1 * NOISE))
    assert noise["alpha"] >= 0.1
    assert signal["alpha"] == ALPHAS[0]
    assert np.abs(noise["matrix"] * X.std(axis=0)[:, None]).max() < 0.05


def test_variance_forecast_has_the_mean_of_the_label_by_smearing():
    y = np.exp(0.5 * X[:, 0] + NOISE)
    weights, belief = fit_decode(Linear(), Variance(), samples(X[:, :1], y))
    assert np.mean(belief.value) == pytest.approx(np.mean(y), rel=0.05)
    # Without the factor the forecast is the median, exp(-1/2) of the mean.
    assert weights["log_smear"][0] == pytest.approx(0.5, abs=0.1)


def test_zero_variances_are_fitted():
    y = np.exp(X[:, 0])
    y[::10] = 0.0
    _, belief = fit_decode(Linear(), Variance(), samples(X, y))
    assert np.isfinite(belief.value).all()
    assert (belief.value > 0).all()


def test_normal_head_carries_the_deviation_of_the_residuals():
    _, belief = fit_decode(Linear(), Gaussian(), samples(X, SIGNAL + 0.5 * NOISE))
    np.testing.assert_allclose(belief.deviation, 0.5, rtol=0.06)


def test_quantiles_cover_what_they_say():
    train, test = samples(X[:1000], (SIGNAL + NOISE)[:1000]), samples(X[1000:], (SIGNAL + NOISE)[1000:])
    _, belief = fit_decode(Linear(), Quantile(), train, test)
    covered = (test.y[:, None] <= belief.quantiles).mean(axis=0)
    np.testing.assert_allclose(covered, belief.levels, atol=0.06)


def test_classes_are_told_apart_with_sane_probabilities():
    y = np.digitize(SIGNAL + 0.1 * NOISE, np.quantile(SIGNAL, [0.3, 0.7]))
    _, belief = fit_decode(Linear(), Classes(classes=3), samples(X, y))
    assert np.mean(belief.value == y) > 0.95
    chance = RNG.permutation(y)
    _, belief = fit_decode(Linear(), Classes(classes=3), samples(X, chance))
    np.testing.assert_allclose(belief.probabilities, np.tile([0.3, 0.4, 0.3], (1500, 1)), atol=0.06)


def test_a_class_that_was_never_seen_is_nearly_impossible():
    y = np.sign(SIGNAL - SIGNAL.mean()) + 1
    _, belief = fit_decode(Linear(), Classes(classes=3), samples(X, y))
    assert belief.probabilities[:, 1].max() < 1e-6
    assert np.mean(belief.value == y) > 0.95
    _, belief = fit_decode(Linear(), Classes(classes=2), samples(X, np.ones(1500)))
    assert belief.probabilities[:, 1].min() > 1 - 1e-6


def test_lags_reach_back_in_the_window():
    y = np.roll(X[:, 0], 2) + 0.1 * NOISE
    train = samples(X, y, length=4)
    errors = [np.mean((fit_decode(Linear(lags=lags), Point(), train)[1].value - train.y) ** 2) for lags in (1, 3)]
    assert errors[0] > 0.9
    assert errors[1] < 0.02


def test_count_is_what_is_fitted():
    train = samples(X, np.exp(0.1 * NOISE), length=4)
    for head in (Point(), Variance(), Gaussian(), Quantile()):
        weights, _ = fit_decode(Linear(lags=2), head, train)
        fitted = sum(array.size for name, array in weights.items() if name != "alpha")
        assert Linear(lags=2).count(3, head, 4)[0].parameters == fitted
