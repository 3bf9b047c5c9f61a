"""Specs: equal when they say the same, and named by what they say."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from candlewick.core.spec import Spec, canonical_json, content_id


class Leaf(Spec):
    length: int = 3
    rate: float = 0.5


class Tree(Spec):
    leaf: Leaf = Leaf()
    leaves: tuple[Leaf, ...] = ()


def test_specs_that_say_the_same_are_equal_hash_alike_and_share_an_id() -> None:
    assert Leaf(length=3) == Leaf()
    assert hash(Leaf(length=3)) == hash(Leaf())
    assert Leaf(length=3).content_id == Leaf().content_id


@pytest.mark.parametrize(
    "other", [Tree(leaf=Leaf(length=4)), Tree(leaves=(Leaf(),)), Tree(leaf=Leaf(rate=0.5 + 1e-16 * 4))]
)
def test_any_difference_changes_the_id(other: Tree) -> None:
    assert other.content_id != Tree().content_id


def test_the_id_does_not_change_between_processes_and_releases() -> None:
    # Ledgers and run folders carry these ids: a change here would orphan every one of them.
    assert content_id({"b": 1, "a": [0.1, None, True]}) == "b8af1c91b730239d"


def test_a_spec_cannot_be_changed_or_given_what_it_does_not_know() -> None:
    with pytest.raises(ValidationError):
        Leaf().length = 4  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Leaf(lenght=4)  # type: ignore[call-arg]


def test_nan_has_no_canonical_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


def user_class(source: str, folder: Path) -> type[Leaf]:
    path = folder / "mine.py"
    path.write_text(source)
    return type("Mine", (Leaf,), {"source_file": str(path), "source_hash": content_id(source)})


def test_the_id_of_a_users_class_follows_its_source_and_not_its_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    here, there = user_class("v = 1", tmp_path / "a"), user_class("v = 1", tmp_path / "b")
    edited = user_class("v = 2", tmp_path / "b")
    assert here().content_id == there().content_id
    assert here().content_id != edited().content_id
    assert Tree(leaves=(here(),)).content_id != Tree(leaves=(edited(),)).content_id
    assert here().to_dict()["name"] == f"{tmp_path}/a/mine.py:Mine"
