"""Releases on the command line: what a person is told, what a program is, and what it ends with."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "release"))

from small_releases import market, small_release

from candlewick.cli.main import call
from candlewick.core import files
from candlewick.core.errors import CandlewickError, StorageError
from candlewick.data.bars import Panel
from candlewick.release.gate import GateError
from candlewick.release.registry import Registry
from candlewick.serve.admin import Admin


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "live"


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """What a command prints, as one line of text or as the data of --json; fails where it ends otherwise than asked."""
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments: str, ends: int = 0) -> Any:
        capsys.readouterr()
        code = call(arguments)
        printed = capsys.readouterr()
        assert code == ends, printed.err
        return json.loads(printed.out) if "--json" in arguments else " ".join((printed.out + printed.err).split())

    return run


def test_releases_are_listed_with_what_speaks_for_each(live: Path, say: Callable[..., Any]) -> None:
    assert "no releases in live. `candlewick release RUN` makes one" in say("releases")
    one, _ = small_release(live)
    forced, _ = small_release(live, "har", passed=False, forced="to watch it")
    Registry(live).move("champion", one)
    told = say("releases")
    assert f"{one[:12]} champion a small release linear passed, it names linear" in told
    assert f"{forced[:12]} a small release har forced: to watch it" in told
    rows = say("releases", "--json")["releases"]
    assert [(row["release"], row["alias"]) for row in rows] == [(one, ["champion"]), (forced, [])]


def test_a_damaged_release_is_listed_as_such(live: Path, say: Callable[..., Any]) -> None:
    one, _ = small_release(live)
    card = live / "releases" / one / "release.json"
    card.chmod(0o644)
    card.write_bytes(card.read_bytes() + b" ")
    assert f"{one[:12]} damaged: " in say("releases")


def test_one_is_shown_by_prefix_and_alias(live: Path, say: Callable[..., Any]) -> None:
    one, _ = small_release(live)
    told = say("show", one[:6])
    for line in (
        f"release {one}",
        "bars of 1h: high, low, close",
        "serves A",
        "trades volatility_target, band 0.1",
        "verdict passed, it names linear",
        "seed 0",
    ):
        assert line in told
    say("promote", one[:6], "--reason", "first")
    assert f"release {one} = champion" in say("show", "champion")
    assert "became champion by promote (first)" in say("show", "champion")
    assert say("show", one, "--json")["card"]["model"] == "linear"
    assert "no release 'nonsense'" in say("show", "nonsense", ends=2)


def test_what_differs_is_told_by_dotted_key(live: Path, say: Callable[..., Any]) -> None:
    one, _ = small_release(live)
    other, _ = small_release(live, "har", seed=3, features=["log_return", {"name": "parkinson_volatility"}])
    assert "They are the same release." in say("diff", one, one)
    rows = {row["key"]: (row["one"], row["other"]) for row in say("diff", one, other, "--json")}
    assert rows["model"] == ("linear", "har")
    assert rows["served.model.name"] == ("linear", "har")
    assert {"weights", "schema_hash", "lineage.data", "verdict.use"} <= set(rows)
    assert rows["lineage.data"][0] != rows["lineage.data"][1]
    assert "title" not in rows
    assert "served.model.lags" in say("diff", one[:8], other[:8])


def test_promotions_and_rollbacks_move_the_champion(live: Path, say: Callable[..., Any]) -> None:
    one, _ = small_release(live)
    other, _ = small_release(live, "har")
    told = say("promote", one, "--as", "champion")
    assert told == f"champion is {one[:12]} now (generation 1); no server is running."
    assert say("promote", other[:8], "--json")["generation"] == 2
    assert f"champion is {one[:12]} now, before {other[:12]} (generation 3)" in say("rollback", "--reason", "worse")
    assert "cannot be rolled back: there is no release before it" in say("rollback", ends=2)
    assert Registry(live).history[-1].reason == "worse"
    assert "is the champion already" in say("promote", one, ends=2)


def test_a_refusal_of_the_gate_ends_with_one(live: Path, say: Callable[..., Any]) -> None:
    bad, _ = small_release(live, passed=False)
    assert f"{bad[:12]} was not promoted: the verdict of its run did not pass" in say("promote", bad, ends=1)
    assert say("promote", bad, "--as", "shadow").startswith("shadow is")


def test_while_another_process_holds_the_folder_nothing_is_moved_beside_it(live: Path, say: Callable[..., Any]) -> None:
    one, _ = small_release(live)
    with files.locked(live / ".lock"):
        assert "is being worked on by another process" in say("promote", one, ends=6)
    assert Registry(live).aliases == {}


@contextmanager
def serving(live: Path, answer: dict[str, Any] | CandlewickError) -> Iterator[list[dict[str, Any]]]:
    """A server's admin socket, which answers every request so, and what it was asked."""
    asked: list[dict[str, Any]] = []

    async def carry_out(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request)
        if isinstance(answer, CandlewickError):
            raise answer
        return answer

    loop, admin = asyncio.new_event_loop(), Admin(live, carry_out)
    with files.locked(live / ".lock"):
        loop.run_until_complete(admin.start())
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield asked
        finally:
            asyncio.run_coroutine_threadsafe(admin.close(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()


def test_a_server_that_runs_is_asked_to_swap(live: Path, say: Callable[..., Any]) -> None:
    one, _ = small_release(live)
    with serving(live, {"said": "champion is it now", "generation": 4}) as asked:
        assert say("promote", one[:8], "--reason", "better") == "champion is it now"
        assert say("rollback", "--json")["generation"] == 4
    assert asked == [
        {"do": "promote", "release": one[:8], "alias": "champion", "reason": "better"},
        {"do": "rollback", "reason": ""},
    ]
    assert Registry(live).aliases == {}  # moved by the server, or not at all


def test_what_a_server_refuses_is_told_in_its_words(live: Path, say: Callable[..., Any]) -> None:
    one, _ = small_release(live)
    with serving(live, StorageError("the release is damaged.")):
        assert say("promote", one, ends=6) == "candlewick: the release is damaged."
    with serving(live, GateError("the gate keeps the champion.")):
        assert say("promote", one, ends=1) == "candlewick: the gate keeps the champion."


def test_a_release_is_made_and_registered_beside_a_server(live: Path, say: Callable[..., Any]) -> None:
    with files.locked(live / ".lock"):
        one, _ = small_release(live)
    assert one[:12] in say("releases")


def test_a_release_that_was_changed_is_found_out(live: Path, say: Callable[..., Any]) -> None:
    one, _ = small_release(live)
    told = say("verify", one)
    assert "ok files 6 files have the sha256 that they had" in told
    assert "ok golden estimator fp32, 1 thread: 8 forecasts equal bit for bit" in told
    path = live / "releases" / one / "golden.safetensors"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    found = say("verify", one, "--json", ends=1)
    assert (found["fine"], [row["what"] for row in found["found"]]) == (False, ["files"])
    assert "WRONG files" in say("verify", one, ends=1)


def as_csv(panel: Panel, path: Path) -> None:
    bars = panel.bars[0]
    pl.DataFrame({"t": bars.t, **{name: bars.column(name) for name in bars.columns}}).write_csv(path)


def test_a_replay_of_its_own_bars_gives_its_bits_and_other_bars_other_ones(live: Path, say: Callable[..., Any]) -> None:
    one, panel = small_release(live)
    as_csv(panel, Path("bars.csv"))
    told = say("replay", one[:8], "bars.csv", "--symbol", "A", "--stamp", "close")
    assert "60 forecasts from" in told
    assert "equal bit for bit to the reference" in told
    assert " us " in told.partition("total")[2]
    assert "#" in told
    as_csv(market(seed=5), Path("other.csv"))
    found = say("replay", str(live / "releases" / one), "other.csv", "--symbol", "A", "--stamp", "close", "--json")
    assert found["difference"] is None
    assert sum(number for *_, number in found["histogram_us"]) == 500
    assert "a release holds no bars, and none were given" in say("replay", one, ends=2)
    assert "is no run" in say("replay", "runs/nothing", ends=6)


def test_a_foreign_release_is_imported_once(live: Path, say: Callable[..., Any]) -> None:
    one, _ = small_release(live)
    told = say("import", str(live / "releases" / one), "--folder", "other")
    assert f"release {one} {one[:12]} was checked, tried and let in. Its verdict is the word of whoever made it" in told
    assert not say("import", str(live / "releases" / one), "--folder", "other", "--json")["new"]
    assert "import" in say("releases", "--folder", "other")
    path = live / "releases" / one / "golden.safetensors"
    path.chmod(0o644)
    path.write_bytes(b"")
    assert "Nothing was loaded" in say("import", str(live / "releases" / one), "--folder", "third", ends=6)


def test_an_estimator_is_not_written_as_onnx_and_runs_are_still_exported(live: Path, say: Callable[..., Any]) -> None:
    one, _ = small_release(live)
    assert "is no network" in say("export", "onnx", one, "model.onnx", ends=2)
    assert "nothing is no run" in say("export", "nothing", ends=6)


def test_members_of_the_users_own_are_found_in_folders_and_by_the_environment(
    live: Path, say: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "mine" / "my_policy.py"
    own.parent.mkdir()
    own.write_text(
        "from candlewick.evaluate.policies.volatility_target import VolatilityTarget\n"
        "class Mine(VolatilityTarget): ...\n"
    )
    one, _ = small_release(live, policy=f"{own}:Mine")
    assert "needs the file my_policy.py with the sha256" in say("promote", one, ends=6)
    assert say("promote", one, "--members", "mine")
    assert "WRONG model" in say("verify", one, ends=1)
    monkeypatch.setenv("CANDLEWICK_MEMBERS", f"nowhere{os.pathsep}{own.parent}")
    assert "ok golden" in say("verify", one)


def test_help_of_the_commands_needs_no_numpy() -> None:
    code = """
import sys
from candlewick.cli.main import call
for command in ("release", "releases", "show", "diff", "verify", "import", "promote", "rollback"):
    assert call([command, "--help"]) == 0
print({"numpy", "numba", "torch", "polars"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.splitlines()[-1] == "set()"
