import numpy as np
import pytest

from candlewick.core.errors import ConfigError, TrainingError
from candlewick.models._rows import forward_blocks, newest
from candlewick.samples.dataset import Samples
from candlewick.testing.model_trial import dataset, samples


def test_newest_rows_are_the_end_of_the_window_oldest_first():
    x = np.arange(20.0).reshape(10, 2)
    some = Samples(dataset(x, np.zeros(10), length=4), np.array([3, 9]))
    np.testing.assert_array_equal(newest(some, 1), x[[3, 9]])
    np.testing.assert_array_equal(newest(some, 3)[1], x[7:10].ravel())
    np.testing.assert_array_equal(newest(some, 4)[0], x[0:4].ravel())


def test_more_lags_than_the_window_holds_are_refused():
    with pytest.raises(ConfigError, match="at most the window's length 4, was 5"):
        newest(Samples(dataset(np.zeros((10, 2)), np.zeros(10), length=4), np.array([5])), 5)


@pytest.mark.parametrize("horizon", [1, 7])
def test_earlier_labels_are_known_before_the_later_block_begins(horizon):
    symbol = np.repeat([0, 1], [60, 40])
    some = samples(np.zeros((100, 1)), np.zeros(100), horizon=horizon, symbol=symbol)
    t, known_at = some.data.t[some.index], some.data.known_at[some.index]
    seen = []
    for earlier, later in forward_blocks(some, 5):
        assert known_at[earlier].max() <= t[later].min()
        # Nothing that was known is left out either.
        assert set(earlier) == set(np.flatnonzero(known_at <= t[later].min()))
        seen.extend(later)
    assert len(seen) == len(set(seen))
    assert set(seen) == set(np.flatnonzero(t >= t[seen].min()))


def test_too_few_samples_are_refused():
    with pytest.raises(TrainingError, match="too few"):
        list(forward_blocks(samples(np.zeros((6, 1)), np.zeros(6), horizon=4), 5))
