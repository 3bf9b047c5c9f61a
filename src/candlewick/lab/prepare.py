"""From an experiment to what every unit needs: the panel, its dataset and the folds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from candlewick.core.clock import iso
from candlewick.core.errors import ConfigError
from candlewick.core.words import some
from candlewick.data.bars import Panel
from candlewick.data.interval import format_duration
from candlewick.data.read import Reading, read
from candlewick.lab.experiment import Experiment
from candlewick.models._base import Network
from candlewick.samples.build import build
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold
from candlewick.samples.scalers._base import unseen


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
        ConfigError: a fold would be empty, or tests an instrument that it has no training rows of to scale by.
        LeakError: the split and the sampling would together let the future into the past.
    """
    reading = experiment.data.read() if given is None else given
    panel, lines = (reading, ()) if isinstance(reading, Panel) else (reading.panel, _lines(reading))
    if experiment.policy is not None:
        _require_tradable(panel)
    data, notes = build(panel, experiment.feature_set, experiment.label, length=experiment.length)
    folds = experiment.split.folds(data, streams=experiment.streams)
    for fold in folds:
        require_scalable(experiment, data, fold)
    return Prepared(panel, data, folds, (*lines, *notes))


def reading_of(data: Any, options: Mapping[str, Any]) -> Panel | Reading | None:
    """What the caller gave in place of the experiment's own data; None for nothing.

    Raises:
        ConfigError: options say how it is to be read, and there is nothing to read.
    """
    if data is None and options:
        raise ConfigError(f"{', '.join(options)} say how data= is to be read, and no data was given.")
    return data if data is None or (isinstance(data, Panel | Reading) and not options) else read(data, **options)


def _require_tradable(panel: Panel) -> None:
    for bars in panel.bars:
        close = bars.column("close")
        if np.any(close <= 0):
            row = int(np.argmax(close <= 0))
            raise ConfigError(
                f"{bars.symbol} cannot be traded by a policy: its close is {close[row]:g} at {iso(bars.t[row])}, and a "
                "share of equity needs prices above zero. Say policy: null to judge the forecasts alone."
            )


def require_scalable(experiment: Experiment, data: Dataset, fold: Fold) -> None:
    """Refuse a fold that uses an instrument which its scaler, fitted on the training rows, could not scale.

    Raises:
        ConfigError: with fold, instruments and remedy.
    """
    networks = any(isinstance(model, Network) for model in experiment.everything.values())
    fitted_on = fold.train if networks else fold.fitting
    used = np.union1d(fold.fitting.index, fold.test.index)
    late = np.setdiff1d(data.symbol[used], data.symbol[fitted_on.index])
    if not len(late):
        return
    missing = unseen(experiment.scaler.fit(data, fitted_on), [data.symbols[k] for k in late])
    if missing:
        own = experiment.scaler.spec_name()
        pooled = own if "pooled" in type(experiment.scaler).model_fields else "standard"
        raise ConfigError(
            f"fold {fold.id} tests or validates {some(missing)}, of which it has no training rows "
            f"({len(missing)} of {len(data.symbols)} instruments): scaler {own} cannot scale them. "
            f"Say scaler: {{name: {pooled}, pooled: true}} for one scale for all instruments, let the test begin "
            "later, or leave those instruments out."
        )


def _lines(reading: Reading) -> tuple[str, ...]:
    return (*reading.mapping, *(finding.message for finding in reading.findings))
