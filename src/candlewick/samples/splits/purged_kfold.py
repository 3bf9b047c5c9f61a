"""Every block is tested once by a model of all the others, purged and embargoed."""

from typing import ClassVar

from pydantic import Field

from candlewick.samples.splits._base import Cut, Split, equal_spans


class PurgedKFold(Split):
    """Time is cut into `n_folds` blocks; each is tested after training on what lies before and after it.

    Every row is tested, which suits small data; but a fold trains on the future of its test block, which no desk
    could have done, so its figures say how well the model generalises, not what would have been earned.

    >>> PurgedKFold(n_folds=3).cuts(6)[1]
    Cut(train=((0, 2), (4, 6)), test=((2, 4),))

    Reference: López de Prado, Advances in Financial Machine Learning, chapter 7 (2018).
    """

    trains_after_test: ClassVar[bool] = True

    n_folds: int = Field(5, ge=2, description="blocks, each tested once")

    def cuts(self, steps: int) -> tuple[Cut, ...]:
        """One cut a block."""
        blocks = equal_spans(0, steps, self.n_folds)
        return tuple(Cut(train=(*blocks[:k], *blocks[k + 1 :]), test=(block,)) for k, block in enumerate(blocks))
