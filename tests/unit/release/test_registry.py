"""The registry tells what was decided, to every process, after every accident."""

import subprocess
import sys
from pathlib import Path

import pytest

from candlewick.core.disk import Disk
from candlewick.core.errors import ConfigError, StorageError
from candlewick.release.gate import Decision
from candlewick.release.publish import releases_folder
from candlewick.release.registry import Registry

A, B, C = ("aa11" + "0" * 60, "aa12" + "0" * 60, "cc" + "0" * 62)


@pytest.fixture
def live(tmp_path: Path) -> Path:
    for release in (A, B, C):
        (releases_folder(tmp_path) / release).mkdir(parents=True)
    registry = Registry(tmp_path, clock=lambda: 7)
    for release in (A, B, C):
        assert registry.register(release, origin="run")
    return tmp_path


def test_a_release_is_registered_once_and_only_where_it_lies(live: Path) -> None:
    registry = Registry(live)
    assert not registry.register(A, origin="import")
    assert [(entry.id, entry.origin, entry.at) for entry in registry.entries] == [
        (A, "run", 7),
        (B, "run", 7),
        (C, "run", 7),
    ]
    for wrong in ("ee" + "0" * 62, "../" + A, "", A[:12]):
        with pytest.raises(ConfigError, match="is no release in"):
            registry.register(wrong, origin="run")


def test_a_release_is_found_by_what_is_unique_of_its_id_or_by_alias(live: Path) -> None:
    registry = Registry(live)
    assert registry.get("aa11").id == registry.get(A).id == A
    assert registry.get("cc00").folder == live / "releases" / C
    with pytest.raises(ConfigError, match=r"no release 'cc'.*4 digits or more.*There are: aa1100000000, aa12"):
        registry.get("cc")
    with pytest.raises(ConfigError, match="no release 'aa13'"):
        registry.get("aa13")
    with pytest.raises(ConfigError, match=r"no champion yet. `candlewick promote RELEASE --as champion`"):
        registry.get("champion")
    registry.move("challenger", C)
    assert registry.get("challenger").id == C


def test_two_of_one_beginning_are_not_guessed_between(live: Path) -> None:
    other = A[:20] + "f" * 44
    (releases_folder(live) / other).mkdir()
    registry = Registry(live)
    registry.register(other, origin="run")
    with pytest.raises(ConfigError, match="aa1100 is the beginning of 2 releases"):
        registry.get("aa1100")
    assert registry.get(A[:20] + "f").id == other


def test_every_move_is_one_generation_and_none_goes_where_it_stands(live: Path) -> None:
    registry = Registry(live)
    assert (registry.aliases, registry.generation, registry.previous) == ({}, 0, None)
    assert registry.move("champion", A, reason="first").previous == ""
    registry.move("shadow", C)
    moved = registry.move("champion", B)
    assert (moved.previous, moved.generation, moved.why) == (A, 2, "promote")
    assert registry.aliases == {"champion": B, "shadow": C}
    assert registry.generation == 2
    with pytest.raises(ConfigError, match=r"aa1200000000 is the champion already. Nothing was changed"):
        registry.move("champion", B)
    with pytest.raises(ConfigError, match="an alias is one of champion, challenger, shadow, was 'best'"):
        registry.move("best", B)
    with pytest.raises(ConfigError, match="is not registered"):
        registry.move("champion", "ee" + "0" * 62)
    assert [(move.alias, move.release) for move in registry.history] == [
        ("champion", A),
        ("shadow", C),
        ("champion", B),
    ]


def test_rollbacks_go_further_back_along_what_was_promoted(live: Path) -> None:
    registry = Registry(live)
    for release in (A, B, C):
        registry.move("champion", release)
    for expected, before in ((B, A), (A, None)):
        assert registry.rollback_target() == expected
        registry.move("champion", expected, why="rollback")
        assert registry.aliases["champion"] == expected
        assert registry.previous == before
    with pytest.raises(ConfigError, match="cannot be rolled back: there is no release before it"):
        registry.rollback_target()
    assert registry.generation == 5
    registry.move("champion", C)
    assert registry.previous == A


def test_a_rollback_goes_nowhere_else(live: Path) -> None:
    registry = Registry(live)
    with pytest.raises(ConfigError, match="cannot be rolled back: it has never been set"):
        registry.rollback_target()
    registry.move("champion", A)
    registry.move("champion", B)
    with pytest.raises(ConfigError, match="a rollback of champion goes to where it pointed before"):
        registry.move("champion", C, why="rollback")


def test_what_the_gate_said_is_kept(live: Path) -> None:
    Registry(live).decided(A, "champion", Decision(False, ("no", "never")))
    (kept,) = Registry(live).decisions
    assert (kept.release, kept.allowed, kept.reasons) == (A, False, ("no", "never"))


def test_others_see_a_change_at_once_and_may_make_the_next_one(live: Path) -> None:
    one, other = Registry(live), Registry(live)
    assert other.generation == 0
    one.move("champion", A)
    assert other.aliases == {"champion": A}
    other.move("champion", B)
    one.move("champion", C)
    assert other.generation == one.generation == Registry(live).generation == 3
    assert [move.previous for move in other.history] == ["", A, B]


def test_processes_beside_one_another_lose_no_change(live: Path) -> None:
    code = f"""
import sys
from candlewick.release.gate import Decision
from candlewick.release.registry import Registry
registry = Registry({str(live)!r})
for k in range(40):
    registry.decided({A!r}, sys.argv[1], Decision(False, (str(k),)))
"""
    workers = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("x", "y")]
    assert [worker.wait(timeout=100) for worker in workers] == [0, 0]
    kept = Registry(live).decisions
    for name in ("x", "y"):
        assert [one.reasons for one in kept if one.alias == name] == [(str(k),) for k in range(40)]


def test_an_unfinished_record_is_no_record(live: Path) -> None:
    registry = Registry(live)
    registry.move("champion", A)
    (segment,) = (live / "registry").glob("*.segment")
    whole = segment.read_bytes()
    registry.move("champion", B)
    torn = segment.read_bytes()[:-3]
    registry.close()
    segment.write_bytes(torn)
    assert Registry(live).aliases == {"champion": A}  # a reader leaves it as it is
    assert segment.read_bytes() == torn
    Registry(live).move("champion", C)
    assert Registry(live).aliases == {"champion": C}
    assert segment.read_bytes().startswith(whole)


def test_a_record_that_was_changed_is_told(live: Path) -> None:
    Registry(live).move("champion", A)
    (segment,) = (live / "registry").glob("*.segment")
    data = bytearray(segment.read_bytes())
    data[70] ^= 1
    segment.write_bytes(data)
    with pytest.raises(StorageError, match="A journal with a hole is not believed"):
        _ = Registry(live).aliases


class Full(Disk):
    def write(self, handle: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_disk_moves_nothing_and_is_survived(live: Path) -> None:
    registry = Registry(live)
    registry.move("champion", A)
    with pytest.raises(StorageError, match="No space left on device"):
        Registry(live, disk=Full()).move("champion", B)
    assert registry.aliases == {"champion": A}
    assert registry.move("champion", B).generation == 2


def test_a_folder_without_a_registry_is_an_empty_one_and_stays_so(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "nowhere")
    assert (registry.entries, registry.history, registry.decisions) == ((), (), ())
    assert not (tmp_path / "nowhere").exists()
