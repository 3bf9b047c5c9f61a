"""Run folders: what a run leaves behind, opened again and listed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candlewick.core import files
from candlewick.core.errors import StorageError
from candlewick.lab.experiment import Experiment

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Run:
    """A run on disk.

    The folder holds `experiment.json` (everything that decides the run), `run.json` (data, versions, units, metrics,
    verdicts), `forecasts.parquet` (out-of-sample only), `tracks.parquet` (positions and returns of the back-test),
    `units/` (fitted arrays and loss curves), `export/` (models ready to serve) and `report.html`.
    """

    folder: Path

    @cached_property
    def record(self) -> dict[str, Any]:
        """`run.json`; `status` is "running" until everything else is whole."""
        record: dict[str, Any] = files.read_json(self.folder / "run.json")
        return record

    @cached_property
    def experiment(self) -> Experiment:
        """What was run."""
        return Experiment.of(files.read_json(self.folder / "experiment.json"))

    @property
    def complete(self) -> bool:
        """Whether the run got to its verdict."""
        return bool(self.record.get("status") == "complete")

    @property
    def status(self) -> str:
        """ "complete", or "unfinished" where it is still running or was stopped and can be resumed."""
        return "complete" if self.complete else "unfinished"

    @property
    def sentences(self) -> list[str]:
        """The verdicts in words, the most important first."""
        verdicts = self.record.get("verdicts", {})
        return [line for kind in ("forecast", "trading") if verdicts.get(kind) for line in verdicts[kind]["sentences"]]

    @property
    def report(self) -> Path:
        """The self-contained HTML report."""
        return self.folder / "report.html"

    def page(self, comparison: Mapping[str, Any] | None = None) -> str:
        """The report's HTML, with a comparison of the run's models in it where there is one."""
        from candlewick.evaluate.report import page

        tracks = self.tracks() if self.experiment.policy is not None else None
        return page(
            self.record, self.experiment.to_dict(), self.forecasts(), tracks,
            classes=self.experiment.label.classes, comparison=comparison,
        )  # fmt: skip

    def forecasts(self) -> "pl.DataFrame":
        """Out-of-sample forecasts: model, fold, seed, symbol, t, value, truth, known_at, quantiles or probabilities."""
        return self._frame("forecasts.parquet")

    def tracks(self) -> "pl.DataFrame":
        """Back-test bars: model, seed, t, position, net return; and the policy's benchmark."""
        return self._frame("tracks.parquet")

    def _frame(self, name: str) -> "pl.DataFrame":
        import polars as pl

        path = self.folder / name
        if not path.is_file():
            raise StorageError(f"{path} does not exist. The run is {self.status}; resume it to finish it.")
        return pl.read_parquet(path)


def open_run(folder: str | Path) -> Run:
    """The run in `folder`, or the one of that name in `./runs`.

    Raises:
        StorageError: no run there.
    """
    for place in (Path(folder), Path("runs") / str(folder)):
        if (place / "run.json").is_file():
            return Run(place)
    raise StorageError(f"{folder} is no run: it holds no run.json. `candlewick runs` lists the runs in ./runs.")


def list_runs(folder: str | Path = "runs") -> list[Run]:
    """Runs below `folder`, oldest first; folders that cannot be read are left out."""
    found = []
    for path in sorted(Path(folder).glob("*/run.json")):
        run = Run(path.parent)
        try:
            _ = run.record["started"]
        except (StorageError, KeyError, TypeError):
            continue
        found.append(run)
    return sorted(found, key=lambda run: run.record["started"])
