"""The verdicts' sentences, forecast and trading apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from candlewick.evaluate.report.markup import Markup, element, joined, number, table, words

_OUTCOMES = {
    "ahead": ("good", "ahead of its benchmark"),
    "behind": ("bad", "behind its benchmark"),
    "undecided": ("open", "undecided"),
}


def verdicts(verdicts: Mapping[str, Any]) -> Markup:
    """One card a verdict."""
    forecast, trading = verdicts["forecast"], verdicts.get("trading")
    cards = [_forecast(forecast)]
    if trading is not None:
        tone, outcome = _OUTCOMES[trading["outcome"]]
        cards.append(_card("Trading verdict", [(tone, outcome)], trading["sentences"]))
    return element("div", cards, class_="verdicts")


def against_baselines(verdict: Mapping[str, Any], loss: str) -> Markup:
    """Mean losses of the models and the p-value of each against every trivial baseline."""
    trivial = list(verdict["trivial"])
    head = ["model", f"mean loss ({words(loss)}, lower is better)", *(f"p against {name}" for name in trivial)]
    rows = [
        [model["name"], number(model["loss"]), *(number(model["p"].get(name), digits=2) for name in trivial)]
        for model in verdict["models"]
    ]
    rows += [[name, number(value), *("–" for _ in trivial)] for name, value in verdict["trivial"].items()]
    note = (
        "One-sided p-values of being below the baseline in mean loss (SPA, stationary bootstrap, all models allowed "
        f"for), over {verdict['rows']:,} times."
    )
    return joined(table(head, rows, title="Losses against the trivial baselines"), element("p", note, class_="note"))


def overfitting(found: Mapping[str, Any]) -> Markup:
    """What choosing among the models by their back-tests is worth, as a note."""
    return element(
        "p", "Probability of back-test overfitting: ", number(found["probability"], "share"),
        f" of {found['cuts']:,} cuts of the bars into halves put the model that was best in one half at or below the "
        "median in the other; it lost money there in ", number(found["loss"], "share"), ".", class_="note",
    )  # fmt: skip


def _forecast(verdict: Mapping[str, Any]) -> Markup:
    tone, outcome = ("good", "passes") if verdict["passed"] else ("bad", "fails")
    worth = verdict["worth"]
    beside: list[tuple[str, str]] = []
    if worth is not None:
        shown = f"better than {worth['simple']}" if worth["below"] else f"not better than {worth['simple']}"
        beside = [("good" if worth["below"] else "open", f"{verdict['main']}: {shown}")]
    return _card("Forecast verdict", [(tone, outcome), *beside], verdict["sentences"])


def _card(title: str, badges: Sequence[tuple[str, str]], sentences: Sequence[str]) -> Markup:
    said = [joined(" ", element("span", text, class_=f"badge {tone}")) for tone, text in badges]
    first, *rest = sentences
    return element(
        "article", element("h2", title, said), element("p", first, class_="first"),
        [element("p", line) for line in rest], class_=f"verdict {badges[0][0]}",
    )  # fmt: skip
