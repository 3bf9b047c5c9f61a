import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_fits import LENGTH, Recurrent, cut, dataset, recipe  # noqa: E402

from candlewick.models._heads import HeadScale  # noqa: E402
from candlewick.train.batches import Batch, Feed, step  # noqa: E402

DATA = dataset(symbols=2)
SCALE = HeadScale(0.5, 2.0)


def feed(sampling, *, shuffle=True, seed=3):
    return Feed(cut(DATA, 0, 300), scale=SCALE, recipe=recipe(sampling=sampling), seed=seed, shuffle=shuffle)


def batches(epoch):
    return [epoch[number] for number in range(len(epoch))]


def order(sampling, epoch, **settings):
    rows = [batch.rows[batch.asked] for batch in batches(feed(sampling, **settings).epoch(epoch))]
    return np.concatenate(rows).tolist()


@pytest.mark.parametrize("sampling", ["windows", "streams"])
def test_every_sample_comes_once_an_epoch_with_its_scaled_label(sampling):
    epoch = batches(feed(sampling).epoch(0))
    rows = np.concatenate([batch.rows[batch.asked] for batch in epoch])
    z = np.concatenate([batch.z.numpy()[batch.asked] for batch in epoch])
    assert sorted(rows) == cut(DATA, 0, 300).index.tolist()
    np.testing.assert_allclose(z, (DATA.y[rows] - 0.5) / 2.0, rtol=1e-6)


@pytest.mark.parametrize("sampling", ["windows", "streams"])
def test_order_changes_by_epoch_and_seed_and_not_without_shuffling(sampling):
    assert order(sampling, 0) == order(sampling, 0)
    assert order(sampling, 0) != order(sampling, 1)
    assert order(sampling, 0) != order(sampling, 0, seed=4)
    assert order(sampling, 0, shuffle=False) == order(sampling, 1, shuffle=False)


def test_windows_end_at_their_row():
    for batch in batches(feed("windows").epoch(0)):
        for x, row in zip(batch.x.numpy(), batch.rows[:, 0], strict=True):
            np.testing.assert_array_equal(x, DATA.x[row - LENGTH + 1 : row + 1])


@torch.no_grad()
def test_state_is_zeroed_in_the_lanes_that_begin_anew_and_carried_in_the_others():
    module = Recurrent().build(3, 1).eval()
    x = torch.randn(3, 4, 3)
    before = tuple(torch.randn(3, 8) for _ in range(2))
    batch = Batch(x, torch.zeros(3, 4), np.zeros((3, 4), dtype=np.int64), np.array([False, True, False]))
    raw, *_ = step(module, batch, before, device="cpu", dtype=torch.float32)
    carried, _ = module(x, before)
    fresh, _ = module(x, None)
    torch.testing.assert_close(raw[[0, 2]], carried[[0, 2]])
    torch.testing.assert_close(raw[1], fresh[1])
    assert not torch.isclose(fresh[[0, 2]], carried[[0, 2]]).any()


def test_lanes_that_are_done_leave_the_batch_and_the_others_keep_their_state():
    epoch = Feed(cut(DATA, 0, 300), scale=SCALE, recipe=recipe(sampling="streams", warmup=30), seed=3, shuffle=True)
    for number in range(4):
        chunks = batches(epoch.epoch(number))
        sizes = [len(batch.x) for batch in chunks]
        assert sizes == sorted(sizes, reverse=True)
        assert chunks[-1].asked.any(axis=1).all()  # no lane is kept for nothing
    assert sizes[-1] < sizes[0]


@torch.no_grad()
def test_state_of_lanes_that_left_is_dropped():
    module = Recurrent().build(3, 1).eval()
    x, before = torch.randn(2, 4, 3), tuple(torch.randn(3, 8) for _ in range(2))
    batch = Batch(x, torch.zeros(2, 4), np.zeros((2, 4), dtype=np.int64), np.array([False, False]))
    raw, _, _, after = step(module, batch, before, device="cpu", dtype=torch.float32)
    expected, _ = module(x, tuple(part[:2] for part in before))
    torch.testing.assert_close(raw, expected)
    assert [part.shape for part in after] == [(2, 8), (2, 8)]
