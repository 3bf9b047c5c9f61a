"""Streams: contiguous, every asked row once, nothing after the last one."""

import numpy as np
import pytest

from candlewick.core.errors import ConfigError
from candlewick.samples.roles import Rows, TrainRows
from candlewick.samples.splits.walk_forward import WalkForward
from candlewick.samples.stream import StreamPlan, plan, replay
from candlewick.testing.datasets import odd_dataset

CHUNK, WARMUP = 8, 5


@pytest.fixture
def data():
    data = odd_dataset(1, bars=(200, 60, 150))
    # The first column tells the row, so that what a chunk holds can be read off it.
    x = np.nan_to_num(data.x)
    x[:, 0] = np.arange(len(data))
    return data.with_x(x)


@pytest.fixture
def train(data):
    return WalkForward().folds(data, streams=True)[3].train


def epoch(data, rows, number=0, *, lanes=4, chunk=CHUNK, warmup=WARMUP) -> StreamPlan:
    return plan(data, rows, lanes=lanes, chunk=chunk, warmup=warmup, epoch=number, seed=7)


def walk(chunks: StreamPlan):
    """(lane, dataset row, whether it carries loss, whether state was reset before it), in order."""
    for k in range(chunks.steps):
        x, positions, reset = chunks.chunk(k)
        for lane in range(len(x)):
            size = chunks.size[k, lane]
            for at in range(size):
                yield lane, int(x[lane, at, 0]), positions[lane, at], bool(reset[lane] and at == 0)


@pytest.mark.parametrize("lanes", [1, 3, 8, 500])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_training_row_is_a_sample_exactly_once_an_epoch(data, train, lanes, number):
    seen = [position for _, _, position, _ in walk(epoch(data, train, number, lanes=lanes)) if position >= 0]
    assert sorted(seen) == train.index.tolist()


def test_there_are_no_more_lanes_than_chunks_of_rows(data, train):
    spanned = sum(np.ptp(train.index[data.symbol[train.index] == k]) + 1 for k in range(3))
    most = int(np.ceil(spanned / CHUNK))
    assert epoch(data, train, lanes=100_000).first.shape[1] == most
    assert epoch(data, train, lanes=most - 1).first.shape[1] == most - 1
    assert epoch(data, train, lanes=3, chunk=10_000).first.shape[1] == 1


def test_positions_name_the_row_that_stands_there(data, train):
    assert all(position in (-1, row) for _, row, position, _ in walk(epoch(data, train)))


def test_a_lane_goes_bar_by_bar_and_starts_anew_elsewhere(data, train):
    before: dict[int, int] = {}
    for lane, row, _, reset in walk(epoch(data, train)):
        contiguous = before.get(lane) == row - 1 and data.symbol[row] == data.symbol[row - 1]
        assert reset or contiguous
        before[lane] = row


def test_a_piece_is_warmed_up_without_loss(data, train):
    since_reset: dict[int, int] = {}
    warm = np.zeros(len(data), dtype=bool)
    for symbol in range(3):
        own = np.flatnonzero(data.symbol == symbol)
        first = own[data.ready[own]][0] - data.length + 1
        warm[first : own[-1] + 1] = True
    for lane, row, position, reset in walk(epoch(data, train)):
        since_reset[lane] = 0 if reset else since_reset[lane] + 1
        assert warm[row]
        if position >= 0 and since_reset[lane] < WARMUP:
            # Only where history is too short: the piece began at the first warmed-up bar.
            begin = row - since_reset[lane]
            assert begin == 0 or not warm[begin - 1] or data.symbol[begin - 1] != data.symbol[row]


def test_nothing_after_the_last_training_row_of_an_instrument_goes_in(data, train):
    last = {k: train.index[data.symbol[train.index] == k].max() for k in range(3)}
    rows = [row for number in range(5) for _, row, _, _ in walk(epoch(data, train, number))]
    assert all(row <= last[data.symbol[row]] for row in rows)
    later = data.x.copy()
    for k, row in last.items():
        later[(data.symbol == k) & (np.arange(len(data)) > row)] = 1e6
    changed = epoch(data.with_x(later), train)
    for k in range(changed.steps):
        np.testing.assert_array_equal(changed.chunk(k)[0], epoch(data, train).chunk(k)[0])


def test_lanes_begin_elsewhere_each_epoch_and_the_same_in_the_same_epoch(data, train):
    begins = [tuple(epoch(data, train, number).first[0]) for number in range(6)]
    assert len(set(begins)) >= 5  # two epochs may draw the same place
    assert tuple(epoch(data, train, 3).first[0]) == begins[3]
    other = plan(data, train, lanes=4, chunk=CHUNK, warmup=WARMUP, epoch=3, seed=8)
    assert tuple(other.first[0]) != begins[3]


def test_lanes_are_of_even_length(data):
    rows = TrainRows(np.flatnonzero(data.labelled))
    chunks = epoch(data, rows, lanes=4)
    per_lane = chunks.size.sum(axis=0)
    span = sum(np.ptp(rows.index[data.symbol[rows.index] == k]) + 1 for k in range(3))
    assert per_lane.max() <= span / 4 + 1 + 4 * WARMUP


def test_a_chunk_past_the_end_of_a_piece_is_zero_and_without_loss(data, train):
    chunks = epoch(data, train, lanes=3)
    ends = 0
    for k in range(chunks.steps):
        x, positions, _ = chunks.chunk(k)
        assert x.shape == (3, CHUNK, data.x.shape[1])
        assert x.dtype == np.float32
        assert positions.dtype == np.int64
        for lane, size in enumerate(chunks.size[k]):
            assert not x[lane, size:].any()
            assert (positions[lane, size:] == -1).all()
            ends += size < CHUNK
    assert ends > 0


def test_replay_walks_each_instrument_from_its_anchor_through_every_bar(data):
    index = np.flatnonzero(data.labelled & (data.t > np.median(data.t)))
    chunks = replay(data, Rows(index), chunk=CHUNK, warmup=WARMUP)
    rows = [row for _, row, _, _ in walk(chunks)]
    expected = []
    for k in range(3):
        own = index[data.symbol[index] == k]
        expected += range(own[0] - WARMUP, own[-1] + 1)
    assert sorted(rows) == expected
    assert [position for lane in range(3) for at, _, position, _ in walk(chunks) if at == lane and position >= 0] == (
        index.tolist()
    )
    assert chunks.reset.sum() == 3
    assert chunks.samples == len(index)


def test_no_rows_are_refused(data):
    with pytest.raises(ConfigError, match="no rows to stream over"):
        epoch(data, TrainRows(np.empty(0, dtype=np.int64)))
