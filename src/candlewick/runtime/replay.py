"""History through the engine: the same steps as live, under another clock."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from candlewick.core.progress import Progress, Silent
from candlewick.data.bars import Panel
from candlewick.models._heads import Belief
from candlewick.runtime.engine import Engine
from candlewick.runtime.exported import Exported
from candlewick.runtime.histogram import Histogram
from candlewick.runtime.session import Session

_TOLD_EVERY = 256


@dataclass(frozen=True, eq=False)
class Replayed:
    """Forecasts of a replay in order of time, instruments of one time in order of the panel; m of them.

    Attributes:
        symbol: int64 (m,), position in the panel's symbols.
        row: int64 (m,), position of the bar in its instrument's bars.
        t: int64 (m,), its close.
        raw: float64 (m, outputs), calibrated raw outputs.
        degraded: bool (m,), a bar shortly before gave no features.
        belief: the forecasts, from `raw`.
        latency: histograms of the engine's stages, one duration a slice.
    """

    symbol: np.ndarray
    row: np.ndarray
    t: np.ndarray
    raw: np.ndarray
    degraded: np.ndarray
    belief: Belief
    latency: dict[str, Histogram]


def replay(
    exported: Exported, session: Session, panel: Panel,
    *, first: Mapping[str, int] | None = None, progress: Progress | None = None,
) -> Replayed:  # fmt: skip
    """Forecast every bar of `panel` from row `first[symbol]` of each instrument on, slice by slice.

    Each instrument begins with zero state `Exported.anchor` bars before its first asked row, or at its first bar;
    its first forecast is then that of row `anchor`. Without `first` all of history is asked for; instruments that are
    not named in it are left out.

    Raises:
        DataError: a column is missing, or the scaler does not know an instrument.
    """
    progress = progress or Silent()
    first = dict.fromkeys(panel.symbols, 0) if first is None else first
    asked = Panel(tuple(bars for bars in panel.bars if bars.symbol in first))
    begins = [max(first[symbol] - exported.anchor, 0) for symbol in asked.symbols]
    engine = Engine(exported, asked.symbols, session)
    found = list(_forecasts(engine, asked, begins, progress))
    symbol, row, t, raw, degraded = zip(*found, strict=True) if found else ((), (), (), (), ())
    outputs = np.array(raw, dtype=np.float64).reshape(len(found), exported.head.outputs)
    positions = np.array([panel.symbols.index(name) for name in asked.symbols])
    return Replayed(
        symbol=positions[np.array(symbol, dtype=np.int64)],
        row=np.array(row, dtype=np.int64),
        t=np.array(t, dtype=np.int64),
        raw=outputs,
        degraded=np.array(degraded, dtype=bool),
        belief=exported.head.decode(outputs, exported.scale),
        latency=engine.latency,
    )


_Row = tuple[int, int, int, np.ndarray, bool]


def _forecasts(engine: Engine, panel: Panel, begins: list[int], progress: Progress) -> Iterator[_Row]:
    columns = engine.exported.columns
    values = [bars.values[:, bars.indices(columns, wanted_by="the model")] for bars in panel.bars]
    times = np.unique(np.concatenate([bars.t[begin:] for bars, begin in zip(panel.bars, begins, strict=True)]))
    progress.stage(f"replaying {sum(len(bars) for bars in panel.bars) - sum(begins):,} bars", len(times))
    cursor = list(begins)
    rows = np.zeros((len(panel.bars), len(columns)))
    present = np.zeros(len(panel.bars), dtype=bool)
    for number, t in enumerate(times.tolist(), start=1):
        for k, bars in enumerate(panel.bars):
            present[k] = cursor[k] < len(bars) and bars.t[cursor[k]] == t
            if present[k]:
                rows[k] = values[k][cursor[k]]
                cursor[k] += 1
        for k, forecast in zip(np.flatnonzero(present).tolist(), engine.step(t, rows, present), strict=True):
            if forecast.status != "abstain":
                yield k, cursor[k] - 1, t, engine.raw[k].copy(), forecast.status == "degraded"
        if number % _TOLD_EVERY == 0 or number == len(times):
            progress.advance(number - (number - 1) // _TOLD_EVERY * _TOLD_EVERY)
