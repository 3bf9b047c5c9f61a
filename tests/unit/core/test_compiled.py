"""Compiled code: cached privately, shared between processes, and never a reason not to start."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from candlewick.core import compiled as module

CODE = """
import numpy as np
from candlewick.core.compiled import compiled


@compiled("float64(float64[::1])")
def total(values):
    out = 0.0
    for value in values:
        out += value
    return out


if __name__ == "__main__":
    print(total(np.ones(3)), sum(total.stats.cache_hits.values()))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(CODE)
    return path


def start(script: Path, cache: Path | str) -> subprocess.Popen[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    return subprocess.Popen(
        [sys.executable, str(script)], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(script: Path, cache: Path | str) -> tuple[str, str]:
    out, err = start(script, cache).communicate(timeout=100)
    return out.strip(), err.strip()


def test_the_second_process_finds_what_the_first_compiled_in_a_private_folder(script: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert run(script, cache) == ("3.0 0", "")
    assert run(script, cache) == ("3.0 1", "")
    (folder,) = (cache / "candlewick").iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_edited_function_is_compiled_anew(script: Path, tmp_path: Path) -> None:
    assert run(script, tmp_path / "cache")[0] == "3.0 0"
    script.write_text(CODE.replace("out += value", "out += 2 * value"))
    assert run(script, tmp_path / "cache")[0] == "6.0 0"


def test_where_nothing_can_be_cached_it_says_so_once_and_works(script: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    script.write_text(CODE + "\nimport candlewick.features._base\n")
    out, err = run(script, tmp_path / "file")
    assert out == "3.0 0"
    assert err.count("\n") == 0
    assert "compiled code is not cached" in err


def test_a_cache_that_others_can_write_is_not_trusted(script: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(script, cache)
    (folder,) = (cache / "candlewick").iterdir()
    folder.chmod(0o777)
    out, err = run(script, cache)
    assert out == "3.0 0"
    assert "can be written by another user" in err


def test_processes_that_start_together_share_an_empty_cache(script: Path, tmp_path: Path) -> None:
    together = [start(script, tmp_path / "cache") for _ in range(3)]
    results = [process.communicate(timeout=100) for process in together]
    assert [(out.partition(" ")[0], err) for out, err in results] == [("3.0", "")] * 3
    assert run(script, tmp_path / "cache") == ("3.0 1", "")


def test_what_was_typed_at_a_prompt_compiles_too() -> None:
    scope: dict[str, object] = {"compiled": module.compiled}
    exec("@compiled('float64(float64)')\ndef double(x):\n    return 2 * x", scope)
    assert scope["double"](1.5) == 3.0  # type: ignore[operator]


def test_folders_of_older_sources_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for age in range(20):
        old = tmp_path / "candlewick" / f"numba-0.0-{age:02d}"
        old.mkdir(parents=True)
        os.utime(old, (1_000_000 - age, 1_000_000 - age))
    newest = module._cache_folder.__wrapped__()
    assert newest is not None
    kept = sorted(path.name for path in (tmp_path / "candlewick").iterdir())
    assert kept == [*(f"numba-0.0-{age:02d}" for age in range(8)), newest.name]


def test_machine_code_divides_as_numpy_does() -> None:
    import numpy as np

    @module.compiled("float64(float64, float64)")
    def ratio(a, b):  # type: ignore[no-untyped-def]
        return a / b

    assert ratio(1.0, 0.0) == np.inf
    assert np.isnan(ratio(0.0, 0.0))
