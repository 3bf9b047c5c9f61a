"""What a split is: time is cut, and purge and embargo follow from the rows themselves."""

import itertools
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from candlewick.core.errors import ConfigError, LeakError
from candlewick.core.spec import Spec
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold, TestRows, TrainRows, ValidationRows
from candlewick.samples.splits._purge import Timeline, meets, reaches_back

Span = tuple[int, int]
"""Time steps first .. last + 1 of the distinct moments that hold labelled rows."""


@dataclass(frozen=True)
class Cut:
    """Where one fold may train and where it is tested, before purging."""

    train: tuple[Span, ...]
    test: tuple[Span, ...]


class Split(Spec):
    """A frozen spec that cuts time, across all instruments at once, into folds.

    A member gives `cuts`; `folds` is written here once. There is nothing to set about purging: a training row is
    purged when its label interval `(t, known_at]` meets that of a test row, and embargoed when it comes after a
    test row and its window `[start, t]` reaches that row or its label. Past windows may overlap. The newest
    training rows become validation rows, and training rows whose labels meet theirs are purged too.
    """

    trains_after_test: ClassVar[bool] = False
    """Whether training rows may be later than test rows. Carried state would then have seen the test."""

    validation: float = Field(
        0.15, ge=0.0, lt=1.0, description="share of a fold's training rows, the newest, kept for early stopping"
    )

    @abstractmethod
    def cuts(self, steps: int) -> tuple[Cut, ...]:
        """One cut a fold, in the order of the folds, for `steps` distinct moments."""

    def folds(self, data: Dataset, *, streams: bool) -> tuple[Fold, ...]:
        """Folds of the labelled rows of `data`; `streams` says whether a model will carry state along them.

        Raises:
            LeakError: streams were asked of a split that trains on rows after its test rows.
            ConfigError: a fold is left without training, validation or test rows.
            DataError: no row has a label.
        """
        if streams and self.trains_after_test:
            raise LeakError(
                f"{self.spec_name()} trains on rows after its test rows, so a stream's carried state would run through "
                "the test. Use holdout or walk_forward, or set train.sampling=windows."
            )
        line = Timeline.of(data)
        return tuple(self._fold(number, line, cut) for number, cut in enumerate(self.cuts(line.steps)))

    def _fold(self, number: int, line: Timeline, cut: Cut) -> Fold:
        spanned, test = line[_positions(line, cut.train)], line[_positions(line, cut.test)]
        purge = meets(spanned, test)
        embargo = reaches_back(spanned, test) & ~purge
        kept = spanned[np.flatnonzero(~(purge | embargo))]
        first = np.searchsorted(kept.t, _validation_begins(kept, self.validation), side="left")
        validation = kept[np.arange(first, len(kept))]
        train = kept[np.arange(first)]
        touching = meets(train, validation)
        train = train[np.flatnonzero(~touching)]
        fold = Fold(
            number,
            TrainRows(np.sort(train.row)),
            ValidationRows(np.sort(validation.row)),
            TestRows(np.sort(test.row)),
            purged=int(purge.sum() + touching.sum()),
            embargoed=int(embargo.sum()),
        )
        self._require_rows(fold, len(spanned))
        return fold

    def _require_rows(self, fold: Fold, spanned: int) -> None:
        wanted = (("training", fold.train, 2), ("validation", fold.validation, int(self.validation > 0)),
                  ("test", fold.test, 1))  # fmt: skip
        for role, rows, least in wanted:
            if len(rows) < least:
                raise ConfigError(
                    f"fold {fold.id} of {self.spec_name()} has too few {role} rows, was {len(rows)}: of {spanned} rows "
                    f"in its training span {fold.purged} are purged (labels overlap) and {fold.embargoed} embargoed "
                    f"(windows reach into the test). It needs {least} or more. Use fewer or larger folds, more bars, "
                    "or a shorter length, warm-up or horizon."
                )


def equal_spans(first: int, last: int, parts: int) -> tuple[Span, ...]:
    """first .. last cut into `parts` spans whose lengths differ by one at most, the longer ones first.

    Raises:
        ConfigError: there are fewer steps than parts.
    """
    if last - first < parts:
        raise ConfigError(
            f"{last - first} moments with labels cannot be cut into {parts} parts. Use fewer folds or give more bars."
        )
    size, longer = divmod(last - first, parts)
    edges = [first + size * k + min(k, longer) for k in range(parts + 1)]
    return tuple(itertools.pairwise(edges))


def _positions(line: Timeline, spans: Iterable[Span]) -> np.ndarray:
    pieces = [np.arange(line.edges[first], line.edges[last]) for first, last in spans]
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)


def _validation_begins(kept: Timeline, share: float) -> int:
    """The moment from which on rows are kept for validation; a moment is never divided."""
    count = int(np.ceil(len(kept) * share))
    return int(kept.t[-count]) if count else np.iinfo(np.int64).max
