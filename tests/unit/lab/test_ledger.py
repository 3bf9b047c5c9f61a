"""The ledger of trials: what it counts, what it notices, and that parallel writers lose nothing."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from candlewick.core import files
from candlewick.core.errors import StorageError
from candlewick.lab import ledger
from candlewick.lab.ledger import Trial

DATA = "d" * 64


def trial(spec: str, sharpe: float | None = 0.5) -> Trial:
    return Trial(label="l", split="s", spec=spec, metric="qlike", loss=1.0, sharpe=sharpe)


def lines(folder: Path) -> Path:
    return next(folder.glob("*.jsonl"))


def test_the_same_trial_again_is_the_same_trial(tmp_path: Path) -> None:
    ledger.record(DATA, [trial("a"), trial("b")], folder=tmp_path)
    state = ledger.record(DATA, [trial("a"), trial("c"), trial("c")], folder=tmp_path)
    assert [t.spec for t in state.trials] == ["a", "b", "c"]
    assert not state.fault


def test_each_data_hash_has_trials_of_its_own(tmp_path: Path) -> None:
    ledger.record(DATA, [trial("a")], folder=tmp_path)
    assert ledger.read("e" * 64, folder=tmp_path).trials == ()


def test_variance_is_of_the_trials_that_traded(tmp_path: Path) -> None:
    state = ledger.record(DATA, [trial("a", 1.0), trial("b", None), trial("c", 2.0)], folder=tmp_path)
    assert state.sharpe_variance == pytest.approx(np.var([1.0, 2.0], ddof=1))


@pytest.mark.parametrize("field", ["loss", "sharpe", "spec"])
def test_an_edited_line_is_noticed(tmp_path: Path, field: str) -> None:
    ledger.record(DATA, [trial("a"), trial("b")], folder=tmp_path)
    first, second = lines(tmp_path).read_text().splitlines()
    body = json.loads(first)
    body[field] = "z" if field == "spec" else 9.0
    lines(tmp_path).write_text(json.dumps(body) + "\n" + second + "\n")
    assert "edited" in ledger.read(DATA, folder=tmp_path).fault


def test_a_line_taken_from_the_middle_is_noticed(tmp_path: Path) -> None:
    ledger.record(DATA, [trial("a"), trial("b"), trial("c")], folder=tmp_path)
    first, _, third = lines(tmp_path).read_text().splitlines()
    lines(tmp_path).write_text(f"{first}\n{third}\n")
    assert ledger.read(DATA, folder=tmp_path).fault


def test_a_deleted_or_cut_ledger_is_noticed_and_stays_noticed(tmp_path: Path) -> None:
    ledger.record(DATA, [trial("a"), trial("b")], folder=tmp_path)
    lines(tmp_path).unlink()
    assert "deleted or cut" in ledger.read(DATA, folder=tmp_path).fault
    assert "deleted or cut" in ledger.record(DATA, [trial("c")], folder=tmp_path).fault


def test_a_line_torn_by_a_kill_never_counted_and_is_cut(tmp_path: Path) -> None:
    ledger.record(DATA, [trial("a")], folder=tmp_path)
    with lines(tmp_path).open("a") as file:
        file.write('{"label": "l", "spl')
    state = ledger.record(DATA, [trial("b")], folder=tmp_path)
    assert not state.fault
    assert [t.spec for t in ledger.read(DATA, folder=tmp_path).trials] == ["a", "b"]


def test_a_damaged_line_is_told_and_the_rest_still_counts(tmp_path: Path) -> None:
    ledger.record(DATA, [trial("a"), trial("b")], folder=tmp_path)
    first, second = lines(tmp_path).read_text().splitlines()
    lines(tmp_path).write_text(f"{first[:20]}\n{second}\n")
    state = ledger.read(DATA, folder=tmp_path)
    assert "line 1" in state.fault
    assert [t.spec for t in state.trials] == ["b"]


def test_processes_that_write_at_once_lose_no_trial(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from candlewick.lab import ledger\n"
        "for k in range(10):\n"
        "    t = ledger.Trial('l', 's', f'{sys.argv[2]}-{k}', 'qlike', 1.0, None)\n"
        f"    ledger.record('{DATA}', [t], folder=Path(sys.argv[1]))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(name)]) for name in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    state = ledger.read(DATA, folder=tmp_path)
    assert len(state.trials) == 30
    assert not state.fault


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    files.write_bytes(tmp_path / "file", b"")
    with pytest.raises(StorageError, match="could not be locked"):
        ledger.record(DATA, [trial("a")], folder=tmp_path / "file" / "ledger")
