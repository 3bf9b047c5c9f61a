"""What was run: data, label, models, folds, seeds and costs in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any

from candlewick.evaluate.costs import REPEATED_OPENS_LIMIT
from candlewick.evaluate.report.markup import Markup, element, joined, words
from candlewick.evaluate.report.material import Material

_SHOWN_INSTRUMENTS = 6


def setting(material: Material) -> Markup:
    """A list of what decides the run."""
    experiment, record = material.experiment, material.record
    facts: dict[str, str | Markup | list[Markup]] = {
        "Data": _lines([_instrument(one) for one in record["data"]["instruments"]], "instruments"),
        "Out of sample": _tested(record["data"]["folds"]),
        "Label": told(experiment["label"]),
        "Features": joined(_lines([told(feature) for feature in experiment["features"]], "features", shown=99)),
        "Window": f"{experiment['length']} bars, scaler {told(experiment['scaler'])}",
        "Split": told(experiment["split"]),
        "Main model": told(experiment["model"]),
        "Other models": "; ".join(told(model) for model in (*experiment["rivals"], *experiment["baselines"])) or "none",
        "Trivial baselines": ", ".join(material.trivial),
        "Training": _recipe(experiment["train"]),
        "Seeds": ", ".join(str(seed) for seed in experiment["seeds"]),
    }
    if experiment.get("policy"):
        facts |= {"Policy": told(experiment["policy"]), "Costs": _costs(experiment["costs"])}
        facts["Fill"] = fill(record["fill"], experiment["costs"])
    return element("dl", [[element("dt", name), element("dd", said)] for name, said in _paired(facts)], class_="facts")


def told(spec: Mapping[str, Any]) -> str:
    """A member by name, with its settings.

    >>> told({"name": "log_return", "length": 5, "notes": None})
    'log_return (length 5)'
    """
    settings = [f"{words(key)} {_plain(value)}" for key, value in spec.items() if key != "name" and value is not None]
    return f"{spec['name']} ({', '.join(settings)})" if settings else str(spec["name"])


def fill(found: Mapping[str, Any], costs: Mapping[str, Any]) -> str:
    """Where orders are filled, and why there."""
    share = f"{found['repeated_opens']:.1%}".replace("%", " %")
    limit = f"{REPEATED_OPENS_LIMIT:.0%}".replace("%", " %")
    place = words(found["price"])
    if costs.get("fill", "auto") != "auto":
        return f"{place}, as configured ({share} of opens repeat the previous close)"
    if found["price"] == "next_close":
        return (
            f"{place}: {share} of opens repeat the previous close (limit {limit}), "
            "so filling at the open would be filling at the price that was decided on"
        )
    return f"{place}: {share} of opens repeat the previous close (limit {limit}), so the open is a price of its own"


def day(stamp: str) -> str:
    """The date of an ISO stamp."""
    return stamp.partition("T")[0]


def _tested(folds: Sequence[Mapping[str, Any]]) -> str:
    parts = [fold["test"] for fold in folds]
    first, last = min(part["first"] for part in parts), max(part["last"] for part in parts)
    return f"{day(first)} to {day(last)}, {sum(part['rows'] for part in parts):,} rows in {len(parts)} folds"


def _paired(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, said) for name, said in facts.items() if said]


def _instrument(one: Mapping[str, Any]) -> str:
    return f"{one['symbol']}: {one['bars']:,} bars of {one['interval']}, {day(one['first'])} to {day(one['last'])}"


def _lines(lines: list[str], what: str, shown: int = _SHOWN_INSTRUMENTS) -> list[Markup]:
    out = [element("div", text) for text in lines[:shown]]
    return out + [element("div", f"and {len(lines) - shown} more {what}")] * (len(lines) > shown)


def _recipe(recipe: Mapping[str, Any]) -> str:
    return told({"name": recipe["sampling"], **{key: value for key, value in recipe.items() if key != "sampling"}})


def _costs(costs: Mapping[str, Any]) -> str:
    total = costs["fee"] + costs["half_spread"] + costs["slippage"]
    said = (
        f"{total:g} basis points of traded notional (fee {costs['fee']:g}, half spread {costs['half_spread']:g}, "
        f"slippage {costs['slippage']:g})"
    )
    return said + (f"; borrowing {costs['financing']:.2%} a year" if costs.get("financing") else "")


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        name, *settings = value.items()
        return told({"name": name[1], **dict(settings)})
    if isinstance(value, list | tuple):
        return f"[{', '.join(_plain(part) for part in value)}]" if value else "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
