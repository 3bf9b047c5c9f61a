"""What is a bar and what is not, whoever wrote it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlewick.core.clock import elapsed_ns
from candlewick.serve.protocol import Bar, encode
from candlewick.serve.web import decode
from candlewick.serve.web.decode import decode_bars
from candlewick.serve.web.refusals import RefusalError

ONE = b'{"symbol":"BTC:USD","t":1700000000000000000,"values":{"open":1.5,"close":2},"source":"ccxt:binance"}'


def refused(body):
    with pytest.raises(RefusalError) as found:
        decode_bars(body)
    return found.value


def test_a_bar_and_a_list_of_bars_are_what_they_say():
    (bar,) = decode_bars(ONE)
    assert bar == Bar("BTC:USD", 1700000000000000000, {"open": 1.5, "close": 2.0}, source="ccxt:binance")
    assert decode_bars(b"[" + ONE + b" , " + ONE + b"]") == [bar, bar]


@pytest.mark.parametrize(
    "body",
    [
        b'{"symbol":"A","t":1,"values":{"close":1},"t":2}',
        b'{"symbol":"A","t":1,"values":{"close":1,"close":2}}',
        b'{"symbol":"A","t":1,"values":{"close":1,"cl\\u006fse":2}}',
        b'{"symbol":"A","t":1,"\\u0074":2,"values":{"close":1}}',
        b'{"symbol":"A","t":1,"values":{"close":1},"confirm":false,"confirm":false}',
        b'{"symbol":"A","t":1,"values":{"close":1},"source":"x","source":"x"}',
        b'{"symbol":"A","t":1,"values":{"close":1},"interval_ns":null,"interval_ns":null}',
        b'{"symbol":"A:B","t":1,"values":{"close":1},"symbol":"A"}',
        b"[" + ONE + b',{"symbol":"A","t":1,"t":1,"values":{"close":1}}]',
    ],
)
def test_a_key_that_stands_twice_is_refused(body):
    found = refused(body)
    assert (found.status, found.code) == (422, "duplicate_key")
    assert "stands twice" in found.message


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("NaN", 400), ("Infinity", 400), ("-Infinity", 400), ("1e999", 422), ("-1e999", 422), ("1" + "0" * 400, 422),
        ("9" * 5000, 422), ("true", 422), ('"1"', 422), ("null", 422), ("01", 400), ("0x10", 400), ("[1]", 422),
    ],
)  # fmt: skip
def test_what_is_no_finite_number_is_refused(value, status):
    assert refused(f'{{"symbol":"A","t":1,"values":{{"close":{value}}}}}'.encode()).status == status


@pytest.mark.parametrize("t", ["-1", "9223372036854775808", "1" * 400, "1.0", "1e3", '"1"', "null"])
def test_a_stamp_is_a_bounded_whole_number(t):
    assert refused(f'{{"symbol":"A","t":{t},"values":{{"close":1}}}}'.encode()).status == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"nonsense", 400), (ONE + b"x", 400), (b"\xef\xbb\xbf" + ONE, 400), (b"null", 422),
        (b"[]", 422), (b"{}", 422), (b"[" * 1_000_000, 422), (b'{"x":' + b"[" * 1_000_000, 422),
        (b'{"values":' + b'{"a":' * 200_000, 422), (b"[" + b",".join([ONE] * 1001) + b"]", 422),
        (b'{"symbol":"\xff","t":1,"values":{"a":1}}', 400), (b'{"symbol":"A\\ud800","t":1,"values":{"a":1}}', 400),
        (b'{"symbol":"A\\n","t":1,"values":{"a":1}}', 422), (b'{"symbol":"A","t":1,"values":{"a\\n":1}}', 422),
        (b'{"symbol":"A","t":1,"values":{"a":1},"source":"x\\n"}', 422), (b'{"symbol":"../a","t":1,"values":{}}', 422),
        (b'{"symbol":"A","t":1,"values":{"a":1},"extra":1}', 422), (b'{"symbol":"A","t":1,"values":{}}', 422),
    ],
)  # fmt: skip
def test_what_is_no_bar_is_refused(body, status):
    found = refused(body)
    assert found.status == status
    assert len(found.message) < 600
    assert found.message.isprintable()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,9}\Z"),
            st.dictionaries(st.from_regex(r"\A[a-z][a-z0-9_]{0,5}\Z"), st.floats(-1e9, 1e9), min_size=1, max_size=5),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9),
            st.booleans(),
            st.one_of(st.none(), st.integers(0, 2**63 - 1)),
        ),
        min_size=1, max_size=3,
    )
)  # fmt: skip
def test_whatever_bar_there_can_be_is_taken_as_it_is(parts):
    bars = [Bar(s, 5, v, source=o, confirm=c, interval_ns=i) for s, v, o, c, i in parts]
    assert decode_bars(encode(bars)) == bars
    assert decode_bars(json.dumps(json.loads(encode(bars)), indent=1).encode()) == bars


def test_counting_colons_finds_what_reading_twice_finds(monkeypatch):
    """The quick way never lets through what the slow way refuses, over all single insertions of a known key."""
    quick = []
    monkeypatch.setattr(decode, "_require_single_keys", lambda body: quick.append(body))
    keys = [b'"t":1', b'"source":"a:b"', b'"source":""', b'"confirm":false', b'"confirm":true', b'"interval_ns":null',
            b'"interval_ns":5', b'"symbol":"A:B"', b'"values":{"x":1}']  # fmt: skip
    bodies = [
        b"{" + b",".join((b'"symbol":"A:A"', b'"t":1', b'"values":{"close":1}', one, other)) + b"}"
        for one in keys for other in keys
    ]  # fmt: skip
    for body in bodies:
        decode_bars(body)
    doubled = [body for body in bodies if len(pairs := json.loads(body, object_pairs_hook=list)) > len(dict(pairs))]
    assert len(doubled) > 20
    assert set(doubled) <= set(quick)


def test_one_bar_is_read_within_a_few_microseconds():
    times = []
    for _ in range(2_000):
        began = elapsed_ns()
        decode_bars(ONE)
        times.append(elapsed_ns() - began)
    assert sorted(times)[len(times) // 2] < 12_000
