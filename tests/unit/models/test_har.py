import numpy as np
import pytest
from pydantic import ValidationError

from candlewick.core.errors import ConfigError, TrainingError
from candlewick.models._heads import SMALLEST_VARIANCE_SHARE, Classes, Point, Variance
from candlewick.models.har import Har
from candlewick.samples.dataset import Samples
from candlewick.testing.model_trial import dataset, fit_decode, samples

RNG = np.random.default_rng(3)


def persistent(n):
    log = np.zeros(n + 1)
    for i in range(1, n + 1):
        log[i] = 0.97 * log[i - 1] + 0.2 * RNG.normal()
    v = np.exp(log) * RNG.gamma(10, 0.1, n + 1)
    return v[1:], v[:-1]


Y, ECHO = persistent(900)
NO_FEATURE = np.zeros((900, 1))


def test_equals_the_regression_written_out():
    data = dataset(NO_FEATURE, Y, echo=ECHO, length=22)
    train = Samples(data, np.arange(30, 900))
    _, belief = fit_decode(Har(), Variance(), train)
    rows = [[1.0, *(np.log(np.mean(ECHO[i - k + 1 : i + 1])) for k in (1, 5, 22))] for i in range(30, 900)]
    design, target = np.array(rows), np.log(Y[30:])
    beta = np.linalg.solve(design.T @ design, design.T @ target)
    smear = np.mean(np.exp(target - design @ beta))
    np.testing.assert_allclose(belief.value, smear * np.exp(design @ beta), rtol=1e-9)


def test_forecast_follows_the_unit_of_the_label():
    _, here = fit_decode(Har(), Variance(), samples(NO_FEATURE, Y, echo=ECHO, length=22))
    _, there = fit_decode(Har(), Variance(), samples(NO_FEATURE, 1e-8 * Y, echo=1e-8 * ECHO, length=22))
    np.testing.assert_allclose(there.value, 1e-8 * here.value, rtol=1e-8)


def test_long_averages_earn_their_place():
    half = Samples(dataset(NO_FEATURE, Y, echo=ECHO, length=22), np.arange(30, 500))
    rest = Samples(half.data, np.arange(500, 900))
    ratio = [rest.y / fit_decode(Har(lags=lags), Variance(), half, rest)[1].value for lags in ((1,), (1, 5, 22))]
    short, long = (np.mean(r - np.log(r) - 1) for r in ratio)
    assert long < short


def test_lags_beyond_the_samples_length_are_refused():
    with pytest.raises(ConfigError, match="reads 22 rows of the label's past, but a sample holds 21"):
        fit_decode(Har(), Variance(), samples(NO_FEATURE, Y, echo=ECHO, length=21))


def test_rows_with_unknown_echoes_are_left_out_of_the_fit_and_said_so(caplog):
    unknown = samples(NO_FEATURE, Y, echo=np.where(np.arange(900) < 50, np.nan, ECHO), length=22)
    with caplog.at_level("INFO", logger="candlewick"):
        weights, _ = fit_decode(Har(), Variance(), unknown)
    assert weights["left_out"] == 50
    assert "50 of 879 training rows" in caplog.text
    head, later = Variance(), Samples(unknown.data, np.arange(71, 900))
    without = Har().fit(later, head=head, scale=head.fit_scale(unknown.y), seed=0)
    np.testing.assert_allclose(weights["coefficients"], without["coefficients"], rtol=1e-9)


def test_short_histories_are_forecast_from_what_is_known(caplog):
    data = dataset(NO_FEATURE, Y, echo=np.where(np.arange(900) < 30, np.nan, ECHO), length=22)
    train, first = Samples(data, np.arange(100, 900)), Samples(data, np.array([29, 30]))
    with caplog.at_level("INFO", logger="candlewick"):
        weights, belief = fit_decode(Har(), Variance(), train, first)
    assert "2 of 2 forecasts average fewer echoes" in caplog.text
    assert belief.value[0] == pytest.approx(np.mean(train.y))
    # With one known echo all three averages are that echo.
    scale = np.mean(train.y)
    logs = np.log(ECHO[30] / scale) * weights["coefficients"][1:].sum() + weights["coefficients"][0]
    assert belief.value[1] == pytest.approx(scale * np.exp(logs + weights["log_smear"][0]))


def test_zero_variances_are_raised_to_the_floor():
    y, echo = Y.copy(), ECHO.copy()
    y[50:60], echo[51:61] = 0.0, 0.0
    weights, belief = fit_decode(Har(lags=(1, 2)), Variance(), samples(NO_FEATURE, y, echo=echo, length=2))
    assert all(np.isfinite(array).all() for array in weights.values())
    assert belief.value.min() >= SMALLEST_VARIANCE_SHARE * np.mean(y)


@pytest.mark.parametrize("head", [Point(), Classes()])
def test_only_variances_are_forecast(head):
    with pytest.raises(ConfigError, match="variances only"):
        fit_decode(Har(), head, samples(NO_FEATURE, np.ones(900), echo=ECHO))


def test_too_few_echoes_are_refused():
    with pytest.raises(TrainingError, match="needs 40 training rows with 22 known echoes each, was 29"):
        fit_decode(Har(), Variance(), samples(np.zeros((50, 1)), Y[:50], echo=ECHO[:50], length=22))
    with pytest.raises(TrainingError, match="was 0"):
        fit_decode(Har(), Variance(), samples(NO_FEATURE, Y, length=22))


@pytest.mark.parametrize("lags", [[], [0, 5], [5, 5], [22, 1]])
def test_lags_increase(lags):
    with pytest.raises(ValidationError, match="increase"):
        Har(lags=lags)
