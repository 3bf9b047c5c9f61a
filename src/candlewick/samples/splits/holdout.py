"""One fold: train on the past, test on the newest share of time."""

from pydantic import Field

from candlewick.samples.splits._base import Cut, Split


class Holdout(Split):
    """The newest `test` share of the moments is tested, everything before it is trained on.

    >>> Holdout(test=0.25).cuts(8)
    (Cut(train=((0, 6),), test=((6, 8),)),)
    """

    test: float = Field(0.2, gt=0.0, lt=1.0, description="share of time, at the end, that is tested")

    def cuts(self, steps: int) -> tuple[Cut, ...]:
        """One cut, at the moment where the test share begins."""
        begin = steps - max(1, round(steps * self.test))
        return (Cut(train=((0, begin),), test=((begin, steps),)),)
