"""Files are whole or absent, whatever happens to the writer."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from candlewick.core import files
from candlewick.core.errors import StorageError


def in_a_process(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".tmp"))


def test_a_written_file_holds_what_was_given_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    files.write_json(tmp_path / "deep" / "a.json", {"x": [1, None]})
    assert files.read_json(tmp_path / "deep" / "a.json") == {"x": [1, None]}
    assert left_over(tmp_path / "deep") == []


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_bytes(path, b"old")
    with pytest.raises(ZeroDivisionError), files.atomic(path) as temporary:
        temporary.write_bytes(b"ne" * (1 // 0))
    assert path.read_bytes() == b"old"
    assert left_over(tmp_path) == []


def test_a_writer_killed_half_way_leaves_the_old_file_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_bytes(path, b"old")
    code = """
import os, signal, sys
from candlewick.core import files
with files.atomic(sys.argv[1]) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert in_a_process(code, path).returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(left_over(tmp_path)) == 1
    files.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert left_over(tmp_path) == []


def test_another_living_writers_file_is_not_tidied_away(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    mark = tmp_path / f".a.txt.{os.getppid()}.tmp"
    mark.write_bytes(b"being written")
    files.write_bytes(path, b"new")
    assert mark.exists()


def test_a_full_disk_is_a_storage_error_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    files.write_bytes(path, b"old")
    code = """
import resource, sys
from candlewick.core import files
from candlewick.core.errors import StorageError
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    files.write_bytes(sys.argv[1], b"x" * 100_000)
except StorageError as error:
    print(error)
"""
    result = in_a_process(code, path)
    assert "could not be written: File too large" in result.stdout, result
    assert path.read_bytes() == b"old"
    assert left_over(tmp_path) == []


def test_a_folder_that_cannot_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        files.write_bytes(tmp_path / "file" / "a", b"")
    with pytest.raises(StorageError, match="could not be locked"), files.locked(tmp_path / "file" / "a"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_storage_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="Permission denied"):
            files.write_bytes(tmp_path / "a", b"")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("content", [b"{", b"", b"\xff"])
def test_a_damaged_json_file_is_a_storage_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(StorageError, match=r"a\.json could not be read"):
        files.read_json(tmp_path / "a.json")


def test_nan_never_reaches_a_json_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", float("nan"))
    assert not (tmp_path / "a.json").exists()


def test_a_lock_keeps_other_processes_out_until_it_is_given_back(tmp_path: Path) -> None:
    code = """
import sys
from candlewick.core import files
for _ in range(50):
    with files.locked(sys.argv[1]):
        value = int(open(sys.argv[2]).read())
        files.write_bytes(sys.argv[2], str(value + 1).encode())
"""
    counter = tmp_path / "counter"
    counter.write_text("0")
    workers = [threading.Thread(target=in_a_process, args=(code, tmp_path / "lock", counter)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counter.read_text() == "150"


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_folders_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CANDLEWICK_HOME", str(tmp_path / "home"))
    assert files.user_cache() == tmp_path / "cache" / "candlewick"
    assert files.home() == tmp_path / "home"
    monkeypatch.delenv("CANDLEWICK_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert files.home() == tmp_path / "data" / "candlewick"
