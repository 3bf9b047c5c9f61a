"""What a reduced precision may cost, and what is said when it costs more."""

import numpy as np
import pytest
from small_exports import FadingSum, market, small

from candlewick.core.errors import DataError
from candlewick.runtime.estimator_session import EstimatorSession
from candlewick.runtime.quantise import judge, stream_raw

RNG = np.random.default_rng(1)
FULL = RNG.standard_normal(2_000)
NOISE = RNG.standard_normal(2_000)


@pytest.mark.parametrize(("share", "allowed"), [(0.0, True), (0.045, True), (0.055, False)])
def test_the_difference_is_limited_as_a_share_of_the_deviation(share, allowed):
    found = judge(FULL, FULL + share * NOISE, skill=(None, None), steps=2_000)
    assert found.allowed is allowed
    assert found.difference == pytest.approx(share, rel=0.05)
    assert found.skill_lost is None
    assert "no skill to lose" in found.reason


@pytest.mark.parametrize(("skill", "allowed"), [(0.2, True), (0.191, True), (0.189, False), (0.25, True)])
def test_the_skill_lost_is_limited_as_a_share_of_fp32s(skill, allowed):
    found = judge(FULL, FULL, skill=(0.2, skill), steps=2_000)
    assert found.allowed is allowed
    assert found.skill_lost == pytest.approx(1 - skill / 0.2)


def test_a_model_without_skill_is_judged_by_its_forecasts_alone():
    assert judge(FULL, FULL, skill=(-0.1, -0.5), steps=2_000).allowed


def test_of_several_columns_the_worst_counts():
    full = np.stack([FULL, 100 * FULL], axis=1)
    reduced = full + 0.1 * NOISE[:, None]
    assert judge(full, reduced, skill=(None, None), steps=2_000).difference == pytest.approx(0.1, rel=0.05)


def test_forecasts_that_are_not_finite_are_refused():
    assert not judge(FULL, np.where(NOISE > 3, np.nan, FULL), skill=(None, None), steps=2_000).allowed


def test_a_constant_may_not_move():
    flat = np.ones(100)
    assert judge(flat, flat, skill=(None, None), steps=100).allowed
    assert not judge(flat, flat + 1e-6 * NOISE[:100], skill=(None, None), steps=100).allowed


def test_few_steps_are_said():
    assert "all 300 steps there are" in judge(FULL[:300], FULL[:300], skill=(None, None), steps=300).reason
    assert "over 2,000 steps" in judge(FULL, FULL, skill=(None, None), steps=2_000).reason


def test_other_rows_are_refused():
    with pytest.raises(DataError, match="same rows"):
        judge(FULL, FULL[:-1], skill=(None, None), steps=1)


def test_a_stream_is_run_from_zero_state_and_gives_every_row():
    x = RNG.standard_normal((5, 3)).astype(np.float32)
    session = FadingSum(3, 2)
    raw = stream_raw(session, x)
    state = np.zeros(3, np.float32)
    for row, found in zip(x, raw, strict=True):
        state = np.float32(0.9) * state + row
        assert found.tolist() == [state.sum() / 100] * 2
    np.testing.assert_array_equal(raw, stream_raw(session, x))


def test_windows_give_one_row_each():
    case = small(market(), {"name": "linear", "lags": 4})
    rows = case.experiment.scaler.apply(case.fitted.scaler, case.data)[-30:]
    raw = stream_raw(EstimatorSession(case.exported), rows)
    index = np.arange(len(case.data) - 30 + case.data.length - 1, len(case.data))
    np.testing.assert_allclose(
        case.exported.head.decode(raw, case.exported.scale).value, case.forecast(index).value, rtol=1e-12
    )
