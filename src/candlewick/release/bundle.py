"""A release as a folder: immutable, named by the sha256 of its card, opened without believing anything in it.

`release.json`, the card, holds the sha256 of every other file: the model (`model/`, as `runtime.store` writes one), the
golden vectors, the reference for replays and the run's experiment. Nothing else may be in the folder. What is
guaranteed of a folder from a hostile hand is what `runtime.store` guarantees of a model.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from candlewick.core import files
from candlewick.core.errors import StorageError
from candlewick.evaluate.costs import Costs
from candlewick.evaluate.policies._base import Policy
from candlewick.release.card import CARD, LARGEST_CARD, Card, schema_hash, symbols_of
from candlewick.release.golden import GOLDEN, Golden
from candlewick.runtime import store
from candlewick.runtime.exported import Exported
from candlewick.runtime.members import Trust
from candlewick.runtime.reference import Reference
from candlewick.runtime.strict_json import refused

MODEL, REFERENCE, EXPERIMENT = "model", "reference.safetensors", "experiment.json"
ID = re.compile(r"[0-9a-f]{64}")
SHORT = 12
"""Digits of an id that people are shown."""

LARGEST = {GOLDEN: 64 * 2**20, REFERENCE: 256 * 2**20, EXPERIMENT: 2**20}
"""Bytes of each file at most; `runtime.store.LARGEST` has those of a model's."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """A release, opened and checked.

    Attributes:
        id: sha256 of its card.
        folder: where it lies.
        card: what is said of it.
        exported: the model.
        golden: bars and the forecasts that must come of them.
        policy: forecasts to positions; None where nothing is traded.
        costs: of a trade.
    """

    id: str
    folder: Path
    card: Card
    exported: Exported
    golden: Golden
    policy: Policy | None
    costs: Costs

    def reference(self) -> Reference:
        """The replay that was stored when the model was exported.

        Raises:
            StorageError: it was changed since the release was opened, or is of another model.
        """
        path = self.folder / REFERENCE
        data = part(self.folder, REFERENCE, self.card)
        reference = Reference.unpacked(data, path)
        reference.require_of(self.exported)
        return reference


def open_bundle(folder: str | Path, *, members: Sequence[Path] = ()) -> Bundle:
    """The release in `folder`, every claim of its files checked.

    Args:
        members: folders in which the files of the user's own members are looked for; they are run.

    Raises:
        StorageError: a file is missing, damaged, foreign, or not what it says it is; a member's file is not there with
            the same sha256.
        ConfigError: a spec that is not valid here.
        DataError: arrays that are not finite or do not fit the spec.
    """
    folder, trust = Path(folder), Trust(folders=tuple(Path(place) for place in members))
    names = listed(folder)
    data, card = _card(folder, trust)
    if names != {CARD, *card.files}:
        different = ", ".join(sorted(names ^ {CARD, *card.files})[:5])
        raise refused(str(folder), f"does not hold the files that {CARD} tells of: {different}")
    contents = {name: part(folder, name, card) for name in sorted(card.files)}
    inside = f"{MODEL}/"
    own = {name.removeprefix(inside): content for name, content in contents.items() if name.startswith(inside)}
    if store.CARD not in own or not {GOLDEN, REFERENCE, EXPERIMENT} <= contents.keys():
        raise refused(str(folder), "is no whole release")
    exported = store.from_contents(own, str(folder / MODEL), trust=trust)
    _require_told(card, exported)
    golden = Golden.unpacked(contents[GOLDEN], exported)
    policy = card.policy_spec
    if policy is not None and exported.label.kind not in policy.kinds:
        raise refused(CARD, f"has the policy {policy.spec_name()}, which trades no {exported.label.kind}")
    return Bundle(hashlib.sha256(data).hexdigest(), folder, card, exported, golden, policy, card.costs)


def read_card(folder: str | Path) -> Card:
    """The card of the release in `folder`, held to the folder's name; the other files are not looked at.

    Raises:
        StorageError: it is missing, damaged, or another release's.
    """
    return _card(Path(folder), Trust())[1]


def verify_files(folder: str | Path) -> Card:
    """Compare every file with its sha256; nothing is built of them. Gives the card.

    Raises:
        StorageError: a file is missing, damaged or foreign.
    """
    folder = Path(folder)
    names, (_, card) = listed(folder), _card(folder, Trust())
    if names != {CARD, *card.files}:
        raise refused(str(folder), f"holds {', '.join(sorted(names))} and tells of {', '.join(sorted(card.files))}")
    for name in card.files:
        part(folder, name, card)
    return card


def largest(name: str) -> int | None:
    """Bytes that a file of a release has at most, by its name in the folder; None for one that there cannot be."""
    if name == CARD:
        return LARGEST_CARD
    place, _, rest = name.rpartition("/")
    if place == MODEL and rest in store.NAMES:
        return store.LARGEST[Path(rest).suffix]
    return LARGEST.get(name) if not place else None


def _card(folder: Path, trust: Trust) -> tuple[bytes, Card]:
    data = files.read_bounded(folder / CARD, LARGEST_CARD)
    found = hashlib.sha256(data).hexdigest()
    if ID.fullmatch(folder.name) and folder.name != found:
        raise refused(str(folder / CARD), f"has the sha256 {found[:SHORT]}..., which is not the release's id")
    return data, Card.parsed(data, trust)


def part(folder: Path, name: str, card: Card) -> bytes:
    """The content of one file of a release, held to what its card tells of it.

    Raises:
        StorageError: it is missing, damaged or no file of a release.
    """
    most = largest(name)
    if most is None:
        raise refused(CARD, f"tells of {name!r}, which is no file of a release")
    data = files.read_bounded(folder / name, most)
    if hashlib.sha256(data).hexdigest() != card.files.get(name):
        raise refused(str(folder / name), f"does not have the sha256 that {CARD} tells of")
    return data


def listed(folder: Path) -> set[str]:
    """Names of all files in the folder of a release, those of the model with theirs before them.

    Raises:
        StorageError: a link, a file that no release has, or no card.
    """
    try:
        found = set(_names(folder, ""))
    except OSError as error:
        raise StorageError(f"{folder} could not be read: {error.strerror}. Name the folder of a release.") from error
    if CARD not in found:
        raise refused(str(folder), f"has no {CARD}, so it is no release, or one whose making was stopped")
    return found


def _names(folder: Path, before: str) -> Iterator[str]:
    if folder.is_symlink():
        raise refused(str(folder), "is a link")
    for entry in os.scandir(folder):
        name = f"{before}{entry.name}"
        if name == MODEL and entry.is_dir(follow_symlinks=False):
            yield from _names(folder / MODEL, f"{MODEL}/")
        elif largest(name) is not None and entry.is_file(follow_symlinks=False):
            yield name
        else:
            raise refused(str(folder), f"holds {name!r}, which is no file of a release")


def _require_told(card: Card, exported: Exported) -> None:
    told = {
        "content_id": (card.content_id, exported.content_id),
        "columns": (card.columns, exported.columns),
        "symbols": (card.symbols, symbols_of(exported)),
        "schema_hash": (card.schema_hash, schema_hash(exported)),
    }
    for name, (says, found) in told.items():
        if says != found:
            raise refused(CARD, f"says of {name} {str(says)[:80]!r}, the model beside it has {str(found)[:80]!r}")
