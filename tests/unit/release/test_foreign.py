"""A foreign release is let in whole and tried, or not at all, whatever it does to the process that tries it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_releases import FEATURES, small_release

from candlewick.core.errors import DataError, StorageError
from candlewick.release.bundle import open_bundle
from candlewick.release.card import CARD
from candlewick.release.foreign import Limits, import_release
from candlewick.release.golden import GOLDEN
from candlewick.release.publish import releases_folder
from candlewick.release.registry import Registry

Releases = Callable[..., Path]
Copied = Callable[..., Path]


def nothing_is_left(live: Path) -> bool:
    return Registry(live).entries == () and list(releases_folder(live).iterdir()) == []


def test_a_sound_one_is_let_in_and_can_be_opened(releases: Releases, copied: Copied, tmp_path: Path) -> None:
    foreign, live = copied(releases("lstm"), "foreign"), tmp_path / "live"
    found = import_release(foreign, live)
    assert (found.id, found.new) == (releases("lstm").name, True)
    assert not import_release(foreign, live).new
    (entry,) = Registry(live).entries
    assert (entry.id, entry.origin) == (found.id, "import")
    assert open_bundle(entry.folder).id == found.id
    assert entry.folder.stat().st_mode & 0o777 == 0o555
    assert {path.name for path in releases_folder(live).iterdir()} == {found.id}


def test_what_is_no_release_is_refused_before_it_is_tried(releases: Releases, copied: Copied, tmp_path: Path) -> None:
    live = tmp_path / "live"
    foreign = copied(releases(), "foreign")
    (foreign / GOLDEN).write_bytes((foreign / GOLDEN).read_bytes()[:-1])
    with pytest.raises(StorageError, match="does not have the sha256"):
        import_release(foreign, live)
    foreign = copied(releases(), "foreign")
    (foreign / "setup.py").write_text("import os")
    with pytest.raises(StorageError, match=r"holds 'setup.py', which is no file of a release"):
        import_release(foreign, live)
    foreign = copied(releases(), "foreign")
    (foreign / GOLDEN).unlink()
    os.mkfifo(foreign / GOLDEN)  # reading it would wait for ever
    with pytest.raises(StorageError, match="which is no file of a release"):
        import_release(foreign, live)
    foreign = copied(releases(), "foreign")
    os.truncate(foreign / GOLDEN, 2**40)  # takes no room on the disk
    with pytest.raises(StorageError, match="must be a file of 67,108,864 bytes at most, was 1,099,511,627,776"):
        import_release(foreign, live)
    assert nothing_is_left(live)


def test_an_archive_is_not_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "release.tar").write_bytes(b"x")
    with pytest.raises(DataError, match=r"imported from a folder, was .*release.tar. Unpack an archive first"):
        import_release(tmp_path / "release.tar", tmp_path / "live")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(DataError, match="imported from a folder"):
        import_release(tmp_path / "link", tmp_path / "live")


def test_one_whose_forecasts_do_not_come_out_is_refused(releases: Releases, copied: Copied, tmp_path: Path) -> None:
    from test_bundle import rehash

    foreign = copied(releases(), "foreign")
    rehash(foreign, GOLDEN, (releases("lstm") / GOLDEN).read_bytes())
    with pytest.raises(StorageError, match="is refused: the golden vectors are not what they were"):
        import_release(foreign, tmp_path / "live")
    assert nothing_is_left(tmp_path / "live")


# A member of the user's own that behaved when the release was made, and does its worst when it is tried.

FEATURE = """
import os, signal, sys
from pathlib import Path
from typing import ClassVar
import numpy as np
from candlewick.core.compiled import compiled
from candlewick.features import STEP, Feature

mark = Path(__file__).with_name("worst")
if mark.exists():
    exec(mark.read_text())

class Body(Feature):
    columns: ClassVar[tuple[str, ...]] = ("open", "close")
    @property
    def outputs(self): return ("body",)
    @property
    def warmup(self): return 1
    @property
    def state_size(self): return 0
    def params(self): return np.zeros(0)
    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        out[0] = row[1] / row[0] - 1.0
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A release with a member of the user's own, and the folder of that member."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "my_body.py").write_text(FEATURE)
    live = tmp_path_factory.mktemp("maker")
    release, _ = small_release(live, features=[*FEATURES, f"{folder / 'my_body.py'}:Body"])
    return releases_folder(live) / release, folder


@pytest.mark.parametrize(
    ("worst", "limits", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", Limits(), "the process that tried it died by SIGSEGV"),
        ("os._exit(3)", Limits(), "the process that tried it ended with 3 and said nothing"),
        ("while True: pass", Limits(seconds=2), "it computed for more than 2 s"),
        ("import time; time.sleep(99)", Limits(wall=5), "it did not end within 5 s"),
        ("hoard = bytearray(16 * 2**30)", Limits(), "it needs more than 4.0 GiB of memory"),
        ("open(mark.with_name('big'), 'wb').write(bytes(2**28))", Limits(), r"File too large"),
        ("[open(mark) for _ in range(2_000)]; kept = [open(mark) for _ in range(2_000)]", Limits(), "Too many open"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_whatever_it_does_to_its_process_is_one_sentence(
    mine: tuple[Path, Path], copied: Copied, tmp_path: Path, worst: str, limits: Limits, reason: str
) -> None:
    release, members = mine
    live = tmp_path / "live"
    (members / "worst").write_text(worst)
    try:
        with pytest.raises(StorageError, match=reason) as refused:
            import_release(copied(release, "foreign"), live, members=[members], limits=limits)
    finally:
        (members / "worst").unlink()
        (members / "big").unlink(missing_ok=True)
    assert str(refused.value).endswith("Nothing was kept.")
    assert nothing_is_left(live)


def test_members_are_run_only_where_their_folder_is_named(
    mine: tuple[Path, Path], copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, members = mine
    monkeypatch.chdir(members)  # the current folder is none of them
    foreign = copied(release, "foreign")
    with pytest.raises(StorageError, match="was opened without trust in code"):
        import_release(foreign, tmp_path / "live")
    assert import_release(foreign, tmp_path / "live", members=[Path()]).new


def test_secrets_of_the_environment_are_not_told_to_it(
    mine: tuple[Path, Path], copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, members = mine
    monkeypatch.setenv("CANDLEWICK_TOKEN", "secret")
    (members / "worst").write_text("raise ValueError('known: ' + str('CANDLEWICK_TOKEN' in os.environ))")
    try:
        with pytest.raises(StorageError, match="known: False"):
            import_release(copied(release, "foreign"), tmp_path / "live", members=[members])
    finally:
        (members / "worst").unlink()


def test_an_import_that_is_killed_leaves_nothing_that_is_believed(
    releases: Releases, copied: Copied, tmp_path: Path
) -> None:
    foreign, live = copied(releases(), "foreign"), tmp_path / "live"
    code = "import sys; from candlewick.release.foreign import import_release; import_release(*sys.argv[1:])"
    environment = {**os.environ, "CANDLEWICK_FAILPOINT": "import.tried:1"}
    command = [sys.executable, "-c", code, str(foreign), str(live)]
    assert subprocess.run(command, env=environment, timeout=100, check=False).returncode == -9
    assert Registry(live).entries == ()
    assert import_release(foreign, live).new
    assert [path.name for path in releases_folder(live).iterdir()] == [releases().name]
    assert (releases_folder(live) / releases().name / CARD).is_file()
