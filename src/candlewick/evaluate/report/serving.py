"""What was exported, which precisions may serve, and how near the exported model is to the fitted one."""

from collections.abc import Mapping
from typing import Any

from candlewick.evaluate.report.markup import Content, Markup, breakable, element, joined, number, table


def serving(exports: Mapping[str, Any]) -> Markup:
    """One row a model, then a sentence for every precision that was judged; empty for a run that exported nothing."""
    made = {model: told for model, told in exports.items() if told["folder"]}
    said = [f"{model} is not exported: {told['refused']}" for model, told in exports.items() if not told["folder"]]
    for model, told in made.items():
        judged = sorted(told["precisions"].items(), key=lambda item: item[1]["allowed"])
        said += [
            f"{model} in {precision} {'may serve' if one['allowed'] else 'is refused'}: {one['reason']}."
            for precision, one in judged
        ]
    head: list[Content] = [
        "model", "folder", "reference run by", "forecasts",
        ["from the fitted model", element("small", "the head's raw units")],
        ["from the run's forecasts", element("small", "the label's scale")],
    ]  # fmt: skip
    rows: list[list[Content]] = [
        [
            breakable(model), element("code", breakable(told["folder"])),
            f"{told['setting']['kernel']} {told['setting']['precision']}", number(told["forecasts"]),
            number(told["difference_to_model"], digits=2), number(told["difference_to_run"], digits=2),
        ]
        for model, told in made.items()
    ]  # fmt: skip
    title = "Exported models, and the largest differences of their forecasts"
    notes = element("ul", [element("li", line) for line in said]) if said else None
    return joined(table(head, rows, title=title) if rows else None, notes)
