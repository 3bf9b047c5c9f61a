"""A forecast: a belief at `t` about what is known at `known_at`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Forecast:
    """One belief about one instrument.

    Attributes:
        symbol: the instrument.
        t: close of the last bar used, int64 ns UTC.
        known_at: when the truth can be known; None where it depends on the path (triple barrier).
        value: the point forecast in the label's units; for classes the probability-weighted class.
        quantiles: (level, value) pairs, increasing; empty where the head gives none.
        probabilities: one per class, summing to 1; empty for numbers.
        release: content id of what made it.
        seq: position in the stream of that release, from 0.
        status: "ok", "stale", "degraded" or "abstain".
        reason: why the status is not "ok".
        age_ns: time between the close of the newest input and the moment of the forecast.
    """

    symbol: str
    t: int
    known_at: int | None
    value: float
    quantiles: tuple[tuple[float, float], ...] = ()
    probabilities: tuple[float, ...] = ()
    release: str = ""
    seq: int = 0
    status: str = "ok"
    reason: str = ""
    age_ns: int = 0
