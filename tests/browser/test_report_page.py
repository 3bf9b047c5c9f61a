"""The report in a real browser: it draws, fits both a desk and a phone, asks for nothing, and stays quiet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from candlewick.data.bars import Panel
from candlewick.data.synthetic import MARKETS
from candlewick.lab.experiment import Experiment
from candlewick.lab.run import run

pytestmark = pytest.mark.usefixtures("few_resamples")
HOSTILE = "</script><script>document.title='broken'</script><img src=x onerror=document.title='broken'>"
DESK, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a small network with quantiles on two instruments with names that would do harm if they could."""
    folder = tmp_path_factory.mktemp("browser")
    market = MARKETS.build({"name": "clustered"})
    bars = Panel(tuple(market.bars(600, seed, symbol=name) for seed, name in enumerate((HOSTILE, "B&C"))))
    wanted = Experiment.of({
        "title": HOSTILE,
        "data": {"name": "synthetic", "market": {"name": "clustered"}, "bars": 600, "seed": 1},
        "features": [{"name": "log_return", "length": 1}, {"name": "parkinson_volatility", "length": 5}],
        "label": {"name": "forward_return"},
        "head": {"head": "quantile"},
        "length": 16,
        "split": {"name": "walk_forward", "n_folds": 2, "test": 0.4},
        "scaler": {"name": "standard"},
        "model": {"name": "lstm", "layers": 1, "hidden": 4, "dropout": 0.0},
        "baselines": ["linear"],
        "train": {"sampling": "streams", "epochs": 2, "batch": 4, "chunk": 32, "warmup": 16},
        "seeds": [0],
        "policy": {"name": "threshold"},
    })  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLEWICK_HOME", str(folder / "home"))
        return run(wanted, data=bars, out=folder / "run", workers=1).report


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


class Visit:
    """The page in a window, with what it asked for and what it complained about."""

    def __init__(self, browser: Any, report: Path, size: tuple[int, int], scheme: str = "light") -> None:
        width, height = size
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.context.set_offline(True)
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.goto(report.as_uri())

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_it_draws_every_chart_offline_and_fits_the_window(browser: Any, report: Path, size: tuple[int, int]) -> None:
    with Visit(browser, report, size) as visit:
        page = visit.page
        assert visit.asked == [report.as_uri()]
        assert [line for line in visit.said if not line.startswith(("info", "log"))] == []
        figures = page.locator("figure.chart")
        assert figures.count() == 8
        for k in range(figures.count()):
            figure = figures.nth(k)
            assert figure.locator("svg.main-svg").count() >= 2
            assert figure.locator(".scatterlayer .trace, .barlayer .trace").count() >= 1, figure.inner_text()
            box = figure.locator(".plot").bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0]
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.title().startswith("</script>")
        boxes = page.locator(".scroll")
        widths = boxes.evaluate_all("all => all.map(box => box.getBoundingClientRect().right)")
        assert max(widths) <= size[0]


def test_titles_of_axes_and_legends_do_not_lie_on_one_another(browser: Any, report: Path) -> None:
    overlapping = """() => [...document.querySelectorAll("figure.chart")].filter(figure => {
        const parts = [".legend", ".xtitle", ".ytitle"].map(name => figure.querySelector(name));
        const seen = parts.filter(part => part).map(part => part.getBoundingClientRect());
        return seen.some((a, i) => seen.slice(i + 1).some(b =>
            a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
    }).map(figure => figure.querySelector("h3").textContent)"""
    for size in (DESK, PHONE):
        with Visit(browser, report, size) as visit:
            assert visit.page.evaluate(overlapping) == []


def test_a_choice_draws_another_picture(browser: Any, report: Path) -> None:
    with Visit(browser, report, DESK) as visit:
        figure = visit.page.locator("figure.chart", has=visit.page.locator("select")).first
        values = "plot => plot.data.find(trace => trace.name === 'truth').y"
        before = figure.locator(".plot").evaluate(values)
        assert figure.locator("option").all_inner_texts() == [HOSTILE, "B&C"]
        figure.locator("select").select_option("1")
        assert figure.locator(".plot").evaluate(values) != before
        assert visit.said == []


def test_dark_windows_get_dark_charts_and_print_is_light(browser: Any, report: Path) -> None:
    ink = "document.querySelector('.plot').layout.font.color"
    colours = {}
    for scheme in ("light", "dark"):
        with Visit(browser, report, DESK, scheme) as visit:
            colours[scheme] = visit.page.evaluate(ink), visit.page.evaluate("getComputedStyle(document.body).color")
            visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
            assert visit.page.evaluate(ink) == colours["light"][0]
            visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
            assert visit.page.evaluate(ink) == colours[scheme][0]
    assert colours["light"][0] != colours["dark"][0]
    assert colours["light"][1] != colours["dark"][1]
