"""The per-sample update is the plain PyTorch loop, sample by sample."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_fits import Recurrent  # noqa: E402

from candlewick.core.errors import ConfigError, DataError, TrainingError  # noqa: E402
from candlewick.core.random import seed_for  # noqa: E402
from candlewick.models._heads import Classes, Gaussian, HeadScale, Point  # noqa: E402
from candlewick.models.blocks.residual_lstm import ResidualLstm  # noqa: E402
from candlewick.models.lstm import Lstm  # noqa: E402
from candlewick.train.checkpoint import weights_hash  # noqa: E402
from candlewick.train.losses import loss_for  # noqa: E402
from candlewick.train.outer_adamw import OuterAdamW  # noqa: E402
from candlewick.train.recipe import Recipe  # noqa: E402
from candlewick.train.update import Updater  # noqa: E402

INPUTS, LENGTH = 5, 6
TINY = Lstm(**Lstm.tiny)
MIDDLE = Lstm(layers=5, hidden=96, projection=40, dropout=0.2)
SCALE = HeadScale(center=0.5, scale=2.0)


def recipe(**changes) -> Recipe:
    return Recipe(**{"sampling": "streams", "weight_decay": 0.1} | changes)


def fresh(network, head):
    torch.manual_seed(3)
    return {name: tensor.numpy() for name, tensor in network.build(INPUTS, head.outputs).state_dict().items()}


def updater(network=TINY, *, head=None, **changes) -> Updater:
    head = head or Point()
    return Updater(network, fresh(network, head), inputs=INPUTS, head=head, scale=SCALE, recipe=recipe(**changes))


def samples(count, *, streams=True, seed=0):
    rng = np.random.default_rng(seed)
    shape = (count, 1, INPUTS) if streams else (count, 1, LENGTH, INPUTS)
    x = rng.normal(size=shape).astype(np.float32)
    return list(zip(x, rng.integers(0, 2, size=count).astype(float), strict=True))


def walk(learner: Updater, given):
    losses, state = [], learner.zero
    for x, y in given:
        loss, state = learner.update(x, y, state)
        losses.append(loss)
    return losses, learner.weights()


def plain(network, head, given, told: Recipe):
    """What a user of PyTorch writes."""
    torch.manual_seed(3)
    module = network.build(INPUTS, head.outputs)
    adamw = torch.optim.AdamW(
        [
            {"params": [p for p in module.parameters() if p.ndim > 1], "weight_decay": told.weight_decay},
            {"params": [p for p in module.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=told.learning_rate,
        betas=told.betas,
    )
    losses, state = [], None
    for number, (x, y) in enumerate(given):
        torch.manual_seed(seed_for(0, "dropout", number))
        raw, state = module(torch.from_numpy(x).reshape(1, -1, INPUTS), state)
        state = tuple(part.detach() for part in state) if told.sampling == "streams" else None
        z = torch.tensor([(y - SCALE.center) / SCALE.scale], dtype=torch.float32)
        loss = loss_for(head, told.loss).each(raw[:, -1], z, head=head).mean()
        adamw.zero_grad()
        loss.backward()
        if told.clip is not None:
            torch.nn.utils.clip_grad_norm_(module.parameters(), told.clip)
        adamw.step()
        losses.append(loss.item())
    return losses, {name: tensor.numpy() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize(
    ("network", "changes"),
    [
        (TINY, {}),
        (TINY, {"clip": None}),
        (TINY, {"clip": 0.05, "betas": (0.8, 0.99), "learning_rate": 3e-4}),
        (TINY, {"sampling": "windows"}),
        (MIDDLE, {}),
        (Recurrent(), {}),
    ],
)
def test_fifty_updates_are_those_of_the_plain_loop(network, changes):
    told = recipe(**changes)
    given = samples(50, streams=told.sampling == "streams")
    start = fresh(network, Point())
    losses, weights = walk(updater(network, **changes), given)
    expected_losses, expected = plain(network, Point(), given, told)
    assert losses == pytest.approx(expected_losses, rel=1e-4, abs=1e-6)
    for name, weight in weights.items():
        off = np.abs(weight - expected[name]).max()
        assert off <= 1e-5 * np.abs(expected[name]).max(), name
        assert off <= 1e-3 * np.abs(expected[name] - start[name]).max(), f"{name} hardly moved"


@pytest.mark.parametrize("head", [Classes(), Gaussian()])
def test_labels_and_losses_are_those_of_the_head(head):
    given = samples(10)
    scaled = [(x, 0.5 + 2.0 * y) for x, y in given]  # so that z is 0 or 1, as a class must be
    losses, weights = walk(updater(head=head), scaled)
    expected_losses, expected = plain(TINY, head, scaled, recipe())
    assert losses == pytest.approx(expected_losses, rel=1e-4)
    for name, weight in weights.items():
        np.testing.assert_allclose(weight, expected[name], atol=1e-5)


def test_carried_state_is_read():
    (x, y), (later, _) = samples(2)
    first, second = updater(), updater()
    _, state = first.update(x, y, first.zero)
    second.update(x, y, second.zero)
    assert first.update(later, y, state)[0] != second.update(later, y, second.zero)[0]


def test_a_planted_answer_is_learnt():
    network = Lstm(layers=3, hidden=16, dropout=0.0)
    given = [(x, 0.5 + 2.0 * float(x[0, 0])) for x, _ in samples(600)]
    losses, _ = walk(updater(network, learning_rate=3e-3), given)
    assert np.mean(losses[-100:]) < 0.2 * np.mean(losses[:100])


def test_only_matrices_decay():
    still = [(np.zeros((1, INPUTS), dtype=np.float32), 0.5)]
    strong, none = (walk(updater(weight_decay=decay), still)[1] for decay in (10.0, 0.0))
    for name, weight in strong.items():
        if weight.ndim > 1:
            np.testing.assert_allclose(weight, none[name] - 0.01 * fresh(TINY, Point())[name], rtol=1e-4, atol=1e-7)
        else:
            np.testing.assert_array_equal(weight, none[name])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, y: (np.where(np.arange(INPUTS) == 2, np.nan, x).astype(np.float32), y), r"was nan at \(0, 2\)"),
        (lambda x, y: (x * np.float32(np.inf), y), "input is not finite"),
        (lambda x, y: (x, np.nan), "label is not finite, was nan"),
        (lambda x, y: (x[:, :3], y), r"shape was \(1, 3\)"),
        (lambda x, y: (x.astype(float), y), "of float64"),
        (lambda x, y: (np.repeat(x, 2, axis=0), y), r"must be \(1, 5\)"),
    ],
)
def test_a_sample_that_cannot_be_meant_is_refused_and_forgotten(spoil, message):
    given = samples(3)
    learner, undisturbed = updater(), updater()
    _, state = learner.update(*given[0], learner.zero)
    with pytest.raises(DataError, match=message):
        learner.update(*spoil(*given[1]), state)
    learner.update(*given[1], state)
    walk(undisturbed, given[:2])
    assert weights_hash(learner.weights()) == weights_hash(undisturbed.weights())


@pytest.mark.parametrize("sampling", ["streams", "windows"])
@pytest.mark.parametrize("label", [1e25, 3.6e19], ids=["loss", "gradient"])
def test_a_gradient_that_is_not_finite_leaves_weights_and_moments_untouched(label, sampling):
    given = samples(2, streams=sampling == "streams")
    learner, undisturbed = updater(sampling=sampling), updater(sampling=sampling)
    _, state = learner.update(*given[0], learner.zero)
    with pytest.raises(TrainingError, match="loss and gradient must be finite, were"):
        learner.update(given[1][0], label, state)
    learner.update(*given[1], state)
    walk(undisturbed, given)
    assert weights_hash(learner.weights()) == weights_hash(undisturbed.weights())


def test_the_same_samples_give_the_same_bits_whatever_others_do_with_torch():
    given = samples(5)
    once, again = weights_hash(walk(updater(), given)[1]), updater()
    torch.manual_seed(99)
    drawn = torch.randn(3)
    torch.manual_seed(99)
    assert weights_hash(walk(again, given)[1]) == once
    assert torch.equal(torch.randn(3), drawn)
    assert torch.backends.mkldnn.enabled
    other = Updater(TINY, fresh(TINY, Point()), inputs=INPUTS, head=Point(), scale=SCALE, recipe=recipe(), seed=1)
    assert weights_hash(walk(other, given)[1]) != once


def test_weights_are_copied_in_and_out():
    given, start = fresh(TINY, Point()), weights_hash(fresh(TINY, Point()))
    learner = Updater(TINY, given, inputs=INPUTS, head=Point(), scale=SCALE, recipe=recipe())
    taken = learner.weights()
    walk(learner, samples(1))
    assert weights_hash(given) == weights_hash(taken) == start


def test_no_gradient_of_a_recurrent_matrix_is_written_down(monkeypatch):
    seen, step = [], OuterAdamW.step

    def noted(self, gradients):
        seen.append([(len(d), len(x)) for d, x in gradients])
        step(self, gradients)

    monkeypatch.setattr(OuterAdamW, "step", noted)
    walk(updater(), samples(1))
    walk(updater(sampling="windows"), samples(1, streams=False))  # many steps: its gradient is no outer product
    assert seen == [[(64, INPUTS), (64, 16), (64, 16), (64, 16), (64, 16), (64, 16)], []]


def test_onednn_is_left_out_of_single_steps_and_comes_back(monkeypatch):
    seen, forward = [], ResidualLstm.forward

    def noted(self, *given):
        seen.append(torch.backends.mkldnn.enabled)
        return forward(self, *given)

    learners = updater(), updater(sampling="windows")
    monkeypatch.setattr(ResidualLstm, "forward", noted)
    walk(learners[0], samples(1))
    walk(learners[1], samples(1, streams=False))
    assert seen == [False, True]
    assert torch.backends.mkldnn.enabled


def test_outer_adamw_follows_adamw_and_its_bits_do_not_depend_on_threads():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(33, 20)).astype(np.float32)
    exact = torch.nn.Parameter(torch.from_numpy(start.copy()))
    adamw = torch.optim.AdamW([exact], lr=1e-2, weight_decay=0.1)
    matrices = {threads: start.copy() for threads in (1, 2)}
    ours = [OuterAdamW([matrices[t]], recipe(learning_rate=1e-2, threads=t)) for t in matrices]
    for _ in range(40):
        d, x = rng.normal(size=33).astype(np.float32), rng.normal(size=20).astype(np.float32)
        exact.grad = torch.from_numpy(np.outer(d, x))
        adamw.step()
        for each in ours:
            each.step([(d, x)])
    np.testing.assert_allclose(matrices[1], exact.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(matrices[1], matrices[2])


def test_what_cannot_be_updated_is_refused():
    class Windowed(Recurrent):
        streams = False

    with pytest.raises(ConfigError, match="carries state"):
        updater(Windowed())
    with pytest.raises(ConfigError, match="run on the processor"):
        updater(device="cuda")
    with pytest.raises(ConfigError, match="do not fit"):
        Updater(TINY, fresh(MIDDLE, Point()), inputs=INPUTS, head=Point(), scale=SCALE, recipe=recipe())
