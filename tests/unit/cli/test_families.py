"""Lists of what there is: complete, one line each, and the same for people and programs."""

import json

import pytest

from candlewick.cli.families import FAMILIES, family
from candlewick.cli.main import call


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_listed_with_one_line_a_member(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call([name]) == 0
    people = capsys.readouterr().out
    assert call([name, "--json"]) == 0
    programs = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in programs] == list(family(name).names())
    for entry in programs:
        assert entry["name"] in people
        assert entry["summary"].endswith(".")


@pytest.mark.parametrize(("name", "member"), [(name, member) for name in FAMILIES for member in family(name).names()])
def test_every_member_can_be_read_about_and_its_parameters_say_what_they_mean(
    name: str, member: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([name, member, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == member
    assert set(family(name).member(member).model_fields) == {entry["name"] for entry in told["parameters"]}
    silent = [entry["name"] for entry in told["parameters"] if not entry["meaning"]]
    assert silent == [], "give the Field a description"


def test_a_members_page_shows_its_documentation_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["features", "rsi"]) == 0
    text = capsys.readouterr().out
    assert "Wilder" in text
    assert "14" in text


def test_a_misspelt_member_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["features", "rsii"]) == 2
    assert "Did you mean 'rsi'" in capsys.readouterr().err
