"""Families: the folder is the registry, and a user's own file is as good as a packaged one."""

import sys
from pathlib import Path

import pytest

from candlewick.core.errors import ConfigError
from candlewick.core.registry import Family
from candlewick.core.spec import Spec

BASE = "from candlewick.core.spec import Spec\n\n\nclass {base}(Spec):\n    pass\n"
MEMBER = '"""{summary}\n\nMore."""\nfrom zoo._base import Animal\n\n\nclass {name}(Animal):\n    legs: int = {legs}\n'


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family[Spec]:
    """A family in a package of its own, with two members."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "_base.py").write_text(BASE.format(base="Animal"))
    (folder / "cat.py").write_text(MEMBER.format(summary="A cat.", name="Cat", legs=4))
    (folder / "hen.py").write_text(MEMBER.format(summary="A hen.", name="Hen", legs=2))
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo"]:
        monkeypatch.delitem(sys.modules, name)
    from zoo._base import Animal  # type: ignore[import-not-found]

    return Family("zoo", Animal)


def test_a_file_added_to_the_folder_is_a_member_with_nothing_else_edited(zoo: Family[Spec], tmp_path: Path) -> None:
    assert zoo.summaries() == {"cat": "A cat.", "hen": "A hen."}
    (tmp_path / "zoo" / "newt.py").write_text(MEMBER.format(summary="A newt.", name="Newt", legs=4))
    assert zoo.names() == ("cat", "hen", "newt")
    assert zoo.build("newt").to_dict() == {"name": "newt", "legs": 4}


def test_listing_a_family_imports_no_member(zoo: Family[Spec], tmp_path: Path) -> None:
    (tmp_path / "zoo" / "bomb.py").write_text('"""A bomb."""\nraise RuntimeError("imported")\n')
    assert zoo.summaries()["bomb"] == "A bomb."


def test_a_spec_survives_its_plain_data(zoo: Family[Spec]) -> None:
    spec = zoo.build({"name": "cat", "legs": 3})
    assert zoo.build(spec.to_dict()) == spec
    assert zoo.build(spec) is spec


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("cta", r"no member of zoo is called 'cta'\. Did you mean 'cat'\? There are: cat, hen"),
        ({"legs": 4}, "needs a name"),
        ({"name": "cat", "legz": 4}, r"zoo\.cat\.legz: unknown key\. Did you mean 'legs'"),
        ({"name": "cat", "legs": "many"}, r"zoo\.cat\.legs: .*was 'many'"),
        (4, "needs a name"),
        ("absent.py:Cat", "does not exist"),
        ("_base", "no member"),
    ],
)
def test_what_cannot_be_built_is_told_with_the_remedy(zoo: Family[Spec], entry: object, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        zoo.build(entry)  # type: ignore[arg-type]


def test_a_file_must_hold_exactly_one_public_member(zoo: Family[Spec], tmp_path: Path) -> None:
    two = MEMBER.format(summary="Two.", name="A", legs=1) + "\n\nclass B(Animal):\n    pass\n"
    (tmp_path / "zoo" / "two.py").write_text(two)
    (tmp_path / "zoo" / "none.py").write_text(
        '"""Only a private one and one from elsewhere."""\nfrom zoo.cat import Cat\n'
    )
    with pytest.raises(ConfigError, match="exactly one public Animal, found A, B"):
        zoo.build("two")
    with pytest.raises(ConfigError, match="exactly one public Animal, found none"):
        zoo.build("none")


def test_a_users_file_may_hold_several_when_the_class_is_named(zoo: Family[Spec], tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(MEMBER.format(summary="Mine.", name="Fox", legs=4) + "\n\nclass Owl(Animal):\n    legs: int = 2\n")
    owl = zoo.build({"name": f"{mine}:Owl"})
    assert owl.to_dict() == {"name": f"{mine}:Owl", "legs": 2}
    assert zoo.build(owl.to_dict()) == owl
    with pytest.raises(ConfigError, match="called Cow, found none"):
        zoo.build(f"{mine}:Cow")


def test_an_edited_users_file_is_read_again_and_is_another_trial(zoo: Family[Spec], tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(MEMBER.format(summary="Mine.", name="Fox", legs=4))
    before = zoo.build(f"{mine}:Fox")
    mine.write_text(MEMBER.format(summary="Mine.", name="Fox", legs=3))
    after = zoo.build(f"{mine}:Fox")
    assert (before.legs, after.legs) == (4, 3)  # type: ignore[attr-defined]
    assert before.content_id != after.content_id


def test_two_files_with_the_same_name_and_content_stay_apart(zoo: Family[Spec], tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(MEMBER.format(summary="Mine.", name="Fox", legs=4))
    first, second = (zoo.build(f"{tmp_path}/{name}/mine.py:Fox") for name in ("a", "b"))
    assert first.to_dict()["name"] == f"{tmp_path}/a/mine.py:Fox"
    assert second.to_dict()["name"] == f"{tmp_path}/b/mine.py:Fox"


def test_a_users_file_that_does_not_load_is_a_config_error(zoo: Family[Spec], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import no_such_module_at_all\n")
    for _ in range(2):  # a failed load leaves nothing behind that would look like a module
        with pytest.raises(ConfigError, match="could not be loaded: ModuleNotFoundError"):
            zoo.build(f"{tmp_path}/mine.py")
