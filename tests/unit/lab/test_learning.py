import pytest

from candlewick.core.errors import DataError
from candlewick.core.progress import Silent
from candlewick.lab.learning import SEEDS, learning_curves
from candlewick.lab.prepare import prepare


class Listening(Silent):
    def __init__(self):
        self.said, self.steps, self.total = [], 0, 0

    def stage(self, title, total):
        self.total = total

    def advance(self, steps=1, note=""):
        self.steps += steps

    def say(self, text):
        self.said.append(text)


def test_losses_of_growing_shares_beside_linear(make):
    experiment = make(model={"name": "gradient_boosting", "rounds": 20}, baselines=[])
    prepared, listening = prepare(experiment), Listening()
    boosted, linear = learning_curves(experiment, prepared, progress=listening)
    rows = len(prepared.folds[-1].train)
    assert (boosted.model, linear.model) == ("gradient_boosting", "linear")
    assert boosted.rows == linear.rows == rows
    sizes = sorted({fit.rows for fit in boosted.fits})
    assert len(sizes) >= 3
    assert sizes[0] < rows / 3
    assert listening.steps == listening.total == 2 * SEEDS * len(sizes)
    assert any("more" in text for text in listening.said), "how long it takes is told after the smallest share"
    # Blocks at other places teach other things; all rows are the same rows for every seed.
    assert len({fit.loss for fit in linear.fits if fit.rows == sizes[0]}) == SEEDS
    assert len({fit.loss for fit in linear.fits if fit.rows == rows}) == 1
    assert boosted.trivial == linear.trivial
    assert boosted.trivial.startswith("naive")


def test_validation_rows_are_not_learnt_from_and_test_rows_not_read(make):
    from dataclasses import replace

    import numpy as np

    experiment = make(model="linear", baselines=[])
    prepared = prepare(experiment)
    fold = prepared.folds[-1]
    spoilt = prepared.data.y.copy()
    spoilt[fold.test.index] = 1e6
    other = replace(prepared, data=replace(prepared.data, y=spoilt))
    [first], [second] = (learning_curves(experiment, p, progress=Silent()) for p in (prepared, other))
    assert first == second
    order = np.random.default_rng(0).permutation(len(fold.validation))
    dealt = prepared.data.y.copy()
    dealt[fold.validation.index] = dealt[fold.validation.index][order]
    worse = replace(prepared, data=replace(prepared.data, y=dealt))
    [shuffled] = learning_curves(experiment, worse, progress=Silent())
    assert shuffled.loss > first.loss, "labels dealt out anew cannot be known"


def test_too_few_rows_are_told(make):
    experiment = make(data={"name": "synthetic", "market": {"name": "clustered"}, "bars": 250, "seed": 1})
    with pytest.raises(DataError, match="learning curve needs"):
        learning_curves(experiment, prepare(experiment), progress=Silent())
