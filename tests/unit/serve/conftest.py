"""Makes what these tests share importable: `small_server`, which speaks the protocol and fails as it is told."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_server import TOKEN, Book, serving


@pytest.fixture(autouse=True)
def _no_waiting_for_idle_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite leaves none: a release that is loaded gets its share of the processor soon."""
    monkeypatch.setattr("candlewick.serve.live.warming.IDLE_S", 1.0)


@pytest.fixture
def book() -> Book:
    """What the small server has."""
    return Book()


@pytest.fixture
def address(book: Book, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The small server at work, with its token in the environment."""
    monkeypatch.setenv("CANDLEWICK_TOKEN", TOKEN)
    with serving(book) as url:
        yield url
