"""Rows of samples for models that are fitted in one call: flattened windows, and time-ordered inner blocks."""

from collections.abc import Iterator

import numpy as np

from candlewick.core.errors import ConfigError, TrainingError
from candlewick.samples.dataset import Samples


def require_rows(lags: int, length: int) -> None:
    """Refuse a model that reads more rows than a window holds.

    Raises:
        ConfigError: `lags` is more than `length`.
    """
    if lags > length:
        raise ConfigError(f"lags must be at most the window's length {length}, was {lags}. Lower lags or raise length.")


def newest(samples: Samples, lags: int) -> np.ndarray:
    """float64 (m, lags * width): the newest `lags` feature rows of each sample, oldest first.

    Raises:
        ConfigError: a window does not hold that many rows.
    """
    length = samples.data.length
    require_rows(lags, length)
    if lags == 1:
        return samples.last.astype(np.float64)
    rows = samples.windows[samples.index - length + 1, length - lags :]
    return rows.reshape(len(samples), -1).astype(np.float64)


def forward_blocks(samples: Samples, blocks: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions (earlier, later) for choosing a setting inside the training rows without looking ahead.

    The samples' time is cut into `blocks` parts with equally many samples. Each part after the first is `later`
    once; `earlier` are the samples whose label was known when that part began. All instruments are cut at one time.

    Raises:
        TrainingError: too few samples to leave some on both sides of every cut.
    """
    t, known_at = samples.data.t[samples.index], samples.data.known_at[samples.index]
    ordered = np.sort(t)
    bounds = [ordered[len(t) * k // blocks] for k in range(blocks)]
    for k in range(1, blocks):
        end = bounds[k + 1] if k + 1 < blocks else np.iinfo(np.int64).max
        earlier = np.flatnonzero(known_at <= bounds[k])
        later = np.flatnonzero((t >= bounds[k]) & (t < end))
        if not len(earlier) or not len(later):
            raise TrainingError(
                f"{len(t)} training samples are too few for {blocks} inner blocks. "
                "Use more bars, or set the value that the blocks would choose."
            )
        yield earlier, later
