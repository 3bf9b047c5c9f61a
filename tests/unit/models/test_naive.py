import numpy as np
import pytest

from candlewick.core.errors import ConfigError
from candlewick.models._heads import Classes, Gaussian, Point, Quantile, Variance
from candlewick.models.naive import Naive
from candlewick.testing.model_trial import fit_decode, samples

Y = np.array([1.0, 4.0, 2.0, 8.0, 5.0])
ECHO = np.array([3.0, 1.0, 4.0, 2.0, 8.0])
TRAIN = samples(np.zeros((5, 1)), Y, echo=ECHO)


@pytest.mark.parametrize("head", [Point(), Variance(), Gaussian()], ids=lambda h: h.head)
def test_last_is_the_last_known_value(head):
    _, belief = fit_decode(Naive(rule="last"), head, TRAIN)
    np.testing.assert_allclose(belief.value, ECHO, rtol=1e-12)


@pytest.mark.parametrize("head", [Point(), Variance(), Gaussian()], ids=lambda h: h.head)
def test_mean_is_the_training_mean(head):
    _, belief = fit_decode(Naive(rule="mean"), head, TRAIN)
    np.testing.assert_allclose(belief.value, np.full(5, 4.0), rtol=1e-12)


def test_zero_is_zero():
    _, belief = fit_decode(Naive(rule="zero"), Point(), TRAIN)
    np.testing.assert_allclose(belief.value, np.zeros(5), atol=1e-12)


def test_prior_is_the_share_of_each_class():
    train = samples(np.zeros((4, 1)), [0, 2, 2, 2])
    _, belief = fit_decode(Naive(rule="prior"), Classes(classes=4), train)
    np.testing.assert_allclose(belief.probabilities[0], [0.25, 0, 0.75, 0], atol=1e-8)
    np.testing.assert_array_equal(belief.value, 2.0)


def test_spread_is_that_of_the_training_residuals():
    _, belief = fit_decode(Naive(rule="mean"), Gaussian(), TRAIN)
    np.testing.assert_allclose(belief.deviation, np.std(Y))
    _, belief = fit_decode(Naive(rule="last"), Gaussian(), TRAIN)
    np.testing.assert_allclose(belief.deviation, np.sqrt(np.mean((Y - ECHO) ** 2)))
    _, belief = fit_decode(Naive(rule="mean"), Quantile(), TRAIN)
    np.testing.assert_allclose(belief.quantiles[0], np.quantile(Y, belief.levels), rtol=1e-9)


def test_a_value_that_is_not_known_yet_is_the_mean(caplog):
    train = samples(np.zeros((3, 1)), [1.0, 2.0, 3.0], echo=[np.nan, 1.0, 2.0])
    with caplog.at_level("INFO", logger="candlewick"):
        _, belief = fit_decode(Naive(), Point(), train)
    np.testing.assert_allclose(belief.value, [2.0, 1.0, 2.0])
    assert "1 of 3 rows" in caplog.text


@pytest.mark.parametrize(
    ("rule", "head"), [("prior", Point()), ("last", Classes()), ("mean", Classes()), ("zero", Variance())]
)
def test_a_rule_without_meaning_is_refused(rule, head):
    with pytest.raises(ConfigError, match="Use "):
        fit_decode(Naive(rule=rule), head, TRAIN)


def test_last_needs_a_label_with_an_echo():
    with pytest.raises(ConfigError, match="last value is known"):
        fit_decode(Naive(rule="last"), Point(), samples(np.zeros((3, 1)), [1.0, 2.0, 3.0]))
