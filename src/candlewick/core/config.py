"""Experiments as YAML: load by name or path, fill groups, apply dotted overrides, validate."""

import copy
import difflib
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from candlewick.core.errors import ConfigError

M = TypeVar("M", bound=BaseModel)
CONFIGS = Path(__file__).resolve().parent.parent / "configs"


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml ships no types
    pass


def _mapping_without_duplicates(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise ConfigError(f"a key must be a plain word, was {key!r}, {key_node.start_mark}.")
        if key in seen:
            raise ConfigError(f"the key {key!r} stands twice, {key_node.start_mark}. Keep one.")
        seen.add(key)
    return dict(loader.construct_pairs(node, deep=True))


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_duplicates)
# YAML 1.1 reads 1e-4 as text; a learning rate must not.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)


def parse_yaml(text: str, where: str) -> Any:
    """YAML, safely loaded: duplicate keys are refused and `1e-4` is a number.

    >>> parse_yaml("rate: 1e-4", "here")
    {'rate': 0.0001}
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is not valid YAML: {error}") from error


def experiment_names() -> tuple[str, ...]:
    """Experiments that ship with the package."""
    return tuple(sorted(path.stem for path in CONFIGS.glob("*.yaml")))


def load(name_or_path: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """An experiment as plain data: the file, its groups filled in, then the overrides.

    A group is a key whose value names a file of `configs/KEY/`: `model: lstm5`. An override is
    `key.key=value`; `model=lstm5` switches the group, `features.0.length=5` reaches into a list.

    Raises:
        ConfigError: no such experiment, malformed YAML, or an override that reaches nothing.
    """
    path = Path(name_or_path)
    if name_or_path in experiment_names():
        path = CONFIGS / f"{name_or_path}.yaml"
    elif not path.is_file():
        near = difflib.get_close_matches(name_or_path, experiment_names(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"no experiment or file is called {name_or_path!r}.{hint} Packaged: {', '.join(experiment_names())}."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} could not be read as text: {error}.") from error
    data = parse_yaml(text, str(path))
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold a mapping of keys, was {type(data).__name__}.")
    return override(data, overrides)


def override(data: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """`data` with whole keys replaced, then groups filled in, then dotted overrides set; `data` is left as it was."""
    pairs = [_parse_override(text) for text in overrides]
    whole = {keys[0]: value for keys, value in pairs if len(keys) == 1}
    data = {key: _fill_group(key, value) for key, value in {**copy.deepcopy(dict(data)), **whole}.items()}
    for keys, value in pairs:
        if len(keys) > 1:
            _set(data, keys, value)
    return data


def group_names(key: str) -> tuple[str, ...]:
    """What `configs/KEY/` holds."""
    return tuple(sorted(path.stem for path in (CONFIGS / key).glob("*.yaml")))


def group(key: str, name: str) -> Any:
    """The packaged group `configs/KEY/NAME.yaml` as plain data."""
    return parse_yaml((CONFIGS / key / f"{name}.yaml").read_text(encoding="utf-8"), f"{key}/{name}.yaml")


def _fill_group(key: str, value: Any) -> Any:
    return group(key, value) if isinstance(value, str) and value in group_names(key) else value


def _groups_hint(loc: Sequence[str | int], value: Any) -> str:
    names = group_names(str(loc[0])) if len(loc) == 1 and isinstance(value, str) else ()
    near = difflib.get_close_matches(str(value), names, n=1)
    return (f" Did you mean {near[0]!r}?" if near else "") + (f" Packaged: {', '.join(names)}." if names else "")


def _parse_override(text: str) -> tuple[list[str], Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"an override reads key=value, was {text!r}. For example train.learning_rate=1e-4.")
    return name.split("."), parse_yaml(value, f"override {text!r}")


def _set(data: Any, keys: Sequence[str], value: Any) -> None:
    for depth, key in enumerate(keys[:-1]):
        data = _enter(data, key, ".".join(keys[: depth + 1]))
    if isinstance(data, list):
        data[_index(data, keys[-1], ".".join(keys))] = value
    else:
        data[keys[-1]] = value


def _enter(data: Any, key: str, where: str) -> Any:
    place: Any = _index(data, key, where) if isinstance(data, list) else key
    inner = data[place] if isinstance(data, list) else data.setdefault(key, {})
    if isinstance(inner, str):  # a bare name means the member with its defaults
        inner = data[place] = {"name": inner}
    if not isinstance(inner, dict | list):
        raise ConfigError(f"override {where} reaches into {inner!r}, which has no keys.")
    return inner


def _index(data: list[Any], key: str, where: str) -> int:
    if not key.isdigit() or int(key) >= len(data):
        raise ConfigError(f"override {where}: a list of {len(data)} needs an index below {len(data)}, was {key!r}.")
    return int(key)


def validated(spec: type[M], data: Mapping[str, Any], *, where: str) -> M:
    """`data` as a `spec`, or one error that lists everything wrong with it.

    Raises:
        ConfigError: unknown keys (with the nearest right one), wrong types, values out of range.
    """
    try:
        return spec.model_validate(dict(data))
    except ValidationError as error:
        lines = [_explain(spec, item, where) for item in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _explain(spec: type[BaseModel], item: Mapping[str, Any], where: str) -> str:
    path = ".".join([where, *(str(part) for part in item["loc"])])
    if item["type"] != "extra_forbidden":
        came = f", was {item['input']!r}" if not isinstance(item["input"], dict) else ""
        said = item["msg"].removeprefix("Value error, ").removesuffix(".")
        return f"{path}: {said}{came}." + _groups_hint(item["loc"], item["input"])
    allowed = sorted(_fields_at(spec, item["loc"][:-1]))
    near = difflib.get_close_matches(str(item["loc"][-1]), allowed, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{path}: unknown key.{hint} Allowed: {', '.join(allowed) or 'no parameters'}."


def _fields_at(spec: type[BaseModel], loc: Sequence[str | int]) -> set[str]:
    for part in loc:
        field = spec.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return set()
        spec = field.annotation
    return set(spec.model_fields)
