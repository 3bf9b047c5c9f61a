"""Whether a reduced precision may serve: its forecasts beside fp32's, along the same rows."""

import numpy as np

from candlewick.core.errors import DataError
from candlewick.runtime.exported import Judged
from candlewick.runtime.session import Lanes, Session

LARGEST_DIFFERENCE = 0.05
"""RMS of the difference to fp32's forecasts, as a share of their standard deviation."""

LARGEST_SKILL_LOST = 0.05
"""Share of fp32's skill over the trivial baseline."""

ENOUGH_STEPS = 1_000
"""Steps after which errors of a carried state have had time to grow."""


def judge(
    full: np.ndarray, reduced: np.ndarray, *, skill: tuple[float | None, float | None], steps: int
) -> Judged:  # fmt: skip
    """Compare forecasts of the same rows, in the order in which they were made.

    A precision may serve where both limits hold. Without a skill of fp32 above zero there is none to lose, and the
    difference alone decides.

    Args:
        full: fp32's forecasts, float64 (m,) or (m, k); of several columns the one that differs most counts.
        reduced: the other's, of the same shape.
        skill: share of the trivial baseline's loss that fp32 and the other save; None where it is not known.
        steps: steps that were made before the last forecast; fewer than `ENOUGH_STEPS` are said in the reason.

    >>> full = np.sin(np.arange(2_000.0))
    >>> judge(full, full * 1.01, skill=(0.2, 0.198), steps=2_000).allowed
    True
    >>> print(judge(full, full * 1.1, skill=(None, None), steps=500).reason)
    forecasts differ by 10.0% of fp32's deviation over all 500 steps there are (limit 5%); there is no skill to lose

    Raises:
        DataError: shapes that differ, no rows, or fp32's forecasts are not finite.
    """
    if full.shape != reduced.shape or not full.size or not np.isfinite(full).all():
        raise DataError(
            f"two precisions are compared on finite forecasts of the same rows, was {full.shape} and {reduced.shape}. "
            "Give both the same validation rows."
        )
    difference = _largest_share(full.reshape(len(full), -1), reduced.reshape(len(full), -1))
    lost = _lost(*skill)
    allowed = difference <= LARGEST_DIFFERENCE and (lost is None or lost <= LARGEST_SKILL_LOST)
    return Judged(allowed, difference, lost, steps, _reason(difference, lost, steps))


def stream_raw(session: Session, x: np.ndarray) -> np.ndarray:
    """Raw outputs of one instrument, float64 (m, outputs), from scaled feature rows, float32 (n, inputs).

    Along a stream from zero state m = n; of windows there are m = n - length + 1, the first that of row length - 1.
    """
    lanes = session.begin(1)
    if lanes.x.ndim == 2:
        raw = [_stepped(lanes, row) for row in x]
    else:
        length = lanes.x.shape[1]
        raw = [_stepped(lanes, x[end - length : end]) for end in range(length, len(x) + 1)]
    return np.array(raw).reshape(len(raw), lanes.raw.shape[1])


def _stepped(lanes: Lanes, x: np.ndarray) -> np.ndarray:
    lanes.x[0] = x
    lanes.step(1)
    return lanes.raw[0].copy()


def _largest_share(full: np.ndarray, reduced: np.ndarray) -> float:
    apart = np.sqrt(np.mean(np.square(reduced - full), axis=0))
    deviation = np.std(full, axis=0)
    # A column that does not move must not move in the other either.
    shares = np.where(apart == 0.0, 0.0, apart / np.where(deviation > 0.0, deviation, np.nan))
    return float(np.nan_to_num(shares, nan=np.inf).max())


def _lost(full: float | None, reduced: float | None) -> float | None:
    if full is None or reduced is None or full <= 0.0:
        return None
    return (full - reduced) / full


def _reason(difference: float, lost: float | None, steps: int) -> str:
    over = f"{steps:,} steps" if steps >= ENOUGH_STEPS else f"all {steps:,} steps there are"
    skill = (
        "there is no skill to lose"
        if lost is None
        else f"it loses {lost:.1%} of the skill (limit {LARGEST_SKILL_LOST:.0%})"
    )
    return (
        f"forecasts differ by {difference:.1%} of fp32's deviation over {over} (limit {LARGEST_DIFFERENCE:.0%}); "
        f"{skill}"
    )
