"""Fits and forecasts: what was not trained on may be anything, and no fitted array and no earlier forecast moves."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from candlewick.core.clock import iso
from candlewick.data.bars import Panel
from candlewick.lab import unit
from candlewick.lab.audit.futures import cuts_of, first_difference, with_other_rows
from candlewick.lab.audit.report import Check
from candlewick.lab.experiment import Experiment
from candlewick.lab.unit import Fitted
from candlewick.models._base import Estimator, Model
from candlewick.models._heads import Belief
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold

NETWORK_EPOCHS = 2
ESTIMATOR_TOLERANCE, NETWORK_TOLERANCE = 1e-9, 1e-4
"""In units of the label's scale, where the number of rows differs: matrix products then add in another order."""


@dataclass(frozen=True, eq=False)
class Bench:
    """An experiment taken apart on its data, with fits that several checks share.

    Networks are trained for `NETWORK_EPOCHS` epochs: what reads the future does so from the first one on.
    """

    experiment: Experiment
    panel: Panel
    data: Dataset
    folds: tuple[Fold, ...]
    seed: int
    _fits: dict[tuple[str, int], Fitted] = field(default_factory=dict)

    @property
    def short(self) -> Experiment:
        """The experiment with few epochs."""
        epochs = min(NETWORK_EPOCHS, self.experiment.train.epochs)
        return self.experiment.model_copy(update={"train": self.experiment.train.model_copy(update={"epochs": epochs})})

    def folds_of(self, model: Model) -> tuple[Fold, ...]:
        """All folds for an estimator, the last one for a network."""
        return self.folds if isinstance(model, Estimator) else self.folds[-1:]

    def cases(self) -> Iterator[tuple[str, Model, Fold]]:
        """Every model with the folds it is checked on."""
        for label, model in self.experiment.models.items():
            for fold in self.folds_of(model):
                yield label, model, fold

    def fitted(self, label: str, model: Model, fold: Fold) -> Fitted:
        """The fit on the fold as it is, made once."""
        key = (label, fold.id)
        if key not in self._fits:
            self._fits[key] = unit.fit(self.short, self.data, fold, model, self.seed)[0]
        return self._fits[key]

    def streams(self, model: Model) -> bool:
        """Whether this model carries state from bar to bar."""
        return self.experiment.train.sampling == "streams" and not isinstance(model, Estimator)


def fit_check(bench: Bench) -> Check:
    """Scaler, label units and weights are the same bits when all rows they may not learn from are others."""
    counted = 0
    for label, model, fold in bench.cases():
        before = bench.fitted(label, model, fold)
        for what, data in _unlearnable(bench, model, fold):
            after = unit.fit(bench.short, data, fold, model, bench.seed)[0]
            counted += 1
            name = _changed(before, after)
            if name:
                return Check("fit", False, _fit_message(bench, label, fold, name, what), {"refits": counted})
    networks = [label for label, model in bench.experiment.models.items() if not isinstance(model, Estimator)]
    note = f" ({', '.join(networks)}: the last fold, {NETWORK_EPOCHS} epochs)" if networks else ""
    return Check("fit", True, f"{counted} fits do not depend on rows outside training{note}", {"refits": counted})


def _unlearnable(bench: Bench, model: Model, fold: Fold) -> Iterator[tuple[str, Dataset]]:
    """The dataset with only the answers of the test changed, then with all that training may not read changed."""
    data, classes = bench.data, len(bench.experiment.label.classes)
    learnt = np.concatenate([fold.train.index, fold.validation.index])
    nothing, tested, free = (np.zeros(len(data), dtype=bool) for _ in range(3))
    tested[fold.test.index] = True
    yield "labels of test rows", with_other_rows(data, x=nothing, answers=tested, echo=nothing, classes=classes)
    answers = np.ones(len(data), dtype=bool)
    answers[learnt] = False
    for symbol in np.unique(data.symbol):
        rows = np.flatnonzero(data.symbol == symbol)
        own = learnt[data.symbol[learnt] == symbol]
        free[rows[_not_read(rows, own, data.length, streams=bench.streams(model))]] = True
    later = free & (np.arange(len(data)) > _last_learnt(data, learnt))
    yield "rows outside training", with_other_rows(data, x=free, answers=answers, echo=later, classes=classes)


def _not_read(rows: np.ndarray, learnt: np.ndarray, length: int, *, streams: bool) -> np.ndarray:
    """bool per row of one instrument: no training or validation window holds it; a stream reads all before its last."""
    if len(learnt) == 0:
        return np.ones(len(rows), dtype=bool)
    if streams:
        return rows > learnt[-1 if np.all(np.diff(learnt) > 0) else np.argmax(learnt)]
    edges = np.zeros(len(rows) + 1, dtype=np.int64)
    np.add.at(edges, np.maximum(learnt - rows[0] - length + 1, 0), 1)
    np.add.at(edges, learnt - rows[0] + 1, -1)
    return np.asarray(np.cumsum(edges[:-1]) == 0)


