"""The verdicts' sentences, forecast and trading apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from candlewick.evaluate.report.markup import Markup, element, joined, number, span, table, words

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
        cards.append(_card("Trading verdict", tone, outcome, trading["sentences"]))
    return element("div", cards, class_="verdicts")


def against_baselines(verdict: Mapping[str, Any], loss: str) -> Markup:
    """Mean losses of the models and the p-value of each against every trivial baseline."""
    trivial = list(verdict["trivial"])
    head = ["model", f"mean loss ({words(loss)}, lower is better)", *(f"p against {name}" for name in trivial)]
    rows = [
        [model["name"], number(model["loss"]), *(number(model["p"].get(name)) for name in trivial)]
        for model in verdict["models"]
    ]
    rows += [[name, number(value), *("–" for _ in trivial)] for name, value in verdict["trivial"].items()]
    note = (
        "One-sided p-values of being below the baseline in mean loss (SPA, stationary bootstrap, all models allowed "
        f"for), over {verdict['rows']:,} times."
    )
    return joined(table(head, rows, title="Losses against the trivial baselines"), element("p", note, class_="note"))


def _forecast(verdict: Mapping[str, Any]) -> Markup:
    tone, outcome = ("good", "passes") if verdict["passed"] else ("bad", "fails")
    worth = verdict["worth"]
    beside: Markup | str = ""
    if worth is not None:
        gain = worth["gain"]
        said = "yes" if worth["below"] else "not shown"
        beside = element(
            "p",
            element("b", f"Worth its cost: {said}."),
            f" Loss of {worth['simple']} minus that of {verdict['main']}: ",
            number(gain["estimate"]),
            Markup(" (95&nbsp;% interval "), span(gain["low"], gain["high"]), "; above zero the main model is better).",
            class_="beside",
        )  # fmt: skip
    return _card("Forecast verdict", tone, outcome, verdict["sentences"], beside)


def _card(title: str, tone: str, outcome: str, sentences: Sequence[str], beside: Markup | str = "") -> Markup:
    heading = element("h2", title, " ", element("span", outcome, class_=f"badge {tone}"))
    first, *rest = sentences
    return element(
        "article", heading, element("p", first, class_="first"), [element("p", line) for line in rest], beside,
        class_=f"verdict {tone}",
    )  # fmt: skip
