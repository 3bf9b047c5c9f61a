"""Lists of every family, and one member in full: its documentation and its parameters."""

import importlib
import inspect
from collections.abc import Callable
from typing import Annotated, Any

from cyclopts import Parameter

from candlewick.cli.show import Show, table
from candlewick.core.registry import Family

FAMILIES = {
    "features": "candlewick.features:FEATURES",
    "labels": "candlewick.labels:LABELS",
    "models": "candlewick.models:MODELS",
    "scalers": "candlewick.samples.scalers:SCALERS",
    "splits": "candlewick.samples.splits:SPLITS",
    "losses": "candlewick.train.losses:LOSSES",
    "metrics": "candlewick.evaluate.metrics:METRICS",
    "policies": "candlewick.evaluate.policies:POLICIES",
    "sources": "candlewick.data.sources:SOURCES",
    "feeds": "candlewick.serve.feeds:FEEDS",
    "markets": "candlewick.data.synthetic:MARKETS",
}


def family(name: str) -> Family[Any]:
    """The family that the command `name` lists."""
    module, _, attribute = FAMILIES[name].partition(":")
    found: Family[Any] = getattr(importlib.import_module(module), attribute)
    return found


def _command(name: str) -> Callable[..., None]:
    def command(
        member: Annotated[str | None, Parameter(help="A member, or your_file.py:Class, to read about in full.")] = None,
        /,
        *,
        show: Show = Show(),  # noqa: B008 (frozen)
    ) -> None:
        if member is None:
            _list(family(name), show)
        else:
            _tell(family(name), member, show)

    return command


features, labels, models = _command("features"), _command("labels"), _command("models")
scalers, splits, losses = _command("scalers"), _command("splits"), _command("losses")
metrics, policies = _command("metrics"), _command("policies")
sources, feeds, markets = _command("sources"), _command("feeds"), _command("markets")


def _list(members: Family[Any], show: Show) -> None:
    summaries = members.summaries()
    if not show.data([{"name": name, "summary": text} for name, text in summaries.items()]):
        table((members.title, ""), summaries.items())


def _tell(members: Family[Any], name: str, show: Show) -> None:
    spec = members.member(name)
    texts = (inspect.getdoc(inspect.getmodule(spec)), inspect.cleandoc(spec.__dict__.get("__doc__") or ""))
    parameters = [_parameter(key, value) for key, value in spec.model_json_schema().get("properties", {}).items()]
    text = "\n\n".join(filter(None, texts))
    if show.data({"name": spec.spec_name(), "doc": text, "parameters": parameters}):
        return
    print(text + "\n")
    if parameters:
        table(("parameter", "type", "default", "meaning"), [list(entry.values()) for entry in parameters])


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    default = schema.get("default", "required")
    return {
        "name": name,
        "type": _type(schema),
        "default": "null" if default is None else default,
        "meaning": schema.get("description", ""),
    }


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(_type(option) for option in schema["anyOf"])
    return str(schema.get("type") or schema.get("const") or schema.get("$ref", "any").rpartition("/")[2])
