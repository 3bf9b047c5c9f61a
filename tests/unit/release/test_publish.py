"""A release is whole or not there, whenever the process that makes it ends."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_releases import market, parts, small_exported

from candlewick.core.errors import StorageError
from candlewick.release import publish as publishing
from candlewick.release.publish import publish, releases_folder, remove

MAKER = """
import json, sys
from pathlib import Path
from candlewick.release.publish import publish
source, live = Path(sys.argv[1]), sys.argv[2]
card = json.loads((source / "release.json").read_bytes())
contents = {name: (source / name).read_bytes() for name in card.pop("files")}
print(publish(contents, card, live)[0])
"""


def killed(release: Path, live: Path, failpoint: str) -> int:
    environment = {**os.environ, "CANDLEWICK_FAILPOINT": failpoint}
    command = [sys.executable, "-c", MAKER, str(release), str(live)]
    return subprocess.run(command, env=environment, timeout=100, check=False, capture_output=True).returncode


@pytest.mark.parametrize("failpoint", ["release.file:5", "release.sealed:1", "release.renamed:1"])
def test_a_release_whose_making_is_killed_is_whole_or_absent_and_is_made_again(
    releases: Callable[..., Path], tmp_path: Path, failpoint: str
) -> None:
    release = releases()
    place = releases_folder(tmp_path) / release.name
    assert killed(release, tmp_path, failpoint) == -9
    assert place.exists() == (failpoint == "release.renamed:1")
    card = json.loads((release / "release.json").read_bytes())
    contents = {name: (release / name).read_bytes() for name in card.pop("files")}
    assert publish(contents, card, tmp_path) == (release.name, failpoint != "release.renamed:1")
    publish(contents, {**card, "title": "another"}, tmp_path)
    assert len(list(releases_folder(tmp_path).iterdir())) == 2  # what was left behind is swept


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = market(bars=300)
    contents, card = parts(*small_exported(panel), panel)

    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(publishing, "write_synced", full)
    with pytest.raises(StorageError, match=r"could not be written: No space left on device. No release was made"):
        publish(contents, card, tmp_path)
    assert list(releases_folder(tmp_path).iterdir()) == []


def test_one_that_another_process_was_faster_with_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = market(bars=300)
    contents, card = parts(*small_exported(panel), panel)
    release, _ = publish(contents, card, tmp_path / "other")
    seal = publishing.seal

    def late(folder: Path) -> None:
        seal(folder)
        (releases_folder(tmp_path / "other") / release).rename(releases_folder(tmp_path) / release)

    monkeypatch.setattr(publishing, "seal", late)
    assert publish(contents, card, tmp_path) == (release, False)
    assert {path.name for path in releases_folder(tmp_path).iterdir()} == {release}


def test_a_sealed_folder_can_be_removed_by_who_made_it_and_a_link_is_not_followed(tmp_path: Path) -> None:
    panel = market(bars=300)
    release, _ = publish(*parts(*small_exported(panel), panel), tmp_path)
    place = releases_folder(tmp_path) / release
    (tmp_path / "link").symlink_to(place)
    remove(tmp_path / "link")
    assert place.is_dir()
    remove(place)
    assert not place.exists()
