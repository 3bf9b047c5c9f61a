"""Progress: plain lines that can be read in a log, a bar on a terminal, nothing when asked for nothing."""

import io

import pytest

from candlewick.cli import progress as module
from candlewick.cli.progress import showing


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def work(stream: io.StringIO, *, quiet: bool = False) -> str:
    with showing(quiet=quiet, stream=stream) as progress:
        progress.say("reading sp500")
        progress.stage("fitting 4 units", 4)
        for number in range(4):
            progress.advance(note=f"fold {number}")
        progress.stage("judging", 1)
        progress.advance()
    return stream.getvalue()


def test_lines_say_what_is_done_and_how_long_it_took() -> None:
    lines = work(io.StringIO()).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "reading sp500", "fitting 4 units ...", "fitting 4 units", "judging ...", "judging",
    ]  # fmt: skip
    assert lines[2].endswith(" s")


def test_lines_say_how_long_it_will_take_and_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 6))
    monkeypatch.setattr(module, "elapsed_s", lambda: float(next(clock)))
    stream = io.StringIO()
    with showing(stream=stream) as progress:
        progress.stage("fitting", 10)
        for _ in range(9):
            progress.advance(note="fold 1")
    told = [line for line in stream.getvalue().splitlines() if "left" in line]
    assert told[0] == "fitting: 2/10, about 48 s left, fold 1"
    assert len(told) == 4


def test_a_terminal_gets_a_bar_and_keeps_a_line_a_stage() -> None:
    text = work(Terminal())
    assert "fitting 4 units" in text
    assert "4/4" in text or "judging" in text
    assert "\x1b[" in text, "a bar moves the cursor"


def test_quiet_is_quiet() -> None:
    assert work(io.StringIO(), quiet=True) == ""
    assert work(Terminal(), quiet=True) == ""
