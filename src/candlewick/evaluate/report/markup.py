"""HTML from Python values: every text is escaped unless this module made it."""

import math
import re
from collections.abc import Iterable, Sequence
from html import escape

UNDEFINED = "not defined"


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Iterable[str] | None
"""What stands inside an element: text, markup, or several of them."""


def element(name: str, *content: Content, **attributes: object) -> Markup:
    """`<name attributes>content</name>`; attributes that are None are left out, `class_` is `class`.

    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    marks = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{marks}>{joined(*content)}</{name}>")


def joined(*content: Content) -> Markup:
    """Contents one after the other, texts escaped."""
    parts = []
    for part in content:
        if isinstance(part, Markup):
            parts.append(part)
        elif isinstance(part, str):
            parts.append(Markup(escape(part)))
        elif part is not None:
            parts.append(joined(*part))
    return Markup("".join(parts))


def section(anchor: str, title: str, *content: Content) -> Markup:
    """A section with a heading that can be linked to; empty where there is nothing to say."""
    body = joined(*content)
    return element("section", element("h2", title), body, id=anchor) if body else Markup("")


def table(head: Sequence[Content], rows: Iterable[Sequence[Content]], *, title: str) -> Markup:
    """A table that scrolls in a box of its own; the first cell of a row names the row."""
    top = element("tr", [element("th", cell, scope="col") for cell in head])
    body = [
        element("tr", element("th", row[0], scope="row"), [element("td", cell) for cell in row[1:]]) for row in rows
    ]
    whole = element("table", element("caption", title), element("thead", top), element("tbody", body))
    return element("div", whole, class_="scroll", role="region", tabindex="0", aria_label=title)


def number(value: float | None, unit: str = "") -> Markup:
    """A figure to four digits with its unit; the exact value stands in the element's `value`.

    Shares (units that begin with `share`) are written in percent.

    >>> number(0.12345, "share")
    '<data value="0.12345">12.3&nbsp;%</data>'
    >>> number(None)
    '<span class="undefined">not defined</span>'
    """
    if value is None or not math.isfinite(value):
        return element("span", UNDEFINED, class_="undefined")
    percent = unit.startswith("share")
    end = Markup("&nbsp;%") if percent else f" {unit}" if unit else ""
    return element("data", _digits(100 * value, 3) if percent else _digits(value, 4), end, value=repr(value))


def span(low: float | None, high: float | None, unit: str = "") -> Markup:
    """An interval as `low to high`; empty where an end is missing."""
    if low is None or high is None:
        return Markup("")
    return joined(number(low, unit), " to ", number(high, unit))


def words(name: str) -> str:
    """An identifier as people write it.

    >>> words("maximum_drawdown"), words("qlike"), words("next_close")
    ('maximum drawdown', 'QLIKE', 'next close')
    """
    return _ACRONYM.sub(lambda found: found[0].upper(), name.replace("_", " "))


_ACRONYM = re.compile(r"\b(?:rmse|mae|qlike|ohlc|rsi|ema)\b")


def _digits(value: float, digits: int) -> str:
    if isinstance(value, int) or abs(value) >= 10**digits:
        text = f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}"
    else:
        text = f"{value:#.{digits}g}" if value and abs(value) >= 1e-4 else f"{value:.{digits}g}"
        text = text.removesuffix(".")
    return text.replace("-", "−")
