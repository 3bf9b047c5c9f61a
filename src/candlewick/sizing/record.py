"""The planner's own past: what it told, beside what was then measured."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from candlewick.core import files
from candlewick.sizing.machine import Machine

_KEPT = 1_000  # lines; older ones are of older versions


@dataclass(frozen=True)
class Outcome:
    """One figure that was told and then measured.

    Attributes:
        machine: key of the machine.
        model: spec name.
        what: `time`, seconds of all epochs of one fit; or `latency`, seconds of one live forecast at p50.
        predicted: as it was told.
        measured: as it came out.
        at: ns UTC.
    """

    machine: str
    model: str
    what: Literal["time", "latency"]
    predicted: float
    measured: float
    at: int

    @property
    def error(self) -> float:
        """How far it was off, as a share of what was measured."""
        return abs(self.predicted / self.measured - 1)


@dataclass(frozen=True)
class PastError:
    """How far the planner was off on this machine.

    Attributes:
        number: figures that were told and then measured.
        time: median error of training time; None where none was measured.
        latency: median error of live latency; None where none was measured.
    """

    number: int
    time: float | None
    latency: float | None

    @property
    def sentence(self) -> str:
        """In words."""
        kinds = (("training time", self.time), ("latency", self.latency))
        known = [f"{kind} {error:.0%}" for kind, error in kinds if error is not None]
        if not known:
            return "No prediction has been held against a measurement on this machine yet."
        return f"Median error of {self.number} earlier predictions on this machine: {', '.join(known)}."


def note(outcomes: Sequence[Outcome], *, path: Path | None = None) -> None:
    """Append outcomes, safely against other processes; the newest thousand are kept.

    Raises:
        StorageError: the folder cannot be written.
    """
    path = path or _path()
    with files.locked(path.with_name(f".{path.name}.lock")):
        kept = [*_read(path), *outcomes][-_KEPT:]
        lines = (json.dumps(asdict(outcome), allow_nan=False) + "\n" for outcome in kept)
        files.write_bytes(path, "".join(lines).encode())


def past_error(machine: Machine, *, path: Path | None = None) -> PastError:
    """The median error of what was told on this machine; lines that are damaged do not count."""
    key = machine.key  # asked once: it takes a digest
    own = [outcome for outcome in _read(path or _path()) if outcome.machine == key]
    time = [outcome.error for outcome in own if outcome.what == "time"]
    latency = [outcome.error for outcome in own if outcome.what == "latency"]
    return PastError(
        len(own), statistics.median(time) if time else None, statistics.median(latency) if latency else None
    )


def _path() -> Path:
    return files.home() / "predictions.jsonl"


def _read(path: Path) -> list[Outcome]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            outcome = Outcome(**json.loads(line))
            if outcome.predicted > 0 and outcome.measured > 0:
                found.append(outcome)
        except (ValueError, TypeError):
            continue
    return found
