"""A release is opened as what it was, or refused with one sentence."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_releases import FEATURES, market, parts, small_exported, small_release

from candlewick.core import files
from candlewick.core.errors import CandlewickError, ConfigError, StorageError
from candlewick.core.spec import canonical_json
from candlewick.evaluate.policies.volatility_target import VolatilityTarget
from candlewick.release.bundle import EXPERIMENT, REFERENCE, open_bundle, read_card, verify_files
from candlewick.release.card import CARD, Card
from candlewick.release.golden import GOLDEN
from candlewick.release.publish import publish, releases_folder
from candlewick.runtime import store
from candlewick.runtime.choose import candidates, open_session
from candlewick.runtime.replay import replay

Releases = Callable[..., Path]
Copied = Callable[..., Path]


def card_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / CARD).read_bytes())


def rewrite(folder: Path, **changes: Any) -> None:
    """The card with other values, as a hostile hand writes it."""
    (folder / CARD).write_bytes(canonical_json({**card_of(folder), **changes}))


def rehash(folder: Path, name: str, data: bytes) -> None:
    """Another file, with the hashes made to fit."""
    (folder / name).write_bytes(data)
    rewrite(folder, files={**card_of(folder)["files"], name: files.sha256(folder / name)})


@pytest.mark.parametrize("model", ["linear", "lstm"])
def test_a_release_is_opened_as_the_model_that_was_fitted(releases: Releases, model: str) -> None:
    bundle = open_bundle(releases(model))
    panel = market()
    exported, _ = small_exported(panel, model, policy={"name": "volatility_target"})
    setting = candidates(exported)[0]
    own, other = (replay(one, open_session(one, setting), panel) for one in (exported, bundle.exported))
    assert own.raw.tobytes() == other.raw.tobytes()
    assert len(own.raw) > 300
    assert bundle.id == bundle.folder.name
    assert bundle.card.policy_spec == bundle.policy == VolatilityTarget()


def test_its_reference_is_made_again_to_the_same_bits(releases: Releases) -> None:
    bundle = open_bundle(releases("lstm"))
    reference = bundle.reference()
    stretch = reference.cut(market())
    assert stretch is not None
    replayed = replay(bundle.exported, open_session(bundle.exported, reference.setting), stretch)
    assert reference.difference(replayed) == 0


def test_it_says_which_instruments_it_serves(releases: Releases) -> None:
    assert open_bundle(releases()).card.symbols == ("A",)
    assert open_bundle(releases(symbols=("A", "B"))).card.symbols == ("A", "B")
    pooled = open_bundle(releases(scaler={"name": "standard", "pooled": True}))
    assert pooled.card.symbols is None
    assert pooled.golden.check(open_session(pooled.exported, candidates(pooled.exported)[0])) == 0


def test_its_schema_hash_is_of_what_it_reads(releases: Releases) -> None:
    same, other = read_card(releases("har")), read_card(releases(features=[*FEATURES[:1], "log_return"]))
    assert read_card(releases()).schema_hash == same.schema_hash != other.schema_hash


def test_it_cannot_be_written_any_more(releases: Releases) -> None:
    folder = releases()
    modes = {path.relative_to(folder).as_posix(): path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert modes.pop("model") == 0o555 == folder.stat().st_mode & 0o777
    assert set(modes.values()) == {0o444}
    assert set(modes) == {CARD, GOLDEN, REFERENCE, EXPERIMENT, "model/model.json", "model/arrays.safetensors"}


def test_the_same_model_makes_the_same_release_and_once(tmp_path: Path) -> None:
    panel = market(bars=300)
    exported, experiment = small_exported(panel)
    contents, card = parts(exported, experiment, panel)
    first, new = publish(contents, card, tmp_path)
    assert new
    assert publish(contents, card, tmp_path) == (first, False)
    assert publish(contents, card, tmp_path / "elsewhere") == (first, True)
    other, _ = publish(contents, {**card, "title": "another"}, tmp_path)
    assert other != first
    assert {path.name for path in releases_folder(tmp_path).iterdir()} == {first, other}


def test_a_damaged_release_is_not_taken_for_the_one_that_is_made_again(tmp_path: Path) -> None:
    panel = market(bars=300)
    contents, card = parts(*small_exported(panel), panel)
    release, _ = publish(contents, card, tmp_path)
    path = releases_folder(tmp_path) / release / GOLDEN
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(StorageError, match=f"{GOLDEN} does not have the sha256"):
        publish(contents, card, tmp_path)


@pytest.mark.parametrize("name", [CARD, GOLDEN, REFERENCE, EXPERIMENT, "model/model.json", "model/arrays.safetensors"])
def test_no_byte_can_be_changed(releases: Releases, tmp_path: Path, name: str) -> None:
    folder = tmp_path / releases().name
    shutil.copytree(releases(), folder)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).chmod(0o644)
    (folder / name).write_bytes(data)
    with pytest.raises(StorageError, match="Nothing was loaded"):
        open_bundle(folder)
    with pytest.raises(StorageError):
        verify_files(folder)


def test_what_is_not_of_a_release_is_refused(releases: Releases, copied: Copied, tmp_path: Path) -> None:
    def refused(change: Callable[[Path], None], reason: str) -> None:
        folder = copied(releases())
        change(folder)
        with pytest.raises(StorageError, match=reason):
            open_bundle(folder)

    outside = tmp_path / "outside"
    outside.write_bytes((releases() / GOLDEN).read_bytes())

    def link(folder: Path) -> None:
        (folder / GOLDEN).unlink()
        (folder / GOLDEN).symlink_to(outside)

    def link_folder(folder: Path) -> None:
        (folder / "model").rename(tmp_path / "moved")
        (folder / "model").symlink_to(tmp_path / "moved")

    refused(lambda folder: (folder / "run.py").write_text("import os"), "holds 'run.py', which is no file of a release")
    refused(lambda folder: (folder / "model" / "x").mkdir(), "holds 'model/x', which is no file of a release")
    refused(link, "which is no file of a release")
    refused(link_folder, "which is no file of a release")
    refused(lambda folder: (folder / CARD).unlink(), "has no release.json, so it is no release, or one whose making")
    refused(lambda folder: (folder / REFERENCE).unlink(), "does not hold the files that release.json tells of: refere")
    refused(lambda folder: os.truncate(folder / CARD, 100), "is not plain JSON")
    refused(lambda folder: os.truncate(folder / EXPERIMENT, 2**20 + 1), "must be a file of 1,048,576 bytes at most")
    place = tmp_path / "link"
    place.symlink_to(releases())
    with pytest.raises(StorageError, match="is a link"):
        open_bundle(place)
    with pytest.raises(StorageError, match="could not be read: No such file or directory"):
        open_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"interval_ns": 0}, "is wrong at interval_ns"),
        ({"interval_ns": 1.5}, "is wrong at interval_ns"),
        ({"interval_ns": 10**40}, "is wrong at interval_ns"),
        ({"bars_per_year": -1.0}, "is wrong at bars_per_year"),
        ({"title": "x" * 3_000}, "is wrong at title"),
        ({"content_id": "0" * 16}, "says of content_id '0000000000000000', the model beside it has"),
        ({"columns": ["close"]}, "says of columns"),
        ({"symbols": None}, "says of symbols 'None', the model beside it has"),
        ({"schema_hash": "0" * 64}, "says of schema_hash"),
        ({"more": 1}, "is wrong at more: Extra inputs"),
        ({"format": 2}, "is wrong at format"),
        ({"verdict": {"passed": "yes", "use": "", "sentences": []}}, "is wrong at verdict.passed"),
        ({"files": {"../x": "0" * 64}}, "does not hold the files that"),
        ({"policy": {"name": "proportional"}}, "has the policy proportional, which trades no variance"),
    ],
)
def test_a_card_that_cannot_be_true_is_refused(
    releases: Releases, copied: Copied, changes: dict[str, Any], reason: str
) -> None:
    folder = copied(releases())
    rewrite(folder, **changes)
    with pytest.raises(StorageError, match=reason):
        open_bundle(folder)


def test_a_policy_that_is_not_valid_is_refused(releases: Releases, copied: Copied) -> None:
    folder = copied(releases())
    rewrite(folder, policy={"name": "volatility_target", "target": -1.0})
    with pytest.raises(ConfigError, match="target"):
        open_bundle(folder)


def test_a_card_has_one_way_to_be_written(releases: Releases, copied: Copied) -> None:
    folder = copied(releases())
    text = (folder / CARD).read_text()

    def refused(other: str, reason: str) -> None:
        (folder / CARD).write_text(other)
        with pytest.raises(StorageError, match=reason):
            open_bundle(folder)

    refused(json.dumps(json.loads(text), indent=1), "is not canonical JSON")
    refused(text.replace('"format":1', '"format":1,"format":1'), "the key 'format' stands twice")
    refused(text.replace('"bars_per_year":8766.0', '"bars_per_year":NaN'), "NaN is no JSON number")
    refused(text.replace('"bars_per_year":8766.0', '"bars_per_year":1e999'), "is not canonical JSON")
    refused(text.replace('"format":1', '"format":' + "[" * 40 + "]" * 40), "nests more than 16 deep")
    refused(text.replace('"format":1', '"format":' + "[" * 99_999), "is not plain JSON")


def test_a_folder_of_another_name_than_its_id_is_refused(releases: Releases, copied: Copied) -> None:
    folder = copied(releases(), "0" * 64)
    for look in (open_bundle, read_card, verify_files):
        with pytest.raises(StorageError, match="which is not the release's id"):
            look(folder)
    assert open_bundle(copied(releases(), "a-copy")).id == releases().name


def test_hashes_that_were_made_to_fit_do_not_make_a_model_sound(releases: Releases, copied: Copied) -> None:
    folder = copied(releases())
    card = json.loads((folder / "model/model.json").read_bytes())
    rehash(folder, "model/model.json", json.dumps({**card, "length": 10}).encode())
    with pytest.raises(CandlewickError):
        open_bundle(folder)
    folder = copied(releases())
    rehash(folder, GOLDEN, (releases("lstm") / GOLDEN).read_bytes())
    bundle = open_bundle(folder)  # golden vectors of another model are no fault of the format ...
    with pytest.raises(StorageError, match="the golden vectors are not what they were"):  # ... but they do not come out
        bundle.golden.check(open_session(bundle.exported, candidates(bundle.exported)[0]))


def test_opening_a_release_loads_neither_torch_nor_the_lab(releases: Releases) -> None:
    code = f"""
