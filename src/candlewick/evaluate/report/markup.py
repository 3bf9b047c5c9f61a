"""HTML from Python values: every text is escaped unless this module made it."""

import math
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal, TypeAlias

UNDEFINED = "not defined"


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content: TypeAlias = "str | Iterable[Content] | None"
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


def table(
    head: Sequence[Content],
    rows: Iterable[Sequence[Content]],
    *,
    title: str,
    of: Literal["figures", "words"] = "figures",
) -> Markup:  # fmt: skip
    """A table that scrolls in a box of its own; the first cell of a row names the row. Figures are aligned right."""
    top = element("tr", [element("th", cell, scope="col") for cell in head])
    body = [
        element("tr", element("th", row[0], scope="row"), [element("td", cell) for cell in row[1:]]) for row in rows
    ]
    whole = element("table", element("caption", element("span", title)), element("thead", top), element("tbody", body))
    return element("div", whole, class_=f"scroll {of}", role="region", tabindex="0", aria_label=title)


def number(value: float | None, unit: str = "", *, digits: int = 4) -> Markup:
    """A figure with its unit, rounded to some digits; the exact value stands in the element's `value`.

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
    return element("data", _rounded(100 * value, 3) if percent else _rounded(value, digits), end, value=repr(value))


def span(low: float | None, high: float | None, unit: str = "", *, digits: int = 3) -> Markup:
    """An interval as `low to high`; empty where an end is missing."""
    if low is None or high is None:
        return Markup("")
    return joined(number(low, unit, digits=digits), " to ", number(high, unit, digits=digits))


def breakable(name: str) -> Markup:
    """A name that may break after an underscore, a comma or an opening bracket where its column is narrow.

    >>> breakable("har_long")
    'har_<wbr>long'
    """
    return joined([joined(Markup("<wbr>") if k else None, part) for k, part in enumerate(_BREAKS.split(name))])


def words(name: str) -> str:
    """An identifier as people write it.

    >>> words("maximum_drawdown"), words("qlike"), words("next_close")
    ('maximum drawdown', 'QLIKE', 'next close')
    """
    return _NAMES.sub(lambda found: _WRITTEN.get(found[0], found[0].title()), name.replace("_", " "))


_WRITTEN = {name.lower(): name for name in ("RMSE", "MAE", "QLIKE")}
_NAMES = re.compile(r"\b(?:rmse|mae|qlike|sharpe|sortino|brier)\b")
_BREAKS = re.compile(r"(?<=[_,\[])(?=.)")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _rounded(value: float, digits: int) -> str:
    size = abs(value)
    if isinstance(value, int) or 10**digits <= size < 1e15:
        text = f"{value:,.0f}"
    elif value and not 1e-3 <= size < 1e15:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        text = f"{mantissa}×10{str(int(exponent)).translate(_RAISED)}"
    else:
        # Trailing zeros line a column up.
        text = f"{value:#.{digits}g}".removesuffix(".") if value else "0"
    return text.replace("-", "−")
