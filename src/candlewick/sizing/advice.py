"""Windows or streams: what the same bars cost as either, and which of them the model and the split allow."""

from dataclasses import dataclass

import numpy as np

from candlewick.core.words import duration, number
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Rows
from candlewick.samples.stream import plan as stream_plan

_WORTH = 1.5
"""A way that is cheaper by less than this factor is not worth a word."""


@dataclass(frozen=True)
class Way:
    """One epoch over a fold's training rows, laid out in one way.

    Attributes:
        bars: steps of one sequence, with what warms up and what fills lanes.
        multiply_adds: of all of them, forward and backward, which takes twice as much again.
        seconds: of the epoch; None where it cannot be told.
    """

    bars: int
    multiply_adds: int
    seconds: float | None

    @property
    def words(self) -> str:
        """The figures."""
        took = "" if self.seconds is None else f", {duration(self.seconds)}"
        return f"{self.bars:,} bars ({number(self.multiply_adds / 1e9)} G multiply-adds{took})"


@dataclass(frozen=True)
class Sampling:
    """Windows against a stream.

    Attributes:
        windows: every row's whole window is recomputed.
        streams: every bar is stepped over once.
        obstacle: why streams are not possible, as a sentence; empty where they are.
        chosen: what the experiment's recipe says, `windows` or `streams`.
    """

    windows: Way
    streams: Way
    obstacle: str
    chosen: str

    @property
    def ratio(self) -> float:
        """How many times the bars of a stream windows cost: about the length of a window."""
        return self.windows.bars / self.streams.bars

    @property
    def sentence(self) -> str:
        """The figures and one recommendation."""
        figures = f"an epoch of windows steps through {self.windows.words}, of a stream through {self.streams.words}"
        if self.obstacle:
            return f"{figures}. Streams are not possible: {self.obstacle}"
        if self.chosen == "windows" and self.ratio > _WORTH:
            return f"{figures}. Set train.sampling=streams for 1/{self.ratio:.3g} of the work."
        if self.chosen == "streams" and self.ratio < 1 / _WORTH:
            return f"{figures}. Labels are few and far between: set train.sampling=windows for less work."
        return f"{figures}. {self.chosen.capitalize()}, as configured, are the right choice."


def bars_of_epoch(data: Dataset, rows: Rows, *, lanes: int, chunk: int, warmup: int) -> tuple[int, int]:
    """Bars of one epoch as windows and as a stream, exactly as training lays them out (in the first epoch)."""
    chunks = stream_plan(data, rows, lanes=lanes, chunk=chunk, warmup=warmup, epoch=0, seed=0)
    # A lane that is done leaves the batch; a chunk that a piece ends in is filled up.
    return len(rows) * data.length, chunk * int(np.count_nonzero(chunks.size))


def obstacle_to_streams(*, model: str, model_streams: bool, split: str, trains_after_test: bool) -> str:
    """Why this model on this split cannot be trained on streams; empty where it can.

    >>> obstacle_to_streams(model="lstm", model_streams=True, split="walk_forward", trains_after_test=False)
    ''
    """
    if not model_streams:
        return f"{model} carries no state from bar to bar."
    if trains_after_test:
        return f"{split} trains on rows after its test rows; use holdout or walk_forward."
    return ""
