"""A panel, its features and its label become one dataset: a float32 matrix and the facts of every row."""

from collections.abc import Sequence

import numpy as np

from candlewick.core.clock import iso
from candlewick.core.errors import DataError
from candlewick.core.words import some
from candlewick.data.bars import Bars, Panel
from candlewick.features._set import FeatureSet
from candlewick.labels._base import Label, LabelRows
from candlewick.samples.dataset import Dataset

GAP_BARS = 4
"""Longer steps between bars are mentioned where a label crosses them: nights of minute bars, not weekends of days."""


def build(panel: Panel, features: FeatureSet, label: Label, *, length: int) -> tuple[Dataset, tuple[str, ...]]:
    """The dataset of `panel` and, as sentences with counts, what was lost on the way.

    Every instrument is run on its own. A sample at row i reads the feature rows i - length + 1 .. i, and those read
    up to `warmup - 1` bars more (the echo's warm-up counts too), so `start[i]` is the close of that earliest bar; what
    a feature of fading memory keeps of older bars is within its declared bound.
    Rows whose window is not whole, or not warmed up, are there but not `ready`: all of them where an instrument, listed
    late for example, is too short for one sample.

    Raises:
        DataError: no instrument is long enough for a sample, or a feature or the echo is not finite after its warm-up.
    """
    echo = FeatureSet.of((label.echo,)) if label.echo is not None else None
    reach = length - 1 + max(features.warmup, echo.warmup if echo else 1) - 1
    _require_enough(panel, reach, length)
    n = len(panel)
    x = np.empty((n, len(features.outputs)), dtype=np.float32)
    y, echoed = np.empty(n), np.full(n, np.nan)
    known_at, start = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    ready = np.empty(n, dtype=bool)
    labels: list[LabelRows] = []
    end = 0
    for bars in panel.bars:
        rows = slice(end, end := end + len(bars))
        _run(features, bars, x[rows])
        labels.append(label.run(bars))
        if echo is not None:
            _run(echo, bars, echoed[rows, None])
        y[rows], known_at[rows] = labels[-1].value, labels[-1].known_at
        position = np.arange(len(bars))
        start[rows] = bars.t[np.maximum(position - reach, 0)]
        ready[rows] = position >= reach
    data = Dataset(
        x=x,
        columns=features.outputs,
        t=np.concatenate([bars.t for bars in panel.bars]),
        symbol=np.repeat(np.arange(len(panel.bars)), [len(bars) for bars in panel.bars]),
        symbols=panel.symbols,
        y=y,
        known_at=known_at,
        echo=echoed,
        start=start,
        length=length,
        ready=ready,
    )
    return data, _notes(panel, data, labels, label, reach)


def _require_enough(panel: Panel, reach: int, length: int) -> None:
    if all(len(bars) <= reach for bars in panel.bars):
        raise DataError(
            f"too few bars for one sample, was {_counted(panel.bars)}. A window of {length} rows and the warm-up "
            f"before it need {reach + 1} bars. Give longer history, or a shorter length, horizon or warm-up."
        )


def _counted(instruments: Sequence[Bars]) -> str:
    return some([f"{bars.symbol} ({len(bars):,})" for bars in instruments])


def _run(features: FeatureSet, bars: Bars, out: np.ndarray) -> None:
    values = features.run(bars)
    with np.errstate(over="ignore"):
        out[:] = values  # a value too large for float32 becomes infinite and is refused below
    bad = np.argwhere(~np.isfinite(out[features.warmup - 1 :]))
    if len(bad):
        row, column = bad[0] + (features.warmup - 1, 0)
        raise DataError(
            f"{bars.symbol}: feature {features.outputs[column]} at row {row} ({iso(bars.t[row])}) is not finite "
            f"in float32, was {values[row, column]}. After its warm-up of {features.warmup} bars every value must be. "
            "Mend the bars it reads or the feature."
        )


def _notes(panel: Panel, data: Dataset, labels: Sequence[LabelRows], label: Label, reach: int) -> tuple[str, ...]:
    crosses = np.concatenate([rows.crosses_gap for rows in labels])
    unlabelled = data.ready & np.isnan(data.y)
    counts = [
        (~data.ready, f"lost to warm-up: a window of {data.length} rows reaches {reach} bars back"),
        (unlabelled & ~crosses, "without a label: the data ends before it is known"),
        (unlabelled & crosses, f"without a label: it would cross a gap longer than {label.max_gap}"),
    ]
    if label.max_gap is None:
        spans = np.concatenate([_crosses_gap(bars, rows) for bars, rows in zip(panel.bars, labels, strict=True)])
        counts.append((data.labelled & spans, f"with a label across a gap of more than {GAP_BARS} bars (see max_gap)"))
    total = f"{int(data.labelled.sum()):,} of {len(data):,} bars are labelled samples"
    lost = ((int(rows.sum()), what) for rows, what in counts)
    return (
        total,
        *(f"{count:,} bar{'s' * (count != 1)} {what}" for count, what in lost if count),
        *_short(panel, reach),
    )


def _short(panel: Panel, reach: int) -> tuple[str, ...]:
    short = [bars for bars in panel.bars if len(bars) <= reach]
    if not short:
        return ()
    return (
        f"{len(short):,} of {len(panel.bars):,} instruments have too few bars for one sample, which takes "
        f"{reach + 1:,}, and are never forecast: {_counted(short)}",
    )


def _crosses_gap(bars: Bars, rows: LabelRows) -> np.ndarray:
    gaps = np.cumsum(np.diff(bars.t, prepend=bars.t[0]) > GAP_BARS * bars.interval_ns)
    known = np.minimum(np.searchsorted(bars.t, rows.known_at), len(bars) - 1)
    crosses: np.ndarray = gaps[known] > gaps
    return crosses
