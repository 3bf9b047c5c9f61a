import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import TypeAdapter, ValidationError

from candlewick.models._heads import (
    SMALLEST_VARIANCE_SHARE,
    AnyHead,
    Belief,
    Classes,
    Gaussian,
    HeadScale,
    Point,
    Quantile,
    Variance,
)

SCALE = HeadScale(center=3.0, scale=2.0)
raw_numbers = st.floats(-6, 6)


@given(arrays(np.float64, (4, 5), elements=st.floats(-50, 50)))
def test_quantiles_increase_whatever_the_raw_outputs_are(raw):
    quantiles = Quantile().decode(raw, SCALE).quantiles
    assert (np.diff(quantiles, axis=1) >= 0).all()


@given(arrays(np.float64, (4, 2), elements=st.floats(-50, 50)))
def test_normal_quantiles_increase_and_the_median_is_the_mean(raw):
    belief = Gaussian().decode(raw, SCALE)
    assert (np.diff(belief.quantiles, axis=1) > 0).all()
    np.testing.assert_allclose(belief.quantiles[:, 2], belief.value)


@given(arrays(np.float64, (4, 3), elements=st.floats(-1e6, 1e6)))
def test_probabilities_sum_to_one(raw):
    belief = Classes(classes=3).decode(raw, SCALE)
    np.testing.assert_allclose(belief.probabilities.sum(axis=1), 1.0)
    assert (belief.probabilities >= 0).all()
    chosen = np.take_along_axis(belief.probabilities, belief.value.astype(int)[:, None], axis=1)
    np.testing.assert_array_equal(chosen[:, 0], belief.probabilities.max(axis=1))


@pytest.mark.parametrize(
    "head", [Point(), Variance(), Gaussian(), Quantile(), Classes(classes=4)], ids=lambda h: h.head
)
@given(data=st.data())
def test_encode_undoes_decode(head, data):
    raw = data.draw(arrays(np.float64, (3, head.outputs), elements=raw_numbers))
    belief = head.decode(raw, SCALE)
    again = head.decode(head.encode(belief, SCALE), SCALE)
    for name in ("value", "quantiles", "probabilities", "deviation"):
        if getattr(belief, name) is not None:
            np.testing.assert_allclose(getattr(again, name), getattr(belief, name), rtol=1e-6, atol=1e-9)


def test_raw_zero_is_the_training_distribution():
    y = np.array([1.0, 2.0, 6.0])
    for head in (Point(), Gaussian()):
        belief = head.decode(np.zeros((1, head.outputs)), head.fit_scale(y))
        assert belief.value == pytest.approx(3.0)
    assert belief.deviation == pytest.approx(np.std(y))
    assert Variance().decode(np.zeros((1, 1)), Variance().fit_scale(y)).value == pytest.approx(3.0)


@pytest.mark.parametrize("head", [Point(), Variance(), Gaussian(), Quantile()], ids=lambda h: h.head)
def test_forecasts_follow_the_units_of_the_label(head):
    y = np.array([1.0, 2.0, 6.0])
    raw = np.linspace(-1, 1, 2 * head.outputs).reshape(2, -1)
    here, there = (head.decode(raw, head.fit_scale(unit * y)) for unit in (1.0, 1e8))
    np.testing.assert_allclose(there.value, 1e8 * here.value)


def test_variance_is_positive_and_bounded():
    value = Variance().decode(np.array([[-1e9], [1e9]]), HeadScale(0.0, 5.0)).value
    np.testing.assert_allclose(value, [5 * SMALLEST_VARIANCE_SHARE, 5 / SMALLEST_VARIANCE_SHARE])


def test_labels_without_spread_have_a_scale_that_divides():
    assert Point().fit_scale(np.full(4, 7.0)) == HeadScale(7.0, 1.0)
    assert Variance().fit_scale(np.zeros(4)) == HeadScale(0.0, 1.0)


def test_equal_quantiles_and_certain_classes_stay_finite():
    assert np.isfinite(Quantile().encode(Belief(np.ones(1), np.ones((1, 5))), SCALE)).all()
    assert np.isfinite(Classes().encode(Belief(np.zeros(1), probabilities=np.array([[1.0, 0.0]])), SCALE)).all()
    assert np.isfinite(Gaussian().encode(Belief(np.ones(1), deviation=np.zeros(1)), SCALE)).all()
    assert np.isfinite(Variance().encode(Belief(np.zeros(1)), SCALE)).all()


@pytest.mark.parametrize("levels", [[], [0.5, 0.5], [0.9, 0.1], [0.0, 0.5], [0.5, 1.0]])
@pytest.mark.parametrize("head", [Quantile, Gaussian])
def test_levels_that_are_no_levels_are_refused(head, levels):
    with pytest.raises(ValidationError, match="increase strictly"):
        head(levels=levels)


def test_a_configuration_names_its_head():
    head = TypeAdapter(AnyHead).validate_python({"head": "quantile", "levels": [0.1, 0.5, 0.9]})
    assert head == Quantile(levels=(0.1, 0.5, 0.9))
    assert head.middle == 1
