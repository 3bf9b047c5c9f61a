"""The report says what the record says, keeps every text harmless, and stays small."""

import base64
import copy
import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from candlewick.data.bars import Panel
from candlewick.data.synthetic import MARKETS
from candlewick.evaluate.report import comparison_page, page, series
from candlewick.evaluate.report.markup import number
from candlewick.lab.compare import compare
from candlewick.lab.experiment import Experiment
from candlewick.lab.run import run
from candlewick.lab.runs import Run

pytestmark = pytest.mark.usefixtures("few_resamples")
HOSTILE = "</script><script>document.title='broken'</script><img src=x onerror=alert(1)>"
VOID = {"meta", "wbr"}


class Parsed(HTMLParser):
    """Tables as rows of cells (text, exact values), scripts by type, links, headings and the whole text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: dict[str, list[list[tuple[str, list[float]]]]] = {}
        self.scripts: list[tuple[str | None, str]] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.headings: list[str] = []
        self.text = self.policy = ""
        self.feed(html)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.links += [given[name] or "" for name in ("src", "href", "action") if name in given]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if tag == "script":
            self.scripts.append((given.get("type"), ""))
        elif tag == "h2":
            self.headings.append("")
        elif tag == "caption":
            self.rows: list[list[tuple[str, list[float]]]] = []
            self.caption = ""
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append(("", []))
        elif tag == "data":
            self.rows[-1][-1][1].append(float(given["value"] or "nan")) if "table" in self.open else None
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "table":
            self.tables[self.caption] = self.rows

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
            return
        if "style" not in self.open:
            self.text += data
        if "h2" in self.open:
            self.headings[-1] += data
        if "caption" in self.open:
            self.caption += data
        elif "tr" in self.open:
            text, values = self.rows[-1][-1]
            self.rows[-1][-1] = (text + data, values)

    def charts(self) -> list[list[dict[str, Any]]]:
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]

    def table(self, begins: str) -> list[list[tuple[str, list[float]]]]:
        return next(rows for caption, rows in self.tables.items() if caption.startswith(begins))


def experiment(**changes: Any) -> Experiment:
    volatility = {"name": "parkinson_volatility", "unit": "log_volatility"}
    base = {
        "title": "A trial",
        "data": {"name": "synthetic", "market": {"name": "clustered"}, "bars": 900, "seed": 1},
        "features": [{**volatility, "length": 1}, {"name": "log_return", "length": 1}],
        "label": {"name": "forward_volatility"},
        "length": 24,
        "split": {"name": "walk_forward", "n_folds": 2, "test": 0.4},
        "scaler": {"name": "standard"},
        "model": {"name": "lstm", "layers": 1, "hidden": 4, "dropout": 0.0},
        "baselines": ["linear"],
        "train": {"sampling": "streams", "epochs": 2, "batch": 4, "chunk": 32, "warmup": 32},
        "seeds": [0, 1],
        "policy": {"name": "volatility_target"},
    }
    return Experiment.of({**base, **changes})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLEWICK_HOME", str(folder / "home"))
        yield folder


@pytest.fixture(scope="module")
def variance(home: Path) -> Run:
    return run(experiment(), out=home / "variance", workers=1)


@pytest.fixture(scope="module")
def panel(home: Path) -> Run:
    market = MARKETS.build({"name": "clustered"})
    names = (HOSTILE, "B&C")
    bars = Panel(tuple(market.bars(700, seed, symbol=name) for seed, name in enumerate(names)))
    wanted = experiment(
        title=HOSTILE, label={"name": "forward_return"}, head={"head": "quantile"}, model="linear", baselines=[],
        policy={"name": "threshold"},
    )  # fmt: skip
    return run(wanted, data=bars, out=home / "panel", workers=1)


def parts(done: Run) -> dict[str, Any]:
    """What `page` is given."""
    return {
        "record": copy.deepcopy(done.record),
        "experiment": done.experiment.to_dict(),
        "forecasts": done.forecasts(),
        "tracks": done.tracks(),
        "classes": done.experiment.label.classes,
    }


def test_a_run_leaves_its_report_and_the_verdicts_come_first_word_for_word(variance: Run) -> None:
    text = Parsed(variance.report.read_text()).text
    places = [text.index(sentence) for sentence in variance.sentences]
    assert places == sorted(places)
    assert places[-1] < text.index("What was run")
    passed = variance.record["verdicts"]["forecast"]["passed"]
    assert f"Forecast verdict {'passes' if passed else 'fails'}" in text


@pytest.mark.parametrize(("key", "caption"), [("metrics", "Forecast"), ("trading", "Trading")])
def test_every_metric_of_every_model_stands_there_with_its_interval(variance: Run, key: str, caption: str) -> None:
    (head, *rows) = Parsed(variance.report.read_text()).table(caption)
    by_model = {row[0][0].removesuffix("main").removesuffix("trivial"): row for row in rows}
    assert set(by_model) == {row["model"] for row in variance.record[key]}
    columns = [cell[0] for cell in head]
    for row in variance.record[key]:
        name = words(row["metric"])
        column = next(k for k, title in enumerate(columns) if title.lower().startswith(name))
        text, values = by_model[row["model"]][column]
        if row["score"] is None:
            assert text == "not defined"
            continue
        ends = [row["interval"]["low"], row["interval"]["high"]]
        spread = [row["over_seeds"], row["over_folds"]]
        told = [row["score"], *(ends if None not in ends else []), *(part for part in spread if part is not None)]
        assert values == told
    if key == "metrics":
        assert columns[1].startswith("QLIKE"), "the loss comes first"


def words(metric: str) -> str:
    return metric.replace("_", " ")


def test_figures_carry_their_unit_and_what_is_not_defined_says_so() -> None:
    assert ">−12.3&nbsp;%<" in number(-0.12345, "share a year")
    assert ">4.38×10⁻⁵<" in number(4.379e-05, digits=3)
    assert ">85,953<" in number(85953)
    assert 'value="0.1"' in number(0.1)
    for nothing in (None, float("nan"), float("inf")):
        assert ">not defined<" in number(nothing)


def test_charts_hold_the_forecasts_and_the_equity_of_the_run(variance: Run) -> None:
    charts = {chart[0]["layout"]["yaxis"]["title"]["text"]: chart for chart in Parsed(variance.page()).charts()}
    own = variance.forecasts().filter(pl.col("model") == "lstm").select("t", "value").group_by("t").mean().sort("t")
    lines = {trace["name"]: trace for trace in charts["volatility, %"][0]["data"]}
    line = [value for value in lines["lstm"]["y"] if value is not None]
    np.testing.assert_allclose(line, 100 * np.sqrt(own["value"].to_numpy()), rtol=1e-5)
    assert set(variance.experiment.everything) | {"truth"} == set(lines)

    track = variance.tracks().filter(pl.col("model") == "lstm").drop("model").group_by("t").mean().sort("t")
    equity = np.cumprod(1 + track["returns"].to_numpy())
    traces = [t for t in charts["equity, 1 at the start"][0]["data"] if t["name"] == "lstm"]
    np.testing.assert_allclose(traces[0]["y"], equity, rtol=1e-5)
    fall = 1 - equity / np.maximum(1, np.maximum.accumulate(equity))
    assert min(traces[1]["y"]) == pytest.approx(-100 * fall.max(), rel=1e-5)


def test_quantiles_and_every_instrument_have_their_charts(panel: Run) -> None:
    parsed = Parsed(panel.report.read_text())
    titles = {chart[0]["layout"]["yaxis"]["title"]["text"]: chart for chart in parsed.charts()}
    assert len(titles["label"]) == 2, "one picture an instrument"
    coverage = next(t for t in titles["share of truths at or below it"][0]["data"] if t["name"] == "linear")
    frame = panel.forecasts().filter(pl.col("model") == "linear")
    for level, share in zip(coverage["x"], coverage["y"], strict=True):
        assert share == pytest.approx((frame["truth"] <= frame[f"q{level:g}"]).mean(), rel=1e-5)


def test_texts_of_others_are_shown_and_do_nothing(panel: Run) -> None:
    html = panel.report.read_text()
    parsed = Parsed(html)
    assert parsed.text.count(HOSTILE) >= 3
    assert "img" not in parsed.tags
    running = [text for kind, text in parsed.scripts if kind is None]
    assert len(running) == 2
    for text in running:
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in parsed.policy
    assert "unsafe-inline" not in parsed.policy.partition("script-src")[2].partition(";")[0]
    names = json.dumps(parsed.charts())
    assert "<img" not in names


def test_nothing_is_asked_of_a_network(variance: Run) -> None:
    parsed = Parsed(variance.report.read_text())
    assert all(link.startswith("#") for link in parsed.links)
    assert parsed.policy.startswith("default-src 'none';")
    assert {"link", "iframe", "object", "img"} & set(parsed.tags) == set()


def test_sections_appear_with_what_they_are_about(variance: Run, home: Path) -> None:
    given = parts(variance)
    everything = Parsed(page(**given)).headings
    assert {"Gradient flow", "Equity and drawdown", "Calibration", "Folds", "Leak checks"} <= set(everything)
    assert "Comparison" not in everything
    given["record"]["gradient_flow"] = []
    given["record"].pop("trading")
    given["record"]["verdicts"]["trading"] = None
    given["experiment"]["policy"] = None
    without = Parsed(page(**{**given, "tracks": None}))
    assert {"Gradient flow", "Equity and drawdown"} & set(without.headings) == set()
    assert "Trading" not in without.text

    found = compare(variance, out=home / "compared")
    compared = Parsed((home / "compared" / "report.html").read_text())
    assert "Comparison" in compared.headings
    alone = Parsed(comparison_page(found.to_dict()))
    for parsed in (compared, alone):
        for sentence in found.sentences:
            assert sentence in parsed.text
        shown = [cell for row in parsed.table("Pairs")[1:] for cell in row]
        for pair in found.pairs:
            assert any(pair.loss.estimate in values for _, values in shown)
            assert any(values == [pair.diebold_mariano] for _, values in shown)


def test_what_failed_is_called_failed(variance: Run) -> None:
    given = parts(variance)
    given["record"]["leaks"][0] |= {"passed": False, "message": "a column moved"}
    given["record"]["verdicts"]["forecast"]["passed"] = False
    given["record"]["trials"]["intact"] = False
    parsed = Parsed(page(**given))
    assert "Forecast verdict fails" in parsed.text
    assert parsed.table("Leak checks")[1][1][0] == "failed"
    assert "the ledger is broken or was deleted" in parsed.text


def test_a_hundred_thousand_bars_stay_a_small_page(variance: Run) -> None:
    given = parts(variance)
    rows = 100_000
    t = np.arange(rows, dtype=np.int64) * 60_000_000_000
    rng = np.random.Generator(np.random.PCG64(3))
    symbol = given["record"]["data"]["instruments"][0]["symbol"]
    truth = rng.gamma(2.0, 1e-5, rows)
    made = [
        pl.DataFrame({"t": t, "value": truth * rng.uniform(0.5, 2, rows), "truth": truth, "known_at": t + 1}).select(
            pl.lit(model).alias("model"), pl.lit(0).alias("fold"), pl.lit(0).alias("seed"),
            pl.lit(symbol).alias("symbol"), pl.all(),
        )
        for model in variance.experiment.everything
    ]  # fmt: skip
    tracks = pl.concat(
        pl.DataFrame({"t": t, "returns": rng.normal(0, 1e-4, rows)}).select(
            pl.lit(model).alias("model"), pl.lit(0).alias("seed"), pl.lit(0).alias("path"), pl.all()
        )
        for model in (*variance.experiment.everything, "benchmark")
    )
    parsed = Parsed(page(**{**given, "forecasts": pl.concat(made), "tracks": tracks}))
    assert sum(len(text) for kind, text in parsed.scripts if kind == "application/json") < 1_500_000
    assert "Each point is the mean of 50 rows or so" in parsed.text
    assert "keeps the lowest and highest of every stretch" in parsed.text
    drawn = [t for chart in parsed.charts() for t in chart[0]["data"] if t["name"] == "benchmark"]
    own = np.cumprod(1 + tracks.filter(pl.col("model") == "benchmark")["returns"].to_numpy())
    assert (min(drawn[0]["y"]), max(drawn[0]["y"])) == pytest.approx((own.min(), own.max()), rel=1e-5)


def test_thinning_keeps_the_ends_and_every_extreme(rng: np.random.Generator) -> None:
    values = rng.normal(size=50_000)
    values[[77, 31_000]] = -50, 60
    values[100:140] = np.nan
    kept = series.thinned(values, 1000)
    assert len(kept) <= 1002
    assert {0, 77, 31_000, 49_999} <= set(kept.tolist())
    assert np.all(np.diff(kept) > 0)
    np.testing.assert_array_equal(series.thinned(values[:900], 1000), np.arange(900))


def test_long_forecasts_are_condensed_to_means_that_keep_the_whole(rng: np.random.Generator) -> None:
    values = rng.normal(3.0, size=40_000)
    t, means = series.condensed(np.arange(40_000), values)
    assert len(t) == len(means) <= series.ROWS
    assert means.mean() == pytest.approx(values.mean())
    assert means.std() < 0.3
    short = series.condensed(np.arange(100), values[:100])[1]
    np.testing.assert_array_equal(short, values[:100])


def test_a_line_is_broken_where_time_jumps() -> None:
    t, values = series.broken(np.array([0, 1, 2, 100, 101, 102]), np.arange(6.0))
    np.testing.assert_array_equal(np.isnan(values), [False, False, False, True, False, False, False])
    assert len(t) == 7


def test_bins_have_intervals_that_hold_and_that_know_of_dependence(rng: np.random.Generator) -> None:
    t, one_bin = np.arange(600), np.zeros(600, dtype=np.int64)
    held, widths = 0, []
    for _ in range(200):
        _, low, high = series.scores_in_bins(one_bin, rng.normal(size=600), t, 1)
        held += bool(low[0] <= 0 <= high[0])
        widths.append(high[0] - low[0])
    assert held >= 177  # 95 % of 200 within four standard errors
    assert np.mean(widths) == pytest.approx(2 * 1.96 / np.sqrt(600), rel=0.1)
    dependent = np.repeat(rng.normal(size=30), 20)
    _, low, high = series.scores_in_bins(one_bin, dependent, t, 1)
    assert high[0] - low[0] > 3 * np.mean(widths)


def test_equal_bins_are_equal_and_keep_ties_together(rng: np.random.Generator) -> None:
    np.testing.assert_array_equal(np.bincount(series.equal_bins(rng.normal(size=1000), 10)), np.full(10, 100))
    assert len(set(series.equal_bins(np.full(50, 2.0), 10).tolist())) == 1


def test_what_may_serve_and_what_may_not_is_told_with_its_figures(variance: Run) -> None:
    given = parts(variance)
    own = given["record"]["export"]["lstm"]
    assert own["folder"] == "export/lstm"
    own["precisions"]["int8"] = {"allowed": False, "reason": "forecasts differ by 9.0%"}
    given["record"]["export"]["linear"] = {"folder": None, "refused": "no operators."}
    html = Parsed(page(**given))
    assert "Ready to serve" in html.headings
    assert "lstm in int8 is refused: forecasts differ by 9.0%." in html.text
    assert "linear is not exported: no operators." in html.text
    (row,) = [cells for cells in html.table("Exported models")[1:] if cells[0][0] == "lstm"]
    assert row[4][1] == [own["difference_to_model"]]
    del given["record"]["export"]
    assert "Ready to serve" not in Parsed(page(**given)).headings


def test_what_was_predicted_stands_beside_what_was_measured(variance: Run) -> None:
    given = parts(variance)
    latency, fit = {"predicted": 16e-6, "measured": 17.5e-6}, {"predicted": 2.0, "measured": 3.0}
    given["record"]["plan"] = {"models": {"lstm": {"latency_p50_s": latency, "fit_seconds": fit},
                                          "linear": {"fit_seconds": fit}, "har": {}}}  # fmt: skip
    title = "What was predicted"
    head, *rows = Parsed(page(**given)).table(title)
    assert [text for text, _ in head] == ["model", "a fit, s", "live p50, µs"]
    assert [(row[0][0], row[1][1], row[2][1]) for row in rows] == [
        ("lstm", [2.0, 3.0], [pytest.approx(16), pytest.approx(17.5)]), ("linear", [2.0, 3.0], []),
    ]  # fmt: skip
    for nothing in ({"machine": None, "untold": "it was not measured"}, {"models": {"lstm": {}}}, {}):
        given["record"]["plan"] = nothing
        read = Parsed(page(**given))
        assert not [caption for caption in read.tables if caption.startswith(title)]
        assert ("Nothing was predicted: it was not measured." in read.text) == ("untold" in nothing)


def test_columns_that_say_nothing_are_left_out(variance: Run) -> None:
    given = parts(variance)
    title = "Spread of skill"
    assert "an epoch, s" in [text for text, _ in Parsed(page(**given)).table(title)[0]]
    for took in given["record"]["resources"].values():
        took["epoch_seconds"] = None
    assert "an epoch, s" not in [text for text, _ in Parsed(page(**given)).table(title)[0]]
