"""Fits on growing shares of one fold's training rows: what more labels would be worth."""

import numpy as np

from candlewick.core import random
from candlewick.core.clock import elapsed_s
from candlewick.core.errors import DataError
from candlewick.core.progress import Progress
from candlewick.lab import unit
from candlewick.lab.experiment import Experiment
from candlewick.lab.gather import loss_metric
from candlewick.lab.prepare import Prepared
from candlewick.models import MODELS
from candlewick.models._base import Estimator, Model
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold, TrainRows, ValidationRows
from candlewick.sizing.learning_curve import Fitted, LearningCurve

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
SEEDS = 3
LEAST_ROWS = 60
"""A share of fewer rows is not fitted: what so few teach says nothing of many."""


def learning_curves(experiment: Experiment, prepared: Prepared, *, progress: Progress) -> tuple[LearningCurve, ...]:
    """Loss on the last fold's validation rows of the experiment's model, and of `linear` beside it.

    A share is a contiguous block of every instrument's training rows, at a place that the seed draws; test rows
    are neither fitted nor forecast. The smallest shares come first, and what they took tells how long the rest
    will take.

    Raises:
        DataError: there are no validation rows, or too few training rows for three shares.
    """
    fold = prepared.folds[-1]
    shares = [share for share in SHARES if share * len(fold.train) >= LEAST_ROWS]
    if not len(fold.validation) or len(shares) < 3:
        raise DataError(
            f"a learning curve needs validation rows and {4 * LEAST_ROWS} training rows, fold {fold.id} has "
            f"{len(fold.validation)} and {len(fold.train)}. Give more bars, or a split with validation."
        )
    models = {experiment.model_label: experiment.model}
    if not any(model.spec_name() == "linear" for model in models.values()):
        models["linear"] = MODELS.build("linear")
    progress.stage(f"learning curve of {' and '.join(models)}", len(shares) * SEEDS * len(models))
    fits: dict[str, list[Fitted]] = {label: [] for label in models}
    for share in shares:
        seconds = 0.0
        for label, model in models.items():
            took = []
            for seed in range(SEEDS):
                began = elapsed_s()
                own = _share(prepared.data, fold, share, seed)
                fits[label].append(_fitted(experiment, prepared.data, own, model, seed))
                took.append(elapsed_s() - began)
                progress.advance()
            seconds += SEEDS * min(took)  # the first fit of a process also loads libraries
        if share == shares[0]:
            progress.say(f"the learning curve takes about {seconds * sum(shares[1:]) / share:,.0f} s more")
    trivial, loss = _best_trivial(experiment, prepared.data, fold)
    metric = loss_metric(experiment.label.kind).spec_name()
    return tuple(LearningCurve(label, metric, tuple(own), trivial, loss) for label, own in fits.items())


def _share(data: Dataset, fold: Fold, share: float, seed: int) -> Fold:
    rng = random.stream(seed, "share", round(1 / share))
    rows = fold.train.index
    blocks = []
    for own in np.split(rows, np.flatnonzero(np.diff(data.symbol[rows])) + 1):
        size = max(round(share * len(own)), 1)
        first = int(rng.integers(len(own) - size + 1))
        blocks.append(own[first : first + size])
    return Fold(fold.id, TrainRows(np.concatenate(blocks)), fold.validation, fold.test)


def _fitted(experiment: Experiment, data: Dataset, fold: Fold, model: Model, seed: int) -> Fitted:
    asked = fold.validation.index
    if isinstance(model, Estimator):  # it would be fitted on validation rows too
        fold = Fold(fold.id, fold.train, ValidationRows(asked[:0]), fold.test)
    fitted, _ = unit.fit(experiment, data, fold, model, seed)
    belief = unit.forecast(experiment, data, model, fitted, asked)
    score = loss_metric(experiment.label.kind).score(data.y[asked], belief.value, belief.probabilities)
    return Fitted(len(fold.train), seed, float(score))


def _best_trivial(experiment: Experiment, data: Dataset, fold: Fold) -> tuple[str, float]:
    losses = {label: _fitted(experiment, data, fold, model, 0).loss for label, model in experiment.trivials.items()}
    best = min(losses, key=lambda label: losses[label])
    return best, losses[best]
