"""`check`: what a person and a script learn of a file."""

import json
from pathlib import Path

import pytest

from candlewick.cli.main import call

HEADER = "time,open,high,low,close,volume\n"
GOOD = [f"2024-01-0{day} 00:00:00,10,11,9,10.{day},100" for day in range(1, 9)]


def written(path: Path, rows: list[str]) -> str:
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return str(path)


def test_a_good_file_is_usable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "a.csv", GOOD)
    assert call(["check", path, "--stamp", "close", "--zone", "UTC"]) == 0
    text = capsys.readouterr().out
    assert "a: 8 bars of 1d" in text
    assert "can be used" in text


def test_an_unknown_stamp_is_a_fault_that_shows_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["check", written(tmp_path / "a.csv", [row.replace(" 00:", " 09:") for row in GOOD])]) == 1
    text = capsys.readouterr().out
    assert "stamp: open or stamp: close" in text
    assert "row 2" in text


def test_faults_are_listed_with_row_numbers_and_may_be_dropped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [*GOOD[:3], "2024-01-04 00:00:00,10,8,9,10,100", *GOOD[4:]]
    path = written(tmp_path / "a.csv", bad)
    arguments = ["check", path, "--stamp", "close", "--zone", "UTC", "--json"]
    assert call(arguments) == 1
    refused = json.loads(capsys.readouterr().out)
    assert refused["usable"] is False
    errors = [finding["rows"] for finding in refused["findings"] if finding["severity"] == "error"]
    assert errors
    assert all(rows == [5] for rows in errors)
    assert call([*arguments, "--on-error", "drop"]) == 0
    dropped = json.loads(capsys.readouterr().out)
    assert dropped["instruments"][0]["rows"] == 7


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"a,b\n", b"time,close\nx,y\n"])
def test_what_is_no_table_of_bars_is_a_finding_and_no_crash(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert call(["check", f"{tmp_path}/a.csv"]) == 1
    assert "refused" in capsys.readouterr().out


def test_a_missing_file_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["check", f"{tmp_path}/absent.parquet"]) == 1
    assert "there is no file" in capsys.readouterr().out
