"""What a shell sees: exit codes, clean streams, and errors that end in one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from candlewick.cli import main
from candlewick.core import errors


def candlewick(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "candlewick.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, **options)  # type: ignore[call-overload,no-any-return]


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(main, "app", fail)
    return main.call([])


@pytest.mark.parametrize(
    "error", [kind("no") for kind in errors.CandlewickError.__subclasses__()], ids=lambda e: type(e).__name__
)
def test_an_expected_error_is_one_sentence_and_its_own_exit_code(
    error: errors.CandlewickError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error, monkeypatch) == error.exit_code
    assert capsys.readouterr() == ("", "candlewick: no\n")


def test_exit_codes_differ_and_are_documented() -> None:
    from candlewick.release import gate

    # Whichever modules other tests have loaded: the kinds of the one tree differ, what stands elsewhere shares a code.
    codes = [kind.exit_code for kind in vars(errors).values()
             if isinstance(kind, type) and issubclass(kind, errors.CandlewickError)]  # fmt: skip
    assert len(set(codes)) == len(codes) >= 8
    assert gate.GateError.exit_code == 1
    assert all(f"{code} " in main.EXIT_CODES for code in [0, 1, *codes, 70, 130])


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(KeyboardInterrupt(), monkeypatch) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_defect_shows_where_and_says_that_it_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(ZeroDivisionError("oops"), monkeypatch) == 70
    err = capsys.readouterr().err
    assert "ZeroDivisionError: oops" in err
    assert "defect of candlewick" in err


def test_a_library_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(ModuleNotFoundError("No module named 'torch'", name="torch"), monkeypatch) == 7
    err = capsys.readouterr().err
    assert "needs the library torch, which is not installed" in err
    assert "'candlewick[train]'" in err
    assert raising(ModuleNotFoundError("No module named 'httpx'", name="httpx"), monkeypatch) == 7
    assert "'candlewick[serve]'" in capsys.readouterr().err
    assert raising(ModuleNotFoundError("x", name="candlewick.nothing"), monkeypatch) == 70


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["features", "--jsn"], ["check"], ["check", "a", "--stamp", "x"]]
)
def test_a_command_that_cannot_be_meant_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.call(arguments) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert "Traceback" not in streams.err


def test_every_command_has_help_and_speaks_json_and_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    for commands in main._COMMANDS.values():
        for name in commands:
            assert main.call([name, "--help"]) == 0
            text = capsys.readouterr().out
            assert "--json" in text, name
            assert "--quiet" in text, name


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert main.call(["--version"]) == 0
    assert capsys.readouterr().out.strip() == version("candlewick")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "candlewick.cli", "features", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(100) == 141


def test_help_works_where_no_folder_can_be_written(tmp_path: Path) -> None:
    nowhere = {**os.environ, "HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/x", "CANDLEWICK_HOME": "/dev/null/y"}
    assert candlewick("--help", env=nowhere).returncode == 0
    listed = candlewick("features", "--json", env=nowhere)
    assert listed.returncode == 0
    assert json.loads(listed.stdout)


def test_a_machine_without_torch_lists_checks_and_says_what_a_network_needs(tmp_path: Path) -> None:
    experiment = tmp_path / "mine.yaml"
    experiment.write_text(
        "data: {name: synthetic, market: iid, bars: 400}\nfeatures: [log_return]\nlength: 8\nscaler: standard\n"
        "label: forward_return\nsplit: {name: holdout}\nmodel: {name: lstm, hidden: 4}\nseeds: [0]\n"
    )
    code = f"""
import sys
sys.modules["torch"] = None
from candlewick.cli.main import call
codes = [call(line.split()) for line in ("models", "losses", "check-member naive --quiet")]
codes.append(call(["audit", {str(experiment)!r}, "--only", "fit", "--quiet"]))
codes.append(call(["run", {str(experiment)!r}, "--out", {str(tmp_path / "run")!r}, "--workers", "1", "--quiet"]))
print(codes)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 7, 7]"
    assert done.stderr.count("pip install 'candlewick[train]'") == 2
    assert not (tmp_path / "run").exists()
