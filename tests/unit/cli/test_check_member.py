"""`check-member`: a good file passes, a file that looks ahead is caught, and the shell can tell which."""

import json
from pathlib import Path

import pytest

from candlewick.cli.main import call

LOCAL = '''"""Log return over one bar, by a member in a user's own file."""
from math import log, nan
from typing import ClassVar
import numpy as np
from candlewick.core.compiled import compiled
from candlewick.features import STEP, Feature


class Change(Feature):
    """ln(close / close before)."""

    columns: ClassVar[tuple[str, ...]] = ("close",)
    outputs: ClassVar[tuple[str, ...]] = ("change",)
    warmup: ClassVar[int] = 2
    state_size: ClassVar[int] = 1

    def params(self):
        return np.zeros(0)

    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        out[0] = log(row[0] / state[0]) if state[0] > 0.0 and row[0] > 0.0 else nan
        state[0] = row[0]
'''
AHEAD = '''"""A label that says it is known one bar before it is."""
from typing import ClassVar
import numpy as np
from candlewick.labels import UNKNOWN, Label, LabelRows


class Ahead(Label):
    """Close over close, two bars on, claimed to be known after one."""

    kind: ClassVar[str] = "number"

    def run(self, bars):
        close = bars.column("close")
        value = np.full(len(bars), np.nan)
        value[:-2] = np.log(close[2:] / close[:-2])
        known_at = np.append(bars.t[1:], UNKNOWN)
        known_at[-2] = UNKNOWN
        return LabelRows(value, known_at, np.zeros(len(bars), dtype=bool))

    @property
    def echo(self):
        return None
'''


def checked(member: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    code = call(["check-member", member, "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


def test_a_users_feature_that_keeps_its_contracts_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(LOCAL)
    code, told = checked(f"{tmp_path}/mine.py", capsys)
    broken = [each for each in told["contracts"] if not each["passed"]]  # type: ignore[attr-defined]
    assert (code, told["family"], told["member"], broken) == (0, "features", "Change", [])


def test_a_users_label_that_looks_ahead_is_caught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(AHEAD)
    code, told = checked(f"{tmp_path}/mine.py:Ahead", capsys)
    assert code == 1
    assert told["family"] == "labels"
    assert told["passed"] is False


@pytest.mark.parametrize("member", ["naive", "holdout", "none", "rmse", "threshold"])
def test_packaged_members_can_be_checked_by_name(member: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = checked(member, capsys)
    assert (code, told["passed"]) == (0, True), told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nothing_like_it", "could not be loaded"),
        ("x = 1", "exactly one public"),
        (LOCAL + "\n\nclass Other(Change):\n    pass\n", "found Change, Other"),
    ],
)
def test_a_file_without_one_member_is_told_so(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(text)
    assert call(["check-member", f"{tmp_path}/mine.py"]) == 2
    assert told in capsys.readouterr().err


def test_a_name_that_no_family_has_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["check-member", "nonsense"]) == 2
    assert "no family has a member called 'nonsense'" in capsys.readouterr().err
