import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from tiny_fits import Recurrent, cut, dataset, recipe, train

from candlewick.core.errors import ConfigError, StorageError, TrainingError
from candlewick.core.progress import Silent
from candlewick.models._heads import Point
from candlewick.train import checkpoint as checkpoints
from candlewick.train.checkpoint import weights_hash
from candlewick.train.device import has_bf16
from candlewick.train.loop import fit

MODES = ("windows", "streams")
PROGRAM = Path(__file__).with_name("tiny_fits.py")


def run_program(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


class NoSteps(Silent):
    """Fails as soon as something is trained."""

    def __init__(self):
        self.resumed = False

    def advance(self, steps=1, note=""):
        assert not self.resumed
        self.resumed = True


@pytest.mark.parametrize("sampling", MODES)
def test_same_call_gives_the_same_bits_and_another_seed_does_not(sampling):
    settings = {"sampling": sampling, "epochs": 2}
    first, again, other = train(**settings), train(**settings), train(**settings, seed=2)
    assert weights_hash(first.weights) == weights_hash(again.weights)
    assert [replace(e, seconds=0) for e in first.curve] == [replace(e, seconds=0) for e in again.curve]
    assert weights_hash(first.weights) != weights_hash(other.weights)


@pytest.mark.parametrize(("sampling", "kills"), [("windows", (4, 40)), ("streams", (7,))])
def test_killed_fit_goes_on_to_the_same_bits_in_another_process(sampling, kills, tmp_path):
    unbroken = weights_hash(train(sampling=sampling).weights)
    path = tmp_path / "fit.safetensors"
    for kill_at in kills:  # in the middle of an epoch, and of a later one
        assert run_program(path, sampling, kill_at).returncode == -9
        assert path.exists()
    finished = run_program(path, sampling)
    assert finished.stdout.split() == [unbroken, "3"], finished.stderr
    finished_at = path.stat().st_mtime_ns
    again = train(sampling=sampling, checkpoint=path, progress=NoSteps())  # a finished fit is not trained again
    assert weights_hash(again.weights) == unbroken
    assert path.stat().st_mtime_ns == finished_at


class Interrupt(Silent):
    """Ctrl-C when that many steps are done."""

    def __init__(self, steps):
        self.left = steps

    def advance(self, steps=1, note=""):
        self.left -= steps
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture
def saves_at_every_step(monkeypatch):
    monkeypatch.setattr(checkpoints, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(checkpoints, "SHARE_OF_TIME", 1e9)


def interrupted(path, *, at, forget=(), **settings):
    """Hash of the weights of a fit that was interrupted and made again, with some kinds of tensors forgotten."""
    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=path, progress=Interrupt(at), **settings)
    owner = checkpoints.Checkpoint(path, checkpoint_identity(path))
    tensors, facts = owner.load()
    owner.save({kind: part for kind, part in tensors.items() if kind not in forget}, facts)
    return weights_hash(train(checkpoint=path, **settings).weights)


@pytest.mark.usefixtures("saves_at_every_step")
@pytest.mark.parametrize(("sampling", "at"), [("windows", 40), ("streams", 8)])
def test_resuming_restores_what_matters(sampling, at, tmp_path):
    """With a part forgotten the same interruption ends in other bits: the checkpoint is what makes them equal."""
    unbroken = weights_hash(train(sampling=sampling).weights)
    assert interrupted(tmp_path / "kept", at=at, sampling=sampling) == unbroken
    assert interrupted(tmp_path / "moments", at=at, forget=["optimiser"], sampling=sampling) != unbroken
    if sampling == "streams":
        assert interrupted(tmp_path / "state", at=at, forget=["carried"], sampling=sampling) != unbroken


@pytest.mark.usefixtures("saves_at_every_step")
@pytest.mark.skipif(not has_bf16("cpu"), reason="this processor has no bf16")
@pytest.mark.parametrize("kahan", [False, True])
def test_bf16_fits_resume_to_the_same_bits_too(kahan, tmp_path):
    settings = {"sampling": "streams", "precision": "bf16", "kahan": kahan, "schedule": "cosine"}
    assert interrupted(tmp_path / "fit", at=8, **settings) == weights_hash(train(**settings).weights)


def checkpoint_identity(path):
    import json

    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["candlewick"])["identity"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 2}, "seed"),
        ({"epochs": 4}, "recipe"),
        ({"network": Recurrent(hidden=9)}, "network"),
        ({"data": dataset(seed=5)}, "data"),
    ],
)
def test_checkpoint_of_another_fit_is_refused(change, named, tmp_path):
    path = tmp_path / "fit.safetensors"
    train(checkpoint=path, epochs=1)
    with pytest.raises(StorageError, match=f"belongs to another fit: .*{named} was"):
        train(checkpoint=path, **{"epochs": 1, **change})


def test_weights_are_of_the_best_epoch_and_training_stops_by_patience():
    noise = dataset(seed=3)
    noise = replace(noise, y=np.random.default_rng(0).normal(size=len(noise)))
    fitted = train(noise, epochs=40, patience=3)
    losses = [epoch.validation_loss for epoch in fitted.curve]
    assert fitted.stopped == "patience"
    assert fitted.best_epoch == int(np.argmin(losses)) + 1
    assert len(losses) == fitted.best_epoch + 3
    # The same fit cut off at its best epoch has these weights: nothing later touched them.
    cut_off = train(noise, epochs=fitted.best_epoch, patience=3)
    assert weights_hash(cut_off.weights) == weights_hash(fitted.weights)
    endless = train(noise, epochs=len(losses) + 1, patience=None)
    assert endless.stopped == "epochs"
    assert len(endless.curve) == len(losses) + 1


