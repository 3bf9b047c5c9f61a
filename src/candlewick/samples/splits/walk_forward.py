"""Folds in time order: each trains on the past of the block it tests, as a desk would have done."""

from pydantic import Field

from candlewick.samples.splits._base import Cut, Split, equal_spans


class WalkForward(Split):
    """The newest `test` share of the moments is cut into `n_folds` blocks; each is tested after training on its past.

    The training span begins with the data (expanding), or `train_steps` moments before the block (rolling).

    >>> for cut in WalkForward(n_folds=2, test=0.5).cuts(8):
    ...     print(cut)
    Cut(train=((0, 4),), test=((4, 6),))
    Cut(train=((0, 6),), test=((6, 8),))
    """

    n_folds: int = Field(5, ge=1, description="blocks that are tested one after the other")
    test: float = Field(0.5, gt=0.0, lt=1.0, description="share of time, at the end, that the blocks cover together")
    train_steps: int | None = Field(
        None, ge=2, examples=[40, 60], description="moments of the training span before each block; null: all the past"
    )

    def cuts(self, steps: int) -> tuple[Cut, ...]:
        """One cut a block."""
        blocks = equal_spans(steps - round(steps * self.test), steps, self.n_folds)
        reach = steps if self.train_steps is None else self.train_steps
        return tuple(Cut(train=((max(0, first - reach), first),), test=((first, last),)) for first, last in blocks)
