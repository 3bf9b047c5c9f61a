"""The ledger of trials: how often this data was asked, so that the best of many is not taken for skill.

One hash-chained file per data hash, outside the run folders. The same trial again adds nothing. A second file
remembers how long each ledger was, so that a deleted or shortened one is noticed.
"""

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from candlewick.core import files
from candlewick.core.errors import StorageError
from candlewick.core.spec import canonical_json


@dataclass(frozen=True)
class Trial:
    """One question put to one data set, and the answer.

    Attributes:
        label, split, spec: content ids of what was asked; the three together are the trial.
        metric: name and mean loss of the forecast metric that judged it.
        sharpe: annualised Sharpe ratio, as the deflated one wants it; None where nothing was traded or it is undefined.
    """

    label: str
    split: str
    spec: str
    metric: str
    loss: float
    sharpe: float | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two trials the same."""
        return (self.label, self.split, self.spec)


@dataclass(frozen=True)
class LedgerState:
    """What the ledger says of one data hash.

    Attributes:
        trials: different trials, in the order they were first made.
        fault: empty, or a sentence that says how the ledger is broken; counts are then a lower bound.
    """

    trials: tuple[Trial, ...]
    fault: str = ""

    @property
    def sharpe_variance(self) -> float:
        """Variance of the trials' Sharpe ratios, NaN below two of them."""
        values = [trial.sharpe for trial in self.trials if trial.sharpe is not None]
        if len(values) < 2:
            return math.nan
        mean = sum(values) / len(values)
        return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def read(data_hash: str, *, folder: Path | None = None) -> LedgerState:
    """The trials made on the data with this hash; a broken or missing ledger is told in `fault`, never raised."""
    folder = folder or files.home() / "ledger"
    return _verified(folder, data_hash)[0]


def record(data_hash: str, trials: list[Trial], *, folder: Path | None = None) -> LedgerState:
    """Append the trials that are new, safely against other processes, and return the state after.

    Raises:
        StorageError: the folder cannot be written.
    """
    folder = folder or files.home() / "ledger"
    with files.locked(folder / ".lock"):
        state, head = _verified(folder, data_hash)
        known = {trial.key for trial in state.trials}
        fresh = [t for t in {trial.key: trial for trial in trials}.values() if t.key not in known]
        lines = []
        for trial in fresh:
            body = asdict(trial)
            head = _chain(head, body)
            lines.append(json.dumps({**body, "chain": head}, allow_nan=False) + "\n")
        _append(_path(folder, data_hash), "".join(lines))
        trials_after = (*state.trials, *fresh)
        _remember(folder, data_hash, len(trials_after))
    return LedgerState(trials_after, state.fault)


def _verified(folder: Path, data_hash: str) -> tuple[LedgerState, str]:
    path, head, trials, fault = _path(folder, data_hash), data_hash, [], ""
    for number, line in enumerate(_whole_lines(path), start=1):
        try:
            body = json.loads(line)
            chain = body.pop("chain")
            trial = Trial(**body)
        except (ValueError, TypeError, KeyError, AttributeError):
            fault = fault or f"line {number} of the ledger {path} is damaged"
            continue
        if chain != _chain(head, body):
            fault = fault or f"line {number} of the ledger {path} does not follow from the line before: it was edited"
        head = chain
        trials.append(trial)
    remembered = _lengths(folder).get(data_hash, 0)
    if len(trials) < remembered:
        fault = fault or f"the ledger {path} held {remembered} trials and holds {len(trials)}: it was deleted or cut"
    return LedgerState(tuple(trials), fault), head


def _whole_lines(path: Path) -> list[str]:
    """Lines that were written to their end: a writer that was killed leaves a torn one, which never counted."""
    return path.read_text(encoding="utf-8").split("\n")[:-1] if path.is_file() else []


def _chain(head: str, body: dict[str, object]) -> str:
    return hashlib.sha256(head.encode() + canonical_json(body)).hexdigest()


def _path(folder: Path, data_hash: str) -> Path:
    return folder / f"{data_hash[:32]}.jsonl"


def _lengths(folder: Path) -> dict[str, int]:
    path = folder / "lengths.json"
    try:
        found = files.read_json(path) if path.is_file() else {}
    except StorageError:
        return {}
    return found if isinstance(found, dict) else {}


def _remember(folder: Path, data_hash: str, length: int) -> None:
    lengths = _lengths(folder)
    files.write_json(folder / "lengths.json", {**lengths, data_hash: max(length, lengths.get(data_hash, 0))})


def _append(path: Path, text: str) -> None:
    whole = "".join(f"{line}\n" for line in _whole_lines(path)).encode()
    try:
        with open(path, "ab") as file:
            file.truncate(len(whole))
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"the ledger {path} could not be written: {error.strerror}.") from error