def test_without_validation_the_last_epoch_counts():
    fitted = train(validation=False, patience=1)
    assert (fitted.stopped, fitted.best_epoch, fitted.curve[-1].validation_loss) == ("epochs", 3, None)


def test_clipping_bounds_the_step_and_off_does_not():
    tight, loose = train(clip=0.01, epochs=1), train(clip=None, epochs=1)
    assert tight.curve[0].clipped > 0.9
    assert loose.curve[0].clipped == 0.0
    assert loose.curve[0].gradient_norm > 0.01  # norms are reported before clipping
    assert weights_hash(tight.weights) != weights_hash(loose.weights)


def test_schedule_moves_the_learning_rate_and_off_does_not():
    cosine, constant = train(schedule="cosine"), train(schedule="constant")
    rates = [epoch.learning_rate for epoch in cosine.curve]
    assert rates[0] > rates[1] > rates[2] > 0
    assert {epoch.learning_rate for epoch in constant.curve} == {0.01}


def test_weight_decay_shrinks_matrices_only():
    plain = train(weight_decay=0.0, epochs=1, learning_rate=0.003)
    decayed = train(weight_decay=30.0, epochs=1, learning_rate=0.003)
    norm = lambda fitted, name: float(np.linalg.norm(fitted.weights[name]))  # noqa: E731
    assert norm(decayed, "lstm.weight_hh_l0") < 0.3 * norm(plain, "lstm.weight_hh_l0")
    assert norm(decayed, "norm.weight") > 0.9 * norm(plain, "norm.weight")


@pytest.mark.parametrize("sampling", MODES)
def test_dropout_masks_come_from_the_seed_and_off_changes_the_fit(sampling):
    on = train(sampling=sampling, network=Recurrent(dropout=0.5))
    torch.manual_seed(123)  # whatever the global generator was at, the fit is the same
    again = train(sampling=sampling, network=Recurrent(dropout=0.5))
    off = train(sampling=sampling, network=Recurrent(dropout=0.0))
    assert weights_hash(on.weights) == weights_hash(again.weights) != weights_hash(off.weights)


def test_torch_is_left_as_it_was():
    before = torch.get_num_threads()
    torch.manual_seed(7)
    state = torch.get_rng_state()
    try:
        torch.set_num_threads(2)
        train(threads=1, epochs=1)
        assert torch.get_num_threads() == 2
        assert not torch.are_deterministic_algorithms_enabled()
        assert torch.equal(torch.get_rng_state(), state)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("sampling", MODES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_input_that_is_not_finite_stops_with_row_and_column(sampling, value):
    data = dataset()
    data.x[100, 1] = value
    with pytest.raises(
        TrainingError, match=r"epoch 1, batch \d+.*input.*column b was .*row 100 \(S0, 1970-01-01T01:40"
    ):
        train(data, sampling=sampling)


def test_label_beyond_float32_stops_with_its_row():
    data = dataset()
    data.y[100] = 1e300
    head = Point()
    with (
        np.errstate(over="ignore"),
        pytest.raises(TrainingError, match=r"epoch 1, batch \d+.*label.*1e\+300 at row 100"),
    ):
        fit(
            Recurrent(), cut(data, 0, 240), cut(data, 250, 320), head=head, scale=head.fit_scale(data.y[:90]),
            recipe=recipe(), seed=1,
        )  # fmt: skip


def test_validation_rows_are_checked_too():
    data = dataset()
    data.x[300, 1] = np.nan
    with pytest.raises(TrainingError, match=r"validation after epoch 1, batch \d+.*column b was nan at row 300"):
        train(data, sampling="windows")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_exploding_weights_are_named_as_the_reason():
    with pytest.raises(
        TrainingError, match=r"epoch \d+.*1970-01-01.*not finite, because .*(weights|output overflowed)"
    ):
        train(learning_rate=1e38, clip=None, network=Recurrent(dropout=0.0))


def test_weights_that_the_last_update_broke_are_not_returned():
    with pytest.raises(
        TrainingError, match=r"after epoch 1: the weights .* and others are not finite.*Lower learning_rate"
    ):
        train(learning_rate=1e39, batch=1000, epochs=1, validation=False)


def test_streams_are_refused_for_a_network_without_state():
    class Stateless(Recurrent):
        streams = False

    with pytest.raises(ConfigError, match=r"does not\. Set sampling: windows"):
        train(network=Stateless(), sampling="streams")


def test_no_training_rows_is_an_error():
    data, head = dataset(), Point()
    with pytest.raises(TrainingError, match="no training rows"):
        fit(
            Recurrent(),
            cut(data, 0, 0),
            cut(data, 0, 0),
            head=head,
            scale=head.fit_scale(data.y),
            recipe=recipe(),
            seed=0,
        )


def test_progress_tells_the_steps_the_loss_and_the_time_left():
    class Told(Silent):
        total, done, notes, lines = 0, 0, [], []

        def stage(self, title, total):
            self.total = total

        def advance(self, steps=1, note=""):
            self.done += steps
            self.notes.append(note)

        def say(self, text):
            self.lines.append(text)

    told = Told()
    fitted = train(progress=told)
    assert told.done == told.total == 3 * -(-235 // 8)
    assert "epoch 2 of at most 3, loss" in told.notes[-40]
    assert "validation" in told.notes[-1]
    assert told.notes[-1].endswith("s left")
    assert fitted.device in told.lines[0]
    assert "fp32" in told.lines[0]
