"""Where the figures come from: leak checks, notes on the data, fits, versions and the ledger."""

from collections.abc import Mapping, Sequence
from typing import Any

from candlewick.core.clock import iso
from candlewick.evaluate.report.markup import Content, Markup, element, joined, number, table


def leak_checks(checks: Sequence[Mapping[str, Any]]) -> Markup:
    """One row a check."""
    rows: list[list[Content]] = [
        [check["name"], _outcome(check["passed"]), element("span", check["message"], class_="said")] for check in checks
    ]
    return table(["check", "outcome", "what was looked at"], rows, title="Leak checks of this run", of="words")


def notes(lines: Sequence[str]) -> Markup:
    """What was understood of the data and what was lost on the way."""
    return element("ul", [element("li", note) for note in lines]) if lines else Markup("")


def origin(record: Mapping[str, Any]) -> Markup:
    """Identity, time, machine, versions and the ledger of trials."""
    machine, trials = record["machine"], record["trials"]
    ledger = f"{trials['count']} trials of this data have been made in all"
    if not trials["intact"]:
        ledger += "; the ledger is broken or was deleted, so there were more, perhaps many"
    facts = {
        "Started": iso(record["started"] // 10**9 * 10**9),
        "Took": joined(number(record["seconds"], "s"), f", {len(record['units'])} fits"),
        "Ledger": ledger,
        "Experiment": element("code", record["experiment"]),
        "Data hash": element("code", record["data"]["hash"]),
        "Machine": f"{machine['system']} {machine['processor']}, {machine['cores']} cores",
        "Versions": ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
    }
    said = [[element("dt", name), element("dd", value)] for name, value in facts.items()]
    return joined(element("dl", said, class_="facts"), _fits(record["units"]))


def _fits(units: Sequence[Mapping[str, Any]]) -> Markup:
    head = [
        "model",
        "fold",
        "seed",
        "training rows",
        "best epoch",
        "epochs",
        "stopped by",
        "seconds",
        "device",
        "precision",
    ]
    rows: list[list[Content]] = [
        [
            unit["model"], number(unit["fold"]), number(unit["seed"]), number(unit["train_rows"]),
            number(unit["best_epoch"]) if unit.get("curve") else "–",
            number(len(unit["curve"])) if unit.get("curve") else "–",
            unit.get("stopped", "–"), number(unit["seconds"]), unit.get("device", "–"), unit.get("precision", "–"),
        ]
        for unit in units
    ]  # fmt: skip
    whole = table(head, rows, title="Every fit")
    return element("details", element("summary", f"All {len(units)} fits"), whole)


def _outcome(passed: bool) -> Markup:
    return element("span", "passed" if passed else "failed", class_=f"badge {'good' if passed else 'bad'}")
