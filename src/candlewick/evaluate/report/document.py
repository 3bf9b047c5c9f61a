"""The page: sections in reading order, and everything it needs inside one file."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from candlewick.core.clock import iso
from candlewick.evaluate.report import series
from candlewick.evaluate.report.calibration import calibration
from candlewick.evaluate.report.comparison import comparison as compared
from candlewick.evaluate.report.folds import folds
from candlewick.evaluate.report.forecast import against_truth
from candlewick.evaluate.report.markup import Markup, element, joined
from candlewick.evaluate.report.material import Material
from candlewick.evaluate.report.metrics import metric_table
from candlewick.evaluate.report.provenance import leak_checks, notes, origin
from candlewick.evaluate.report.serving import serving
from candlewick.evaluate.report.setting import day, setting
from candlewick.evaluate.report.stability import stability
from candlewick.evaluate.report.trading import equity
from candlewick.evaluate.report.training import gradient_flow, training
from candlewick.evaluate.report.verdicts import against_baselines, overfitting, verdicts

if TYPE_CHECKING:
    import polars as pl


def page(
    record: Mapping[str, Any], experiment: Mapping[str, Any], forecasts: "pl.DataFrame",
    tracks: "pl.DataFrame | None" = None, *, classes: Sequence[str] = (), comparison: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """A finished run as one HTML file that asks nothing of any network.

    `record` and `experiment` are what `run.json` and `experiment.json` hold, the frames what the run's Parquet files
    hold; `classes` names the label's classes in order; `comparison` is a `Comparison` as plain data.
    """
    material = Material(record, experiment, forecasts, tracks, classes)
    means = {model: series.averaged(forecasts, model) for model in material.models}
    instruments = record["data"]["instruments"]
    about = f"{material.main} on {_named([one['symbol'] for one in instruments])}, {day(iso(record['started']))}"
    return _document(
        record["title"],
        about,
        verdicts(record["verdicts"]),
        {
            "Comparison": compared(comparison, metrics=False) if comparison else "",
            "What was run": setting(material),
            "Metrics": _metrics(material),
            "Forecast against truth": against_truth(material, means),
            "Equity and drawdown": equity(material),
            "Calibration": calibration(material, means),
            "Training": training(material),
            "Stability and resources": stability(record),
            "Ready to serve": serving(record.get("export", {})),
            "Gradient flow": gradient_flow(record.get("gradient_flow", ())),
            "Folds": folds(record["data"]["folds"], forecasts),
            "Against the baselines": against_baselines(record["verdicts"]["forecast"], record["loss"]),
            "Leak checks": leak_checks(record["leaks"]),
            "Notes on the data": notes(record["data"]["notes"]),
            "Where this comes from": origin(record),
        },
    )


def comparison_page(comparison: Mapping[str, Any]) -> str:
    """A comparison of several runs as one HTML file; each run has a report of its own."""
    runs = element("ul", [element("li", run) for run in comparison["runs"]])
    return _document(
        f"Comparison of {_named(comparison['names'])}", "the same data, label, folds, seeds and costs", "",
        {"Comparison": compared(comparison, metrics=True), "Runs": runs},
    )  # fmt: skip


def _metrics(material: Material) -> Markup:
    record = material.record
    trivial = list(material.trivial)
    note = (
        "A score is the mean over seeds; below it the 95 % block-bootstrap interval, then the standard deviation over "
        "seeds and over folds. Bold is the best of a column, which is no proof that it is better."
    )
    parts = [
        element("p", note, class_="note"),
        metric_table(record["metrics"], title="Forecast, out of sample", first=record["loss"],
                     main=material.main, trivial=trivial),
    ]  # fmt: skip
    if record.get("trading"):
        year = f"{record['bars_per_year']:,.0f} bars a year"
        title = f"Trading, net of costs, annualised with {year}"
        parts.append(metric_table(record["trading"], title=title, main=material.main, trivial=trivial))
    if record.get("overfitting"):
        parts.append(overfitting(record["overfitting"]))
    return joined(parts)


def _document(title: str, about: str, top: str, sections: Mapping[str, str]) -> str:
    shown = {name: body for name, body in sections.items() if body}
    scripts = _plotly(), _asset("charts.js")
    # Scripts are allowed by their hashes alone: one that came in with a title or a symbol would not run.
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    policy = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:"
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        element("title", f"{title} · candlewick"),
        Markup(f"<style>{_asset('style.css')}</style>"),
    )
    body = element(
        "body",
        element(
            "header", element("p", "candlewick report", class_="kicker"), element("h1", title), element("p", about)
        ),
        element("main", top, _contents(shown), [_section(name, body) for name, body in shown.items()]),
        Markup("<noscript><p>The charts need JavaScript; every table is complete without it.</p></noscript>"),
        *(Markup(f"<script>{script}</script>") for script in scripts),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _contents(titles: Iterable[str]) -> Markup:
    return element("nav", [element("a", title, href=f"#{_anchor(title)}") for title in titles], aria_label="Contents")


def _section(title: str, body: str) -> Markup:
    return element("section", element("h2", title), body, id=_anchor(title))


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _named(names: Sequence[str], shown: int = 4) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")


def _asset(name: str) -> str:
    return (files("candlewick.evaluate.report") / name).read_text(encoding="utf-8")
