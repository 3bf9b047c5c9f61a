"""One number makes a model as sure as it should be; none changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from small_exports import DIRECTION, market, small

from candlewick.core.errors import DataError
from candlewick.models._heads import Belief, Classes, Gaussian, HeadScale, Point, Quantile, Variance
from candlewick.runtime import calibrate
from candlewick.runtime.estimator_session import EstimatorSession
from candlewick.runtime.replay import replay

UNIT = HeadScale(0.0, 1.0)
N = 20_000


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_a_temperature_undoes_a_planted_overconfidence(rng):
    logits = rng.standard_normal((N, 3))
    probabilities = Classes(classes=3).decode(logits, UNIT).probabilities
    came = (rng.random((N, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).astype(float)
    fitted = calibrate.fit(Classes(classes=3), 3.0 * logits, came)
    assert fitted["temperature"] == pytest.approx([3.0], rel=0.05)
    calibrated = calibrate.apply(Classes(classes=3), 3.0 * logits, fitted)
    np.testing.assert_allclose(calibrated, logits, rtol=0.05)


@pytest.mark.parametrize("truth", [0.5, 2.0])
def test_a_spread_undoes_a_planted_deviation(rng, truth):
    raw = np.stack([rng.standard_normal(N), rng.standard_normal(N) / 3], axis=1)
    z = raw[:, 0] + truth * np.exp(raw[:, 1]) * rng.standard_normal(N)
    fitted = calibrate.fit(Gaussian(), raw, z)
    assert fitted["spread"] == pytest.approx([truth], rel=0.03)
    after = calibrate.apply(Gaussian(), raw, fitted)
    np.testing.assert_array_equal(after[:, 0], raw[:, 0])
    np.testing.assert_allclose(np.exp(after[:, 1] - raw[:, 1]), fitted["spread"][0])


def test_a_spread_widens_quantiles_around_the_middle_one(rng):
    head = Quantile(levels=(0.1, 0.5, 0.9))
    middle = rng.standard_normal(N)
    quantiles = middle[:, None] + np.array([-1.2816, 0.0, 1.2816]) / 2
    raw = head.encode(Belief(middle, quantiles, head.levels), UNIT)
    fitted = calibrate.fit(head, raw, middle + rng.standard_normal(N))
    assert fitted["spread"] == pytest.approx([2.0], rel=0.05)
    after = head.decode(calibrate.apply(head, raw, fitted), UNIT).quantiles
    np.testing.assert_allclose(after[:, 1], middle, atol=1e-9)
    np.testing.assert_allclose(after - middle[:, None], fitted["spread"][0] * (quantiles - middle[:, None]), atol=1e-9)


@pytest.mark.parametrize("head", [Classes(classes=3), Gaussian(), Quantile(), Point(), Variance()])
def test_no_calibration_moves_no_bit(rng, head):
    raw = rng.standard_normal((50, head.outputs))
    assert calibrate.apply(head, raw, {}) is raw


@pytest.mark.parametrize("head", [Point(), Variance()])
def test_heads_that_state_no_confidence_have_none_to_fit(rng, head):
    assert calibrate.fit(head, rng.standard_normal((50, 1)), rng.standard_normal(50)) == {}


@pytest.mark.parametrize(
    ("raw", "z"),
    [(np.empty((0, 2)), np.empty(0)), (np.full((3, 2), np.nan), np.zeros(3)), (np.ones((3, 2)), np.ones(2))],
)
def test_rows_that_cannot_be_judged_are_refused(raw, z):
    with pytest.raises(DataError, match="validation rows"):
        calibrate.fit(Gaussian(), raw, z)


def test_the_engine_applies_what_a_model_carries():
    exported = small(market(), "linear", asks=DIRECTION).exported
    cooled = replace(exported, calibration={"temperature": np.array([4.0])})
    plain, calibrated = (replay(model, EstimatorSession(model), market()) for model in (exported, cooled))
    np.testing.assert_array_equal(calibrated.raw, plain.raw / 4.0)
    assert np.ptp(calibrated.belief.probabilities) < np.ptp(plain.belief.probabilities)
    assert cooled.content_id != exported.content_id
