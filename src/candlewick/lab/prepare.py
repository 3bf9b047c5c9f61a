"""From an experiment to what every unit needs: the panel, its dataset and the folds."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from candlewick.core.clock import iso
from candlewick.core.errors import ConfigError
from candlewick.data.bars import Panel
from candlewick.data.interval import format_duration
from candlewick.data.read import Reading
from candlewick.lab.experiment import Experiment
from candlewick.samples.build import build
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold


@dataclass(frozen=True, eq=False)
class Prepared:
    """An experiment's data, ready for its units.

    Attributes:
        panel: the bars.
        data: feature rows and labels of all instruments.
        folds: training, validation and test rows.
        notes: what was understood of the data and what was lost on the way, for people.
    """

    panel: Panel
    data: Dataset
    folds: tuple[Fold, ...]
    notes: tuple[str, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """What the run records of the data."""
        return {
            "hash": self.panel.content_hash,
            "instruments": [
                {"symbol": bars.symbol, "bars": len(bars), "first": iso(bars.t[0]), "last": iso(bars.t[-1]),
                 "interval": format_duration(bars.interval_ns), "columns": list(bars.columns)}
                for bars in self.panel.bars
            ],
            "notes": list(self.notes),
            "folds": [self._fold_facts(fold) for fold in self.folds],
        }  # fmt: skip

    def _fold_facts(self, fold: Fold) -> dict[str, Any]:
        def span(rows: Any) -> dict[str, Any]:
            t = self.data.t[rows.index]
            return {"rows": len(rows), "first": iso(t.min()), "last": iso(t.max())} if len(rows) else {"rows": 0}

        roles = {"train": fold.train, "validation": fold.validation, "test": fold.test}
        return {
            "fold": fold.id, "purged": fold.purged, "embargoed": fold.embargoed,
            **{role: span(rows) for role, rows in roles.items()},
        }  # fmt: skip


def prepare(experiment: Experiment, given: Panel | Reading | None = None) -> Prepared:
    """Read the data (or take what is given), build the dataset and cut the folds.

    Raises:
        DataError: the data cannot be used as it is.
        ConfigError: a fold would be empty.
        LeakError: the split and the sampling would together let the future into the past.
    """
    reading = experiment.data.read() if given is None else given
    panel, lines = (reading, ()) if isinstance(reading, Panel) else (reading.panel, _lines(reading))
    if experiment.policy is not None:
        _require_tradable(panel)
    data, notes = build(panel, experiment.feature_set, experiment.label, length=experiment.length)
    folds = experiment.split.folds(data, streams=experiment.streams)
    return Prepared(panel, data, folds, (*lines, *notes))


def _require_tradable(panel: Panel) -> None:
    for bars in panel.bars:
        close = bars.column("close")
        if np.any(close <= 0):
            row = int(np.argmax(close <= 0))
            raise ConfigError(
                f"{bars.symbol} cannot be traded by a policy: its close is {close[row]:g} at {iso(bars.t[row])}, and a "
                "share of equity needs prices above zero. Say policy: null to judge the forecasts alone."
            )


def _lines(reading: Reading) -> tuple[str, ...]:
    return (*reading.mapping, *(finding.message for finding in reading.findings))
