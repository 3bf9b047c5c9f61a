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
RAISING = '''"""A model that cannot be fitted."""
from typing import Any, ClassVar
from candlewick.models import Estimator
from candlewick.models._base import LayerCount


class Raising(Estimator):
    """Divides by nothing."""

    tiny: ClassVar[dict[str, Any]] = {}

    def count(self, inputs, head, length):
        return (LayerCount("nothing", 0, 0),)

    def fit(self, train, *, head, scale, seed):
        nothing = len(train) - len(train)
        return {"share": 1 / nothing}

    def predict(self, weights, samples, *, head, scale):
        return weights["share"]
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
        ("x = 1", "exactly one public class of a family: a subclass of Feature, Label, Model"),
        ("class X(:", "SyntaxError"),
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


def test_what_a_member_prints_stays_out_of_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noisy = LOCAL.replace("        return np.zeros(0)", "        print('noise')\n        return np.zeros(0)")
    (tmp_path / "mine.py").write_text(noisy + "\nprint('loaded')\n")
    assert call(["check-member", f"{tmp_path}/mine.py", "--json", "--quiet"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["passed"]
    assert "noise" in told.err
    assert "loaded" in told.err


def test_a_member_that_raises_is_broken_and_its_line_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(LOCAL.replace("np.zeros(0)", "np.zeros(1 // 0)"))
    code, told = checked(f"{tmp_path}/mine.py", capsys)
    assert code == 1
    line = LOCAL[: LOCAL.index("np.zeros(0)")].count("\n") + 1
    assert f"ZeroDivisionError: integer division or modulo by zero (mine.py, line {line}, in params)" in str(told)


def test_a_misuse_of_a_class_is_told_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    idle = LOCAL.replace("    def params", "    idle: int = 3\n\n    def params")
    (tmp_path / "mine.py").write_text(idle)
    _, told = checked(f"{tmp_path}/mine.py", capsys)
    assert "Change: the parameter idle changes no value" in str(told)


@pytest.mark.parametrize("command", ["audit", "run"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_error_of_a_users_own_member_names_file_and_line(
    command: str, workers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(RAISING)
    (tmp_path / "mine.yaml").write_text(
        "{data: {name: synthetic, bars: 300}, features: [log_return], label: forward_return, length: 4, "
        f"split: holdout, scaler: none, model: '{tmp_path}/mine.py:Raising', seeds: [0]}}"
    )
    options = ["--out", f"{tmp_path}/run", "--workers", workers] if command == "run" else []
    assert call([command, f"{tmp_path}/mine.yaml", "--quiet", *options]) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path}/mine.py, line 17, in fit: ZeroDivisionError: division by zero." in told
    assert "defect of candlewick" not in told
    assert "Traceback" not in told
