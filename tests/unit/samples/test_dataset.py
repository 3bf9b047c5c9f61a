"""Windows are views that never reach into another instrument."""

import numpy as np
import pytest

from candlewick.core.errors import ConfigError, DataError
from candlewick.samples.dataset import Samples
from candlewick.samples.roles import Fold, Rows, TestRows, TrainRows, ValidationRows
from candlewick.testing.datasets import odd_dataset


def test_windows_are_views_of_the_matrix():
    data = odd_dataset(0)
    samples = Samples(data, np.flatnonzero(data.ready))
    assert np.shares_memory(samples.windows, data.x)
    assert samples.windows.shape == (len(data) - data.length + 1, data.length, data.x.shape[1])


def test_a_batch_holds_the_rows_up_to_each_sample_oldest_first():
    data = odd_dataset(0)
    index = np.flatnonzero(data.labelled)
    batch = Samples(data, index).batch(np.array([3, 40]))
    for window, row in zip(batch, index[[3, 40]], strict=True):
        np.testing.assert_array_equal(window, data.x[row - data.length + 1 : row + 1])


def test_every_window_of_a_ready_row_lies_within_one_instrument():
    data = odd_dataset(0)
    for row in np.flatnonzero(data.ready):
        assert len(set(data.symbol[row - data.length + 1 : row + 1])) == 1


def test_rows_without_a_whole_window_are_refused():
    data = odd_dataset(0)
    second = int(np.argmax(data.symbol == 1))
    with pytest.raises(DataError, match=f"first is row {second}"):
        Samples(data, np.array([second]))


def test_the_labels_past_is_read_within_the_window_only():
    data = odd_dataset(0)
    index = np.flatnonzero(data.ready)
    samples = Samples(data, index)
    np.testing.assert_array_equal(samples.echo_window(2), np.stack([data.echo[index - 1], data.echo[index]], axis=1))
    with pytest.raises(ConfigError, match="Set the samples' length to 5 or more"):
        samples.echo_window(data.length + 1)


@pytest.mark.parametrize("index", [[3, 2], [1, 1], [-1, 2]])
def test_rows_increase_strictly_from_zero(index: list[int]):
    with pytest.raises(DataError, match="positions that increase"):
        Rows(np.array(index))


def test_what_needs_no_early_stopping_is_fitted_on_training_and_validation_rows_in_order():
    fold = Fold(0, TrainRows(np.array([0, 1, 7])), ValidationRows(np.array([3, 9])), TestRows(np.array([5])))
    assert isinstance(fold.fitting, TrainRows)
    assert fold.fitting.index.tolist() == [0, 1, 3, 7, 9]
