"""Makes `small_releases` importable, and a few releases that tests share and copy."""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_releases import small_release

from candlewick.core import files
from candlewick.core.spec import canonical_json
from candlewick.release.publish import releases_folder, remove


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a small release of a model; every kind is made once for all workers and must not be changed."""
    base = tmp_path_factory.getbasetemp()
    live = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "small-releases"

    def folder(model: Any = "linear", **changes: Any) -> Path:
        key = live / f"{hashlib.sha256(canonical_json([model, changes])).hexdigest()[:16]}.id"
        with files.locked(key.with_suffix(".lock")):
            if not key.is_file():
                key.write_text(small_release(live, model, **changes)[0])
            return releases_folder(live) / key.read_text()

    return folder


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    """A copy of a release that can be written."""

    def copy(release: Path, name: str = "copy") -> Path:
        place = tmp_path / name
        remove(place)
        shutil.copytree(release, place)
        for path in (place, *place.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return place

    return copy
