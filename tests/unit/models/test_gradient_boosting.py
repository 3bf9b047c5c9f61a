import numpy as np
import pytest

from candlewick.models._heads import Classes, Gaussian, Point, Quantile, Variance
from candlewick.models._trees import stages, walk
from candlewick.models.gradient_boosting import GradientBoosting, _target
from candlewick.models.linear import Linear
from candlewick.testing.model_trial import fit_decode, samples

RNG = np.random.default_rng(11)
X = RNG.normal(size=(1500, 4)).astype(np.float32)
NOISE = RNG.normal(size=1500)
PRODUCT = X[:, 0] * X[:, 1]
MODEL = GradientBoosting(rounds=60, learning_rate=0.1)


@pytest.mark.parametrize(
    ("head", "y", "loss"),
    [
        (Point(), PRODUCT + 0.3 * NOISE, "squared_error"),
        (Variance(), np.exp(PRODUCT + 0.3 * NOISE), "gamma"),
        (Classes(), PRODUCT > 0, "log_loss"),
        (Classes(classes=3), np.digitize(PRODUCT, [-0.5, 0.5]), "log_loss"),
    ],
    ids=["point", "variance", "two classes", "three classes"],
)
def test_equals_scikit_learn(head, y, loss):
    train = samples(X, y)
    weights, _ = fit_decode(MODEL, head, train)
    rounds = len(weights["root"]) // len(weights["baseline"])
    assert rounds > 5
    x = X.astype(np.float64)
    theirs = MODEL.estimator(loss, rounds, 0).fit(x, _target(head, train.y, head.fit_scale(train.y)))
    fresh = RNG.normal(size=(500, 4))
    np.testing.assert_allclose(walk(weights, fresh), theirs._raw_predict(fresh), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(stages(weights, fresh)[-1], walk(weights, fresh))


def test_quantiles_equal_scikit_learns_one_fit_a_level():
    head, train = Quantile(levels=(0.1, 0.5, 0.9)), samples(X, PRODUCT + 0.3 * NOISE)
    weights, _ = fit_decode(MODEL, head, train)
    target = _target(head, train.y, head.fit_scale(train.y))
    for k, level in enumerate(head.levels):
        rounds = int(np.sum(weights["column"] == k))
        theirs = MODEL.estimator(level, rounds, 0).fit(X.astype(np.float64), target)
        np.testing.assert_allclose(walk(weights, X.astype(np.float64))[:, k], theirs.predict(X), rtol=1e-12, atol=1e-12)


def test_a_value_on_the_threshold_goes_left():
    weights, _ = fit_decode(MODEL, Point(), samples(X, PRODUCT))
    root = weights["root"][0]
    at = np.zeros((2, 4))
    at[:, weights["feature"][root]] = weights["threshold"][root], np.nextafter(weights["threshold"][root], np.inf)
    one = {**weights, "root": weights["root"][:1], "column": weights["column"][:1]}
    left, right = walk(one, at)[:, 0]
    assert left != right


def test_finds_what_no_line_can():
    train, test = samples(X[:1000], (PRODUCT + 0.3 * NOISE)[:1000]), samples(X[1000:], PRODUCT[1000:])
    errors = [np.mean((fit_decode(m, Point(), train, test)[1].value - test.y) ** 2) for m in (MODEL, Linear())]
    assert errors[0] < 0.4 * errors[1]


def test_few_rounds_are_kept_where_there_is_no_signal():
    noise, belief = fit_decode(MODEL, Point(), samples(X, NOISE))
    signal, _ = fit_decode(MODEL, Point(), samples(X, PRODUCT))
    assert len(noise["root"]) <= 3
    assert len(signal["root"]) > 30
    assert np.std(belief.value) < 0.2


def test_rounds_are_chosen_by_the_last_fifth_alone():
    # The signal breaks off: what the first four fifths teach is wrong in the last, so nothing may be kept of it.
    y = np.where(np.arange(1500) < 1200, PRODUCT, -PRODUCT)
    weights, belief = fit_decode(MODEL, Point(), samples(X, y))
    assert len(weights["root"]) == 0
    np.testing.assert_allclose(belief.value, np.mean(y), rtol=1e-5)


def test_normal_head_carries_the_deviation_of_what_was_not_fitted():
    _, belief = fit_decode(MODEL, Gaussian(), samples(X, X[:, 0] + 0.5 * NOISE))
    np.testing.assert_allclose(belief.deviation, 0.5, rtol=0.15)


def test_quantiles_do_not_cross_and_cover():
    train, test = (
        samples(X[:1000], NOISE[:1000] * np.exp(X[:1000, 0])),
        samples(X[1000:], NOISE[1000:] * np.exp(X[1000:, 0])),
    )
    _, belief = fit_decode(MODEL, Quantile(), train, test)
    assert (np.diff(belief.quantiles, axis=1) > 0).all()
    np.testing.assert_allclose((test.y[:, None] <= belief.quantiles).mean(axis=0), belief.levels, atol=0.08)
    wide, calm = belief.quantiles[test.last[:, 0] > 1], belief.quantiles[test.last[:, 0] < -1]
    assert np.mean(wide[:, -1] - wide[:, 0]) > 3 * np.mean(calm[:, -1] - calm[:, 0])


def test_a_class_that_was_never_seen_is_nearly_impossible():
    _, belief = fit_decode(MODEL, Classes(classes=3), samples(X, 2 * (PRODUCT > 0)))
    assert belief.probabilities[:, 1].max() < 1e-6
    _, belief = fit_decode(MODEL, Classes(), samples(X, np.ones(1500)))
    assert belief.probabilities[:, 1].min() > 1 - 1e-6


def test_zero_variances_are_fitted():
    _, belief = fit_decode(MODEL, Variance(), samples(X, np.where(X[:, 0] > 0, 1.0, 0.0)))
    assert (belief.value > 0).all()
    assert np.isfinite(belief.value).all()


def test_count_bounds_the_nodes():
    for head, y in ((Point(), PRODUCT), (Quantile(), PRODUCT), (Classes(classes=3), np.digitize(PRODUCT, [-0.5, 0.5]))):
        weights, _ = fit_decode(MODEL, head, samples(X, y))
        assert len(weights["value"]) <= MODEL.count(4, head, 1)[0].parameters
