"""Every choice of test groups is tested once: many back-test paths from one history, purged and embargoed."""

import itertools
import math
from typing import ClassVar

from pydantic import Field, model_validator

from candlewick.samples.splits._base import Cut, Split, equal_spans

MOST_FOLDS = 1_000


class CombinatorialPurged(Split):
    """Time is cut into `groups`; every combination of `test_groups` of them is tested after training on the rest.

    N groups of which k are tested give C(N, k) folds, and each row is tested in C(N - 1, k - 1) of them: that many
    whole paths can be put together, for the probability of back-test overfitting. Folds stand in lexicographic order.

    >>> len(CombinatorialPurged(groups=6, test_groups=2).cuts(60))
    15
    >>> CombinatorialPurged(groups=3, test_groups=2).cuts(6)[1]
    Cut(train=((2, 4),), test=((0, 2), (4, 6)))

    Reference: López de Prado, Advances in Financial Machine Learning, chapter 12 (2018).
    """

    trains_after_test: ClassVar[bool] = True

    groups: int = Field(6, ge=3, examples=[4, 7], description="parts of time")
    test_groups: int = Field(2, ge=1, description="parts that are tested together")

    @model_validator(mode="after")
    def _can_be_computed(self) -> "CombinatorialPurged":
        if self.test_groups >= self.groups:
            raise ValueError(f"test_groups must be below groups ({self.groups}). Leave some to train on")
        count = math.comb(self.groups, self.test_groups)
        if count > MOST_FOLDS:
            raise ValueError(f"C({self.groups}, {self.test_groups}) = {count:,} folds are more than {MOST_FOLDS:,}. "
                             "Each is a whole training: use fewer groups")  # fmt: skip
        return self

    def cuts(self, steps: int) -> tuple[Cut, ...]:
        """One cut a combination."""
        groups = equal_spans(0, steps, self.groups)
        return tuple(
            Cut(train=tuple(group for group in groups if group not in chosen), test=chosen)
            for chosen in itertools.combinations(groups, self.test_groups)
        )