import sys
from candlewick.release.bundle import open_bundle
from candlewick.release.gate import Asked, decide
assert decide(Asked(open_bundle({str(releases("lstm"))!r}))).allowed
print({{"torch", "polars", "sklearn", "candlewick.lab", "candlewick.train", "pickle5"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.strip() == "set()"


# The user's own members

OWN_FEATURE = """
from typing import ClassVar
import numpy as np
from candlewick.core.compiled import compiled
from candlewick.features import STEP, Feature
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


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, Path]:
    """A release with a feature from a file of the user's own, and that file."""
    file = tmp_path / "secret-place" / "my_body.py"
    file.parent.mkdir()
    file.write_text(OWN_FEATURE)
    release, _ = small_release(tmp_path / "live", features=[*FEATURES, f"{file}:Body"])
    return releases_folder(tmp_path / "live") / release, file


def test_a_users_own_member_goes_in_by_name_and_hash_and_never_as_code(own: tuple[Path, Path]) -> None:
    folder, file = own
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"secret-place" not in everything
    assert b"import numpy" not in everything
    assert read_card(folder).sources == {"my_body.py:Body": files.sha256(file)}


def test_a_users_own_member_is_found_wherever_its_file_lies_now(own: tuple[Path, Path], tmp_path: Path) -> None:
    folder, file = own
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "my_body.py").write_bytes(file.read_bytes())
    file.unlink()
    bundle = open_bundle(folder, members=[tmp_path, elsewhere])
    assert bundle.exported.features.outputs[-1] == "body"
    assert bundle.golden.check(open_session(bundle.exported, candidates(bundle.exported)[0])) == 0


def test_without_the_very_source_of_a_member_a_release_is_refused(own: tuple[Path, Path], tmp_path: Path) -> None:
    folder, file = own
    with pytest.raises(StorageError, match=r"my_body.py:Body from a file of its maker.*--members"):
        open_bundle(folder)
    with pytest.raises(
        StorageError, match=r"needs the file my_body.py with the sha256 .*: not there. Nothing was load"
    ):
        open_bundle(folder, members=[tmp_path])
    file.write_text(OWN_FEATURE.replace("- 1.0", "* 7.0"))
    with pytest.raises(StorageError, match=rf"my_body.py has {files.sha256(file)[:12]}. Nothing was loaded"):
        open_bundle(folder, members=[file.parent])


def test_a_members_file_that_is_changed_between_the_look_and_the_loading_is_noticed(
    own: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = own
    located = store.located

    def then_changed(*given: Any) -> dict[str, Any]:
        found = located(*given)
        if "my_body" in found["name"]:
            file.write_text(OWN_FEATURE.replace("- 1.0", "* 7.0"))
        return found

    monkeypatch.setattr(store, "located", then_changed)
    with pytest.raises(StorageError, match=r"my_body\.py was changed while it was loaded"):
        open_bundle(folder, members=[file.parent])


@pytest.mark.parametrize("name", ["../secret-place/my_body.py:Body", "/etc/my_body.py:Body"])
def test_a_release_cannot_name_the_place_of_a_file(own: tuple[Path, Path], copied: Copied, name: str) -> None:
    folder, file = own
    made = copied(folder)
    plain = json.loads((made / "model/model.json").read_bytes())
    plain["features"][-1]["name"] = name
    plain["sources"] = {name: files.sha256(file)}
    rehash(made, "model/model.json", json.dumps(plain).encode())
    with pytest.raises(StorageError, match="was opened without trust in code"):
        open_bundle(made, members=[file.parent, file.parent.parent])


OWN_POLICY = """
from typing import ClassVar
from candlewick.evaluate.policies.volatility_target import VolatilityTarget
class Halved(VolatilityTarget):
    target: float = 0.07
"""


def test_a_policy_of_the_users_own_is_held_to_its_source_too(tmp_path: Path) -> None:
    file = tmp_path / "mine" / "my_policy.py"
    file.parent.mkdir()
    file.write_text(OWN_POLICY)
    panel = market(bars=300)
    exported, experiment = small_exported(panel, policy=f"{file}:Halved")
    release, _ = publish(*parts(exported, experiment, panel), tmp_path)
    folder = releases_folder(tmp_path) / release
    bundle = open_bundle(folder, members=[file.parent])
    assert bundle.policy == bundle.card.policy_spec
    assert bundle.policy is not None
    assert bundle.policy.model_dump()["target"] == 0.07
    file.write_text(OWN_POLICY + "\n")
    with pytest.raises(StorageError, match="needs the file my_policy"):
        open_bundle(folder, members=[file.parent])


def test_a_card_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    panel = market(bars=300)
    contents, card = parts(*small_exported(panel), panel)
    with pytest.raises(StorageError, match="is wrong at title"):
        publish(contents, {**card, "title": "x" * 3_000}, tmp_path)
    assert not releases_folder(tmp_path).exists()


def test_cards_are_plain_and_frozen(releases: Releases) -> None:
    card = read_card(releases())
    assert Card.model_validate_json(json.dumps(card.model_dump(mode="json"))) == card
    with pytest.raises(ValueError, match="frozen"):
        card.title = "another"  # type: ignore[misc]