def _last_learnt(data: Dataset, learnt: np.ndarray) -> np.ndarray:
    last = np.full(len(data.symbols), -1)
    np.maximum.at(last, data.symbol[learnt], learnt)
    return last[data.symbol]


def _changed(before: Fitted, after: Fitted) -> str | None:
    for kind, a, b in (("scaler", before.scaler, after.scaler), ("weights", before.weights, after.weights)):
        if a.keys() != b.keys():
            return f"the set of {kind} arrays"
        for name in a:
            if a[name].shape != b[name].shape or first_difference(np.atleast_1d(a[name]), np.atleast_1d(b[name])):
                return f"{kind} {name}" if kind == "scaler" else f"the fitted array {name}"
    return "the label's units" if before.scale != after.scale else None


def _fit_message(bench: Bench, label: str, fold: Fold, name: str, what: str) -> str:
    whose = f"scaler {bench.experiment.scaler.spec_name()}" if name.startswith("scaler") else f"model {label}"
    return (
        f"fold {fold.id}: {name} of {whose} changed when only {what} did (test begins at "
        f"{iso(bench.data.t[fold.test.index[0]])}). It is fitted on more than its training rows. "
        "Read nothing but the rows that `fit` is given."
    )


def forecasts_check(bench: Bench, cuts: int, rng: np.random.Generator) -> Check:
    """Forecasts up to a cut inside the test keep their bits, whatever rows stand after it, and when none do."""
    widest, asked = 0.0, 0
    for label, model in bench.experiment.models.items():
        folds = bench.folds_of(model)
        for number, fold in enumerate(folds):
            fitted = bench.fitted(label, model, fold)
            whole = values(forecast(bench, model, fitted, bench.data, fold.test.index))
            share = cuts // len(folds) + (number < cuts % len(folds))
            for cut in cuts_of(np.unique(bench.data.t[fold.test.index]), share, rng):
                fault, change = _moved(bench, label, model, fitted, fold, whole, int(cut))
                widest, asked = max(widest, change), asked + 1
                if fault:
                    return Check("forecasts", False, fault, {"cuts": asked})
    return Check(
        "forecasts", True, f"forecasts keep every bit at {asked} cuts, and stay when later rows are not asked for",
        {"cuts": asked, "largest_change_without_later_rows": widest},
    )  # fmt: skip


def _moved(
    bench: Bench, label: str, model: Model, fitted: Fitted, fold: Fold, whole: np.ndarray, cut: int
) -> tuple[str | None, float]:
    data, index = bench.data, fold.test.index
    later = data.t > cut
    other = with_other_rows(
        data, x=later, answers=data.known_at > cut, echo=later, classes=len(bench.experiment.label.classes)
    )
    past = np.flatnonzero(data.t[index] <= cut)
    moved = values(forecast(bench, model, fitted, other, index))
    place = first_difference(whole[past], moved[past])
    if place:
        row = int(index[past[place[0]]])
        return _forecast_message(bench, label, row, f"rows after {iso(cut)} or labels not known then were others"), 0.0
    alone = values(forecast(bench, model, fitted, data, index[past]))
    change = np.abs(alone - whole[past]).max(axis=1) / _unit(bench, fitted)
    tolerance = ESTIMATOR_TOLERANCE if isinstance(model, Estimator) else NETWORK_TOLERANCE
    if not np.all(change <= tolerance):
        row = int(index[past[int(np.argmax(~(change <= tolerance)))]])
        return _forecast_message(bench, label, row, f"no row after {iso(cut)} was asked for beside it"), 0.0
    return None, float(change.max(initial=0.0))


def forecast(bench: Bench, model: Model, fitted: Fitted, data: Dataset, index: np.ndarray) -> Belief:
    """Beliefs for the rows `index` of `data`."""
    return unit.forecast(bench.experiment, data, model, fitted, index)


def values(belief: Belief) -> np.ndarray:
    """float64 (m, numbers): all that a belief says."""
    parts = [belief.value[:, None], belief.quantiles, belief.probabilities]
    return np.concatenate([part for part in parts if part is not None], axis=1)


def _unit(bench: Bench, fitted: Fitted) -> float:
    return 1.0 if bench.experiment.label.classes else fitted.scale.scale


def _forecast_message(bench: Bench, label: str, row: int, when: str) -> str:
    data = bench.data
    return (
        f"the forecast of {label} at {iso(data.t[row])} ({data.symbols[data.symbol[row]]}, row {row}) moved when "
        f"{when}. Its model or scaler reads other rows of the test, or their labels. Let each forecast read its own "
        "window alone."
    )
