"""The status page in a real browser: what it makes of what it is told."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from told_page import (
    BEGIN,
    DESK,
    DIRECTION,
    FILES,
    HISTORY,
    MINUTE,
    OTHER,
    PHONE,
    RELEASE,
    RETURN,
    Told,
    ToldPage,
    event,
    stamp,
)

import candlewick.evaluate.report as report

HOSTILE = "<img src=x onerror=\"document.title='broken'\"><a href='https://evil.test'>B&C</a><script>alert(1)</script>"


@pytest.fixture(scope="module")
def full(browser: Any) -> Iterator[ToldPage]:
    """The page with everything on it, in a zone that is not UTC; for tests that leave it as it is."""
    with ToldPage(
        browser, Told([event(k, value=4e-4) for k in range(120)], releases=HISTORY), zone="Asia/Kolkata"
    ) as it:
        it.page.wait_for_selector("#releases-plot .main-svg")
        yield it


def require_fitting(visit: ToldPage, width: int, candles: int) -> None:
    page = visit.page
    for plot in ("market", "latency", "releases"):
        page.wait_for_selector(f"#{plot}-plot .main-svg")
        box = page.locator(f"#{plot}-plot").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert page.locator("#market-plot .trace.boxes path.box").count() == candles
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert visit.left == []
    assert visit.said == []


def test_on_a_desk_it_draws_every_chart_fits_and_never_leaves_its_origin(full: ToldPage) -> None:
    require_fitting(full, DESK[0], 120)


@pytest.mark.parametrize("label", [RETURN, DIRECTION], ids=lambda label: label["name"])
def test_on_a_phone_it_does_so_too(browser: Any, label: dict[str, Any]) -> None:
    answer = {"probabilities": [0.4, 0.6], "value": 0.6} if label is DIRECTION else {"value": 1e-4}
    told = Told([event(k, **answer) for k in range(120)], label, releases=HISTORY)
    with ToldPage(browser, told, PHONE) as visit:
        require_fitting(visit, PHONE[0], 60)


def test_readiness_and_its_reasons_come_first(browser: Any) -> None:
    told = Told(status={"ready": False, "reasons": ["the watchdog does not trust the predict path", "a second one"]})
    with ToldPage(browser, told, wait="#reasons li", charts=False) as visit:
        page = visit.page
        card = page.locator("#readiness")
        assert card.bounding_box()["y"] < 300
        assert "Not ready" in card.inner_text()
        assert card.locator("li").all_inner_texts() == told.status["reasons"]
        told.status = {"ready": True, "reasons": []}
        visit.send({"type": "status"} | told.as_status())
        page.wait_for_function("() => document.querySelector('#ready').textContent === 'Ready'")
        assert card.locator("li").count() == 0


def test_a_return_is_drawn_as_the_price_that_it_implies_when_it_will_be_known(browser: Any) -> None:
    answer = {"value": 0.02, "quantiles": [[0.05, -0.01], [0.5, 0.02], [0.95, 0.05]]}
    events = [event(k, **answer, known_at=BEGIN + (k + 3) * MINUTE) for k in range(30)]
    with ToldPage(browser, Told(events, RETURN)) as visit:
        traces = visit.traces()
        (line,) = [one for one in traces if (one.get("line") or {}).get("dash") == "dot" and not one.get("yaxis")]
        close = events[-1]["bar"]["values"]["close"]
        assert line["x"][-1] == stamp(29 + 3)
        assert line["y"][-1] == pytest.approx(close * math.exp(0.02))
        (band,) = [one for one in traces if one.get("fill") == "toself"]
        assert max(y for y in band["y"] if y) == pytest.approx(
            max(one["bar"]["values"]["close"] for one in events) * math.exp(0.05)
        )
        assert "5–95" in visit.page.locator("#market .legend").inner_text()
        assert "+2.000 %" in visit.page.locator("#newest").inner_text().replace("\xa0", " ")


def test_a_variance_gets_a_band_around_the_close_and_a_panel(full: ToldPage) -> None:
    traces = full.traces()
    band = next(one for one in traces if one.get("fill") == "toself" and not one.get("yaxis"))
    top = max(one["bar"]["values"]["close"] for one in full.told.events) * math.exp(0.02)
    assert max(y for y in band["y"] if y) == pytest.approx(top)
    (line,) = [one for one in traces if one.get("yaxis") == "y3" and one["type"] == "scatter"]
    assert line["y"] == [pytest.approx(2.0)] * 120
    assert line["x"][0] == stamp(1)


def test_probabilities_get_a_panel_of_their_own_with_a_band_for_each_class(browser: Any) -> None:
    events = [event(k, value=0.7, probabilities=[0.3, 0.7], known_at=None) for k in range(30)]
    with ToldPage(browser, Told(events, DIRECTION)) as visit:
        panel = [one for one in visit.traces() if one.get("yaxis") == "y3"]
        assert [one["y"][-1] for one in panel] == [pytest.approx(30), pytest.approx(70)]
        assert "up 70 %" in visit.page.locator("#newest").inner_text().replace("\xa0", " ")


def test_neither_missing_bars_nor_missing_forecasts_are_bridged(browser: Any) -> None:
    silent = {"value": None, "status": "abstain", "reason": "the model's output is not finite", "known_at": None}
    events = [event(k, **(silent if 20 <= k < 23 else {})) for k in range(40) if not 10 <= k < 15]
    with ToldPage(browser, Told(events)) as visit:
        traces = visit.traces()
        (line,) = [one for one in traces if one.get("yaxis") == "y3" and one["type"] == "scatter"]
        holes = [x for x, y in zip(line["x"], line["y"], strict=True) if y is None]
        assert holes == [stamp(11), stamp(21), stamp(22), stamp(23)]
        band = next(one for one in traces if one.get("fill") == "toself")
        assert band["x"].count(None) == 3


def test_on_a_phone_the_bar_that_is_pointed_at_is_read_out(browser: Any) -> None:
    with ToldPage(browser, Told(), PHONE) as visit:
        page = visit.page
        page.locator("#market-plot").scroll_into_view_if_needed()
        plot = page.locator("#market-plot .nsewdrag").first.bounding_box()
        page.mouse.move(plot["x"] + plot["width"] / 2, plot["y"] + plot["height"] / 2)
        page.wait_for_function("() => document.querySelector('#newest').textContent.startsWith('Bar of ')")
        page.mouse.move(0, 0)
        page.wait_for_function("() => document.querySelector('#newest').textContent.startsWith('Newest bar ')")


def test_a_bar_that_comes_is_drawn_and_told_within_two_seconds(browser: Any) -> None:
    with ToldPage(browser, Told()) as visit:
        gap = {"seq": 121, "kind": "gap", "symbol": "SYN", "after": BEGIN, "until": BEGIN + 3 * MINUTE, "missing": 2}
        new = event(120, value=0.0009, status="degraded", reason="2 bars did not come")
        visit.send({"type": "event", **new}, {"type": "record", "record": gap})
        visit.wait_for_bar(120, ms=2_000)
        newest = visit.page.locator(".journal li").all_inner_texts()[:2]
        assert "2 bars missing between" in newest[0]
        assert "degraded: 2 bars did not come" in newest[1]
        assert "volatility 3.000" in visit.page.locator("#newest").inner_text()


def test_memory_is_bounded_and_a_flood_is_drawn_seldom(browser: Any) -> None:
    with ToldPage(browser, Told()) as visit:
        page = visit.page
        page.evaluate("""() => {
            window.drawn = 0;
            const react = Plotly.react;
            Plotly.react = (...all) => { if (all[0].id === "market-plot") window.drawn += 1; return react(...all); };
        }""")
        page.locator("#shown").select_option("2000")
        visit.send(*({"type": "event", **event(k)} for k in range(120, 2_500)))
        visit.wait_for_bar(2_499)
        (candles,) = [one for one in visit.traces() if one["type"] == "candlestick"]
        assert len(candles["x"]) == 2_000
        assert page.locator(".journal li").count() == 50
        assert page.evaluate("drawn") < 60


def test_bars_that_were_missed_are_asked_for_once(browser: Any) -> None:
    told = Told()
    with ToldPage(browser, told) as visit:
        told.events += [event(k) for k in range(120, 125)]
        told.asked.clear()
        visit.send(*({"type": "lost", "count": 5} for _ in range(20)))
        visit.wait_for_bar(124)
        assert sorted(told.asked) == ["/v1/bars", "/v1/journal"]


def test_it_says_that_it_is_disconnected_tries_seldom_and_comes_back(browser: Any) -> None:
    told = Told()
    with ToldPage(browser, told) as visit:
        page = visit.page
        assert page.locator("#old").is_hidden()
        told.refused = (503, "draining: the server is going away")
        told.asked.clear()
        visit.sockets[-1].close()
        page.wait_for_selector("#old:not([hidden])")
        page.wait_for_timeout(3_500)
        said = page.locator("#old").inner_text()
        assert "Disconnected: draining: the server is going away" in said
        assert re.search(r"Every figure below is from .* or before", said)
        assert "Next attempt in" in said
        assert page.locator("#ready").inner_text() == "Disconnected"
        assert page.title().startswith("disconnected")
        assert 1 <= len(told.asked) <= 4, "back-off: 0.5, 1, 2, 4 s and so on"
        assert set(told.asked) == {"/v1/status"}
        told.refused = None
        told.events.append(event(120))
        page.get_by_role("button", name="Try now").click()
        page.wait_for_selector("#old", state="hidden")
        visit.wait_for_bar(120)
        assert page.locator("#ready").inner_text() == "Ready"


def test_a_link_that_is_no_longer_valid_is_said_to_be_so(browser: Any) -> None:
    with ToldPage(browser, Told(refused=(401, "a token is needed")), wait="#old:not([hidden])", charts=False) as visit:
        assert "link is no longer valid" in visit.page.locator("#old").inner_text()


def test_whatever_the_server_says_stays_text(browser: Any) -> None:
    label = DIRECTION | {"classes": [HOSTILE, "up"]}
    answer = {"status": "degraded", "reason": HOSTILE, "probabilities": [0.4, 0.6], "value": 0.6}
    told = Told([event(k, HOSTILE, **answer) for k in range(40)], label, {"title": HOSTILE, "model": HOSTILE})
    told.status = {"ready": False, "reasons": [HOSTILE], "feeds": [
        {"source": HOSTILE, "bars": 1, "refused": 0, "duplicates": 0, "last_received": BEGIN}]}  # fmt: skip
    told.releases = {
        "releases": [one | {"title": HOSTILE, "model": HOSTILE, "forced": HOSTILE} for one in HISTORY["releases"]],
        "history": [one | {"reason": HOSTILE, "why": HOSTILE} for one in HISTORY["history"]],
    }
    told.records = [
        {"seq": 1, "kind": "noticed", "at": BEGIN, "what": HOSTILE, "detail": HOSTILE},
        {"seq": 2, "kind": HOSTILE, "at": BEGIN},
        {"seq": 3, "kind": "constructor", "at": BEGIN},
    ]
    with ToldPage(browser, told) as visit:
        page = visit.page
        page.wait_for_selector("#releases-plot .main-svg")
        page.wait_for_selector(".journal li:nth-child(2)")
        page.locator("#market-plot").scroll_into_view_if_needed()
        plot = page.locator("#market-plot .nsewdrag").first.bounding_box()
        page.mouse.move(plot["x"] + plot["width"] / 2, plot["y"] + plot["height"] / 2)
        page.wait_for_selector("#market-plot .hoverlayer text")
        assert page.locator(".hoverlayer a, img, a[href*=evil]").count() == 0
        assert page.locator("script").count() == 2
        assert HOSTILE in page.title()
        for part in (
            "#title",
            "#reasons",
            "#symbol",
            "#instruments",
            "#feeds",
            "#releases",
            "#journal",
            "#market .legend",
        ):
            assert HOSTILE in page.locator(part).text_content(), part
        assert visit.left == []
        assert visit.said == []


@pytest.mark.parametrize(
    ("told", "parts"),
    [
        (Told([], status={"champion": None, "ready": False, "reasons": ["no release serves yet: promote one"]}), {
            "#title": "No release serves yet", "#market .empty": "No champion yet",
            "#releases": "candlewick release RUN",
        }),
        (Told([]), {
            "#market .empty": "No bars yet", "#feeds .empty": "No feed has sent a bar",
            "#latency .empty": "No bar has been timed", "#journal .empty": "Nothing is recorded yet",
        }),
    ],
    ids=["no champion", "no bars"],
)  # fmt: skip
def test_where_there_is_nothing_words_say_so(browser: Any, told: Told, parts: dict[str, str]) -> None:
    with ToldPage(browser, told, wait="#market .empty:not([hidden])", charts=False) as visit:
        for part, words in parts.items():
            visit.page.locator(part).filter(has_text=words).wait_for()
        assert visit.page.locator(".plot:visible").count() == 0
        assert visit.said == []


def test_warming_up_is_told_in_bars(browser: Any) -> None:
    told = Told([event(k, value=None, status="abstain", reason="warming up: 9 of 26 bars") for k in range(9)])
    with ToldPage(browser, told, wait="#warming:not([hidden])", charts=False) as visit:
        assert "SYN is warming up: 9 of 26 bars" in visit.page.locator("#warming").inner_text()
        assert visit.page.locator("#warming progress").evaluate("bar => [bar.value, bar.max]") == [9, 26]


def test_times_are_utc_wherever_the_browser_is_and_local_when_pointed_at(full: ToldPage) -> None:
    (bars,) = full.traces("releases")
    assert bars["base"] == [stamp(0), stamp(10), stamp(20)]
    first = full.page.locator("#moves time").last
    assert first.inner_text() == "2025-10-09 08:54:00"
    assert first.get_attribute("title") == "9 Oct 2025, 14:24:00 in Asia/Calcutta"
    shown = full.page.locator("#market-plot").evaluate("plot => plot._fullLayout.xaxis.range")
    assert shown[0].startswith(stamp(-1)[:16])
    assert "10:53:00" in full.page.locator("#newest").inner_text()


def test_another_instrument_can_be_picked_with_the_keyboard(browser: Any) -> None:
    events = [event(k, symbol) for k in range(30) for symbol in ("AAA", "BBB")]
    with ToldPage(browser, Told(events)) as visit:
        page = visit.page
        page.locator("#instruments button", has_text="BBB").focus()
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.querySelector('#market-told').textContent.includes('of BBB')")
        assert page.locator("#symbol").input_value() == "BBB"
        page.locator("#symbol").focus()
        page.keyboard.press("ArrowUp")
        page.wait_for_function("() => document.querySelector('#market-told').textContent.includes('of AAA')")
        assert page.locator("#instruments button[aria-pressed=true]").inner_text() == "AAA"


def test_the_table_of_moves_and_the_spells_say_which_release_served_when(full: ToldPage) -> None:
    texts = [text.split() for text in full.page.locator("#moves tr").all_inner_texts()]
    assert [row[0] for row in texts] == [RELEASE[:12], OTHER[:12], RELEASE[:12]]
    assert "rollback" in texts[0]
    (bars,) = full.traces("releases")
    assert bars["x"][:2] == [10 * 60_000, 10 * 60_000]
    assert "forced" in full.page.locator("#registered").inner_text()


def test_health_is_told_for_each_source_and_each_instrument(full: ToldPage) -> None:
    (one,) = full.page.locator("#instruments tbody tr").all_inner_texts()
    assert one.split()[-3:] == ["1", "2", "3"]
    assert "3\xa0s" in one
    (feed,) = full.page.locator("#feeds tbody tr").all_inner_texts()
    assert feed.split()[-3:] == ["120", "1", "2"]
    stages = full.page.locator("#latency tbody tr").all_inner_texts()
    assert [line.split()[0] for line in stages] == ["features", "model", "engine", "offer"]
    assert "1.2 ms" in stages[0].replace("\xa0", " ")


def test_dark_windows_get_dark_charts(browser: Any) -> None:
    light, dark = (scheme["ink"] for scheme in colours(FILES / "style.css"))
    with ToldPage(browser, Told(), scheme="dark") as visit:
        assert visit.page.locator("#market-plot").evaluate("plot => plot.layout.font.color") == dark
        visit.page.emulate_media(color_scheme="light")
        visit.page.wait_for_function(
            "ink => document.querySelector('#market-plot').layout.font.color === ink", arg=light
        )


def test_a_feed_that_has_gone_quiet_is_said_to_be_overdue(browser: Any) -> None:
    told = Told()
    with ToldPage(browser, told, wait="#feeds tbody tr", charts=False) as visit:
        page = visit.page
        assert page.get_by_text("overdue").count() == 0
        later = {"type": "status"} | told.as_status()
        later["now"] += 3 * MINUTE
        later["symbols"][0]["feed_age_ns"] += 3 * MINUTE
        visit.send(later)
        page.locator("#feeds tbody tr").filter(has_text="overdue").wait_for()
        page.locator("#instruments tbody tr").filter(has_text="overdue").wait_for()


def test_what_is_there_has_names_headers_and_landmarks(full: ToldPage) -> None:
    page = full.page
    assert page.evaluate("document.documentElement.lang") == "en"
    assert [page.locator(one).count() for one in ("header", "nav", "main", "footer", "h1")] == [1] * 5
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("main > section:not([aria-labelledby])").count() == 0
    assert page.locator("[role=img]:not([aria-label])").count() == 0
    assert page.locator(".scroll:not([tabindex])").count() == 0
    assert page.locator("select, input").evaluate_all("all => all.every(one => one.labels.length === 1)")
    assert "SYN" in page.locator("#market-plot").get_attribute("aria-label")


# The style


def colours(path: Path) -> list[dict[str, str]]:
    """Colours of the light and of the dark scheme."""
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", path.read_text(encoding="utf-8"))
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_stands_out_from_what_it_stands_on() -> None:
    for scheme in colours(FILES / "style.css"):
        pairs = [("ink", "paper"), ("ink", "card"), ("soft", "paper"), ("soft", "card")]
        pairs += [(tone, f"{tone}-wash") for tone in ("good", "bad", "open")] + [("open", "card")]
        for text, ground in pairs:
            low, high = sorted((luminance(scheme[text]), luminance(scheme[ground])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


def test_it_wears_the_colours_of_the_report() -> None:
    for own, theirs in zip(
        colours(FILES / "style.css"), colours(Path(report.__file__).parent / "style.css"), strict=True
    ):
        assert own.items() >= theirs.items()


def test_no_script_makes_markup_of_text() -> None:
    scripts = {path.name: path.read_text(encoding="utf-8") for path in FILES.glob("*.js")}
    assert len(scripts) >= 6
    for name, source in scripts.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b", source), name
        assert not re.search(r"https?://", source), name
        assert len(source.splitlines()) < 400, name
    page = (FILES / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]* src=)", page)
