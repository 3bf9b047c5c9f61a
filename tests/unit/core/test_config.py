"""What people type into experiments and on the command line, and what they are told when it cannot be meant."""

from pathlib import Path

import pytest
from pydantic import Field

from candlewick.core import config
from candlewick.core.errors import ConfigError
from candlewick.core.spec import Spec


class Inner(Spec):
    learning_rate: float = Field(1e-3, gt=0)
    epochs: int = Field(10, ge=1)


class Outer(Spec):
    train: Inner = Inner()
    seeds: tuple[int, ...] = (0,)


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.e-4", "+.1e-3", "0.0001"])
def test_a_learning_rate_in_exponent_notation_is_a_number(text: str) -> None:
    assert config.parse_yaml(f"rate: {text}", "here") == {"rate": pytest.approx(1e-4)}


def test_text_that_only_looks_like_a_number_stays_text() -> None:
    assert config.parse_yaml("symbol: 1e", "here") == {"symbol": "1e"}


@pytest.mark.parametrize("text", ["a: 1\na: 2", "x:\n  a: 1\n  a: 1", "[{a: 1, a: 2}]"])
def test_a_key_that_stands_twice_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ConfigError, match=r"'a' stands twice.*line"):
        config.parse_yaml(text, "here")


@pytest.mark.parametrize("text", ["a: [1", "a: !!python/object:os.system {}", "? [1, 2]\n: 3", "? {a: 1}\n: 3", "\x00"])
def test_what_is_not_plain_yaml_is_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        config.parse_yaml(text, "here")


def test_an_unknown_key_names_the_nearest_right_one() -> None:
    with pytest.raises(
        ConfigError, match=r"experiment\.train\.learning_rat: unknown key\. Did you mean 'learning_rate'"
    ):
        config.validated(Outer, {"train": {"learning_rat": 1}}, where="experiment")


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        config.validated(Outer, {"train": {"epochs": 0, "learning_rate": "fast"}, "sedes": 1}, where="experiment")
    message = str(caught.value)
    assert "epochs" in message
    assert "was 0" in message
    assert "'fast'" in message
    assert "Did you mean 'seeds'" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_must_be_finite(value: float) -> None:
    with pytest.raises(ConfigError, match="finite"):
        config.validated(Outer, {"train": {"learning_rate": value}}, where="experiment")


def test_overrides_reach_into_mappings_lists_and_bare_names(tmp_path: Path) -> None:
    path = written(
        tmp_path / "e.yaml", "train: {learning_rate: 1}\nfeatures: [rsi, {name: ema, length: 3}]\nmodel: har"
    )
    overrides = [
        "train.learning_rate=1e-4",
        "features.0.length=5",
        "features.1.length=7",
        "model.ridge=2",
        "seeds=[1, 2]",
    ]
    assert config.load(path, overrides) == {
        "train": {"learning_rate": 1e-4},
        "features": [{"name": "rsi", "length": 5}, {"name": "ema", "length": 7}],
        "model": {"name": "har", "ridge": 2},
        "seeds": [1, 2],
    }


def test_an_override_can_replace_a_whole_list_item_and_add_a_branch(tmp_path: Path) -> None:
    path = written(tmp_path / "e.yaml", "features: [rsi, ema]")
    assert config.load(path, ["features.1=log_return", "train.clip=null"]) == {
        "features": ["rsi", "log_return"],
        "train": {"clip": None},
    }


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("learning_rate", "key=value"),
        ("=3", "key=value"),
        ("features.2.length=1", "index below 2"),
        ("features.-1=rsi", "index below 2"),
        ("seed.x=1", "which has no keys"),
        ("a=[1", "not valid YAML"),
    ],
)
def test_an_override_that_reaches_nothing_is_refused(tmp_path: Path, override: str, told: str) -> None:
    path = written(tmp_path / "e.yaml", "features: [rsi, ema]\nseed: 3")
    with pytest.raises(ConfigError, match=told):
        config.load(path, [override])


def test_overriding_leaves_the_given_data_as_it_was() -> None:
    data = {"train": {"clip": 1.0}}
    assert config.override(data, ["train.clip=2"]) == {"train": {"clip": 2}}
    assert data == {"train": {"clip": 1.0}}


def test_a_group_is_filled_in_by_name_and_may_then_be_overridden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CONFIGS", tmp_path)
    (tmp_path / "model").mkdir()
    written(tmp_path / "model" / "lstm5.yaml", "{name: lstm, layers: 5}")
    written(tmp_path / "model" / "lstm3.yaml", "{name: lstm, layers: 3}")
    written(tmp_path / "quick.yaml", "model: lstm5")
    assert config.load("quick") == {"model": {"name": "lstm", "layers": 5}}
    assert config.load("quick", ["model=lstm3", "model.hidden=8"]) == {
        "model": {"name": "lstm", "layers": 3, "hidden": 8}
    }
    assert config.group_names("model") == ("lstm3", "lstm5")


def test_a_misspelt_experiment_names_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CONFIGS", tmp_path)
    written(tmp_path / "quickstart.yaml", "{}")
    with pytest.raises(ConfigError, match=r"Did you mean 'quickstart'\? Packaged: quickstart"):
        config.load("quikstart")


@pytest.mark.parametrize("content", [b"- 1\n- 2\n", b"", b"\xff\xfe\x00broken"])
def test_a_file_that_is_no_experiment_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "e.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"e\.yaml"):
        config.load(str(tmp_path / "e.yaml"))


def test_a_folder_is_not_an_experiment(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no experiment or file"):
        config.load(str(tmp_path))
