"""A live folder with a small champion, the bars that it is fed with, and a clock that stands at their closes."""

import sys
from pathlib import Path

from candlewick.data.bars import Panel
from candlewick.release.registry import Registry
from candlewick.serve.live.recovery import recover
from candlewick.serve.protocol import Bar

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "release"))

from small_releases import HOUR, market, small_release


class Hand:
    """A clock that is set by hand, ns UTC."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def live_folder(folder: Path, model="linear", *, count=1, promote=True, **options) -> tuple[list[str], Panel]:
    """`count` releases that differ by their seed, the first of which is the champion; and bars that none was fitted on.

    Their closes come after those of the bars that the releases were made of.
    """
    symbols = options.get("symbols", ("A",))
    begin = options.pop("seed_from", 0)
    ids = [small_release(folder, model, seed=begin + seed, **options)[0] for seed in range(count)]
    if promote:
        Registry(folder).move("champion", ids[0])
    return ids, market(symbols, 400, seed=99)


def messages(panel: Panel, *, source: str = "test") -> list[Bar]:
    """The bars of a panel as a feed posts them, in order of time."""
    found = [
        Bar(bars.symbol, int(t), dict(zip(bars.columns, row, strict=True)), source=source)
        for bars in panel.bars
        for t, row in zip(bars.t, bars.values.tolist(), strict=True)
    ]
    return sorted(found, key=lambda bar: (bar.t, bar.symbol))


def opened(folder: Path, **options):
    """The live side, with the clock at hand."""
    clock = Hand(0)
    # Both clocks are the hand's, so that none of them jumps.
    live = recover(folder, **{"clock": clock, "elapsed": clock, "wishes": ["fp32", "1"], **options})
    return live, clock


def offered(live, clock: Hand, bars: list[Bar], *, after: int = HOUR // 100, commit: bool = True):
    """Answers to bars, each offered a little after its close."""
    answers = []
    for bar in bars:
        clock.now = max(clock.now, bar.t + after)
        answers.append(live.offer(bar))
        if commit:
            live.journal.commit()
    return answers


__all__ = ["HOUR", "Hand", "live_folder", "market", "messages", "offered", "opened", "small_release"]
