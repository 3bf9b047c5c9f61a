"""Windows or streams: what the same bars cost as either, and which of them the model and the split allow."""

from dataclasses import dataclass

import numpy as np

from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Rows
from candlewick.samples.stream import plan as stream_plan

_WORTH = 1.5
"""A way that is cheaper by less than this factor is not worth a word."""


@dataclass(frozen=True)
class Sampling:
    """What one epoch over a fold's training rows steps through.

    Attributes:
        windows: bars as windows: every row's whole window is recomputed.
        streams: bars as a stream: every bar once, and what warms up and fills the lanes.
        rows: labels that are learnt from, either way.
        obstacle: why streams are not possible, as a sentence; empty where they are.
        chosen: what the experiment's recipe says, `windows` or `streams`.
    """

    windows: int
    streams: int
    rows: int
    obstacle: str
    chosen: str

    @property
    def ratio(self) -> float:
        """How many times the bars of a stream windows cost: about the length of a window."""
        return self.windows / self.streams

    @property
    def sentence(self) -> str:
        """One recommendation."""
        figures = f"windows step through {self.windows:,} bars an epoch, a stream through {self.streams:,}"
        times = f"1/{self.ratio:.3g} of the work" if self.ratio > 1 else f"{1 / self.ratio:.3g} times the work"
        if self.obstacle:
            return f"{figures}; streams are not possible: {self.obstacle}"
        if self.chosen == "windows" and self.ratio > _WORTH:
            return f"{figures}: set train.sampling=streams for {times}."
        if self.chosen == "streams" and self.ratio < 1 / _WORTH:
            return f"{figures}: labels are few and far between; set train.sampling=windows for less work."
        return f"{figures}: {self.chosen}, as configured, are the right choice."


def compare_sampling(
    data: Dataset, rows: Rows, *, lanes: int, chunk: int, warmup: int, obstacle: str, chosen: str
) -> Sampling:
    """Bars of one epoch both ways, exactly as training lays them out (the first epoch's layout)."""
    chunks = stream_plan(data, rows, lanes=lanes, chunk=chunk, warmup=warmup, epoch=0, seed=0)
    # A lane that is done leaves the batch; a chunk that a piece ends in is filled up.
    walked = chunk * int(np.count_nonzero(chunks.size))
    return Sampling(len(rows) * data.length, walked, len(rows), obstacle, chosen)


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
