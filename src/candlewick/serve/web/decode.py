"""Bars from a body that may be hostile: one meaning or none.

msgspec holds it to the protocol: types, bounds, unknown fields, depth, UTF-8, NaN and numbers out of range. It takes a
key that stands twice, though, and then the last value counts. A plain body is held to that by counting colons, which
takes a third of a microsecond; any other is read a second time with its keys in pairs.
"""

import json
from typing import Any

import msgspec

from candlewick.serve.protocol import Bar, Bars
from candlewick.serve.web.refusals import RefusalError

_decoder = msgspec.json.Decoder(Bars)
_REQUIRED = 3  # symbol, t, values


def decode_bars(body: bytes) -> list[Bar]:
    """The bar or bars of a request.

    Raises:
        RefusalError: 400 where it is not JSON, 422 where it is not a bar or 1 to 1,000 of them, or a key stands twice.

    >>> decode_bars(b'{"symbol": "A", "t": 1, "values": {"close": 1.5}}')[0].values
    {'close': 1.5}
    >>> decode_bars(b'{"symbol": "A", "t": 1, "t": 2, "values": {"close": 1.5}}')
    Traceback (most recent call last):
    candlewick.serve.web.refusals.RefusalError: the key 't' stands twice; which one is meant?
    """
    try:
        found = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise RefusalError(422, "invalid", f"{error}. /docs tells what a bar is.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusalError(400, "not_json", f"the body is not JSON: {error}.") from error
    bars = [found] if isinstance(found, Bar) else found
    if not _plain(body, bars):
        _require_single_keys(body)
        _require_one_line(bars)
    return bars


def _plain(body: bytes, bars: list[Bar]) -> bool:
    # Every key ends with a colon, and strings hold the others. The keys that must be there, and those that were seen to
    # be there, are all of them: then none stands twice, and without a backslash none is written in two ways.
    colons = keys = 0
    for bar in bars:
        colons += bar.symbol.count(":") + bar.source.count(":")
        keys += _REQUIRED + len(bar.values) + (bar.source != "") + (bar.interval_ns is not None) + bar.confirm
    return body.count(b":") - colons == keys and b"\\" not in body


def _require_single_keys(body: bytes) -> None:
    try:
        json.loads(body, object_pairs_hook=_once)
    except RecursionError as error:  # not of what was a bar a moment ago
        raise RefusalError(422, "invalid", "the body nests too deep.") from error


def _once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise RefusalError(422, "duplicate_key", f"the key {key!r} stands twice; which one is meant?")
        seen.add(key)


def _require_one_line(bars: list[Bar]) -> None:
    # A pattern's "$" also matches before a newline at the end.
    for bar in bars:
        if any("\n" in text for text in (bar.symbol, bar.source, *bar.values)):
            raise RefusalError(422, "invalid", "names are one line, this one ends with a line feed.")
