"""A closed bar in, a forecast out: features, scaler, model, calibration and head as one step."""

from collections.abc import Callable, Sequence
from math import fsum, nan
from operator import index

import numpy as np

from candlewick.core.clock import elapsed_ns, iso
from candlewick.core.errors import ConfigError, DataError
from candlewick.core.forecast import Forecast
from candlewick.core.words import some
from candlewick.models._heads import Belief
from candlewick.runtime import calibrate
from candlewick.runtime.exported import Exported
from candlewick.runtime.histogram import Histogram
from candlewick.runtime.instrument import Instrument
from candlewick.runtime.session import Lanes, Session
from candlewick.runtime.state import Arrays, as_bytes, require_fits

STAGES = ("features", "scale", "model", "decode", "total")
"""What `Engine.latency` times, each once a slice; the total also holds the checks."""

_LATEST = np.iinfo(np.int64).max


class Engine:
    """A model at work on its instruments, from the zero state. Not for several threads at once.

    A forecast's status is "abstain" (value NaN) in the first `Exported.anchor` bars, at a bar whose features are not
    finite and where the model's output is not; "degraded" for `anchor` bars after such a bar, which windows hold as 0
    and a carried state was not stepped by; else "ok". The reason says which bar it was. A feature of fading memory may
    never recover from such a bar: replay history into a new engine then.

    The same slices give the same bits. Last bits may depend on how many instruments are stepped together where a
    library multiplies the matrices; those of the compiled kernel do not.

    Attributes:
        exported: the model.
        symbols: the instruments, in the order of the rows of a slice.
        session: what does the model's arithmetic; shared with other engines.
        release: content id that forecasts carry.
        seq: forecasts given, those that abstain counted.
        raw: float64 (instruments, outputs), calibrated raw outputs of each instrument's newest step of the model.
        latency: a histogram for each of `STAGES`, in ns.
        durations: of each of `STAGES` in the newest step, in ns.
    """

    def __init__(
        self, exported: Exported, symbols: Sequence[str], session: Session, *, release: str = "",
        interval_ns: int | None = None, clock: Callable[[], int] | None = None,
    ) -> None:  # fmt: skip
        """Zero state, warmed: the first answer is as fast as later ones.

        Args:
            interval_ns: length of a bar, from which `known_at` follows where the label has a fixed horizon.
            clock: gives the time in ns UTC, for a forecast's age; without one the age is 0 and a replay is equal in
                every field.

        Raises:
            ConfigError: no symbols, or one of them twice.
            DataError: the scaler does not know one of them.
        """
        if not symbols or len(set(symbols)) < len(symbols):
            raise ConfigError(f"an engine needs one or more instruments with different names, was {list(symbols)}.")
        self.exported, self.symbols, self.session, self.release = exported, tuple(symbols), session, release
        self.seq = 0
        self.raw = np.full((len(symbols), exported.head.outputs), nan)
        self.latency = {stage: Histogram() for stage in STAGES}
        self.durations = (0,) * len(STAGES)
        self._interval_ns, self._clock = interval_ns, clock
        self._unfinished: int | None = None
        self._lanes = self._warmed()
        # Where some instruments are stepped without the others, they are moved to the front of lanes of their own.
        self._apart = self._warmed() if len(symbols) > 1 else self._lanes
        self._instruments = tuple(self._instrument(position) for position in range(len(symbols)))
        self._everyone = tuple(range(len(symbols)))

    def step(self, t: int, rows: np.ndarray, present: np.ndarray | None = None) -> tuple[Forecast, ...]:
        """The bars that closed at `t`: one forecast for each instrument present, in order.

        Args:
            t: their close, ns UTC.
            rows: float64 (instruments, columns) in the order of `symbols` and `Exported.columns`; (columns,) will do
                where there is one instrument. Rows of absent instruments are not read.
            present: bool (instruments,), those whose bar closed at t; None for all. The others stay as they are.

        Raises:
            DataError: shapes that do not fit, a value that is not finite, or a `t` not later than the instrument's
                last; nothing has changed then. Or an earlier step was broken off by an error of the session.
        """
        began, t = elapsed_ns(), index(t)
        rows, asked = self._checked(t, rows, present)
        self._unfinished = t
        for i in asked:
            self._instruments[i].take(t, rows[i])
        featured = elapsed_ns()
        for i in asked:
            self._instruments[i].scale()
        due = tuple(i for i in asked if self._instruments[i].due)
        scaled = elapsed_ns()
        raw = self._run(due)
        modelled = elapsed_ns()
        forecasts = self._forecasts(t, asked, due, raw)
        self._unfinished = None
        ended = elapsed_ns()
        self.durations = (featured - began, scaled - featured, modelled - scaled, ended - modelled, ended - began)
        for histogram, ns in zip(self.latency.values(), self.durations, strict=True):
            histogram.add(ns)
        return forecasts

    def snapshot(self) -> Arrays:
        """All that a later engine of this model needs to go on: plain arrays, copied.

        Raises:
            DataError: a step was broken off, so the state is not whole.
        """
        self._require_whole()
        return self._arrays()

    def restore(self, arrays: Arrays) -> None:
        """Go on from a `snapshot` of an engine with the same model, kernel, precision and instruments.

        Raises:
            DataError: it is of another model, arithmetic or other instruments, or its arrays do not fit; nothing has
                changed then.
        """
        require_fits(arrays, self._arrays())
        for instrument, marks, state in zip(self._instruments, arrays["marks"], arrays["features"], strict=True):
            instrument.restore(marks, state)
        for name, memory in _memory(self._lanes).items():
            memory[:] = arrays[name]
        self.seq = int(arrays["seq"][0])
        self._unfinished = None

    def fork(self) -> "Engine":
        """Another engine in the same state, which shares the model and the session and nothing else."""
        other = Engine(self.exported, self.symbols, self.session, release=self.release,
                       interval_ns=self._interval_ns, clock=self._clock)  # fmt: skip
        other.restore(self.snapshot())
        return other

    def _warmed(self) -> Lanes:
        lanes = self.session.begin(len(self.symbols))
        lanes.echo[:] = 1.0
        lanes.step(len(self.symbols))
        self.exported.head.decode(lanes.raw, self.exported.scale)
        lanes.echo[:] = nan
        for array in lanes.state:
            array[:] = 0.0
        return lanes

    def _instrument(self, position: int) -> Instrument:
        window = self._lanes.x[position].reshape(-1, self.exported.features.width)
        return Instrument(self.exported, self.symbols[position], window, self._lanes.echo[position])

    def _require_whole(self) -> None:
        if self._unfinished is not None:
            raise DataError(
                f"the engine's state is not whole: its step at {iso(self._unfinished)} was broken off by an error. "
                "Restore a snapshot, or replay history into a new engine."
            )

    def _checked(self, t: int, rows: np.ndarray, present: np.ndarray | None) -> tuple[np.ndarray, Sequence[int]]:
        self._require_whole()
        if not abs(t) <= _LATEST:
            raise DataError(f"a bar's close must be in ns since 1970, at most {_LATEST}, was {t}. Look at its unit.")
        shape = len(self.symbols), len(self.exported.columns)
        rows = np.asarray(rows)
        if rows.shape == shape[1:] and shape[0] == 1:
            rows = rows[None]
        if rows.shape != shape or rows.dtype.kind not in "fiu":
            raise DataError(
                f"a slice is {shape[0]} rows ({some(self.symbols)}) of {', '.join(self.exported.columns)} as numbers, "
                f"was {rows.dtype} {rows.shape}."
            )
        rows = rows.astype(np.float64, copy=False)
        asked = self._everyone if present is None else self._those(present)
        for i in asked:
            last = self._instruments[i].t
            if t <= last:
                raise DataError(
                    f"{self.symbols[i]}: a bar that closed at {iso(t)} came after one that closed at {iso(last)}. "
                    "Bars must come in order, each once. Skip this one."
                )
        if not np.isfinite(rows).all():
            self._require_finite(t, rows, asked)
        return rows, asked

    def _those(self, present: np.ndarray) -> Sequence[int]:
        present = np.asarray(present)
        if present.shape != (len(self.symbols),) or present.dtype != np.bool_:
            raise DataError(
                f"present says for each of {len(self.symbols)} instruments whether its bar closed, as bool "
                f"({len(self.symbols)},), was {present.dtype} {present.shape}."
            )
        return tuple(np.flatnonzero(present).tolist())

    def _require_finite(self, t: int, rows: np.ndarray, asked: Sequence[int]) -> None:
        finite = np.isfinite(rows).all(axis=1).tolist()
        for i in asked:
            if not finite[i]:
                column = int(np.argmin(np.isfinite(rows[i])))
                raise DataError(
                    f"{self.symbols[i]}: {self.exported.columns[column]} is {rows[i, column]} at {iso(t)}. "
                    "A live bar must be finite. Skip the bar."
                )

    def _run(self, due: Sequence[int]) -> np.ndarray:
        lanes, count = self._lanes, len(due)
        if due and count < len(self.symbols):
            lanes, places = self._apart, list(due)
            for own, moved in zip(_memory(self._lanes).values(), _memory(lanes).values(), strict=True):
                moved[:count] = own[places]
            lanes.step(count)
            for own, moved in zip(self._lanes.state, lanes.state, strict=True):
                own[places] = moved[:count]
        elif due:
            lanes.step(count)
        raw = calibrate.apply(self.exported.head, lanes.raw[:count], self.exported.calibration)
        self.raw[list(due)] = raw
        return raw

    def _forecasts(
        self, t: int, asked: Sequence[int], due: Sequence[int], raw: np.ndarray
    ) -> tuple[Forecast, ...]:  # fmt: skip
        beliefs = _beliefs(self.exported.head.decode(raw, self.exported.scale))
        finite = np.isfinite(raw).all(axis=1).tolist()
        told = {i: belief for i, belief, whole in zip(due, beliefs, finite, strict=True) if whole}
        age = self._clock() - t if self._clock else 0
        known_at = self._known_at(t)
        forecasts = []
        for i in asked:
            forecasts.append(self._forecast(t, i, known_at, told.get(i, _NOTHING), age))
            self.seq += 1
        return tuple(forecasts)

    def _forecast(self, t: int, position: int, known_at: int | None, told: "_Told", age: int) -> Forecast:
        instrument = self._instruments[position]
        reason = instrument.abstains or ("the model's output is not finite" if told is _NOTHING else "")
        status = "abstain" if reason else "degraded" if instrument.degraded else "ok"
        value, quantiles, probabilities = _NOTHING if reason else told
        return Forecast(
            symbol=instrument.symbol,
            t=t,
            known_at=known_at,
            value=value,
            quantiles=quantiles,
            probabilities=probabilities,
            release=self.release,
            seq=self.seq,
            status=status,
            reason=reason or instrument.degraded,
            age_ns=age,
        )

    def _known_at(self, t: int) -> int | None:
        label = self.exported.label
        if self._interval_ns is None or label.path_dependent:
            return None
        return t + label.horizon * self._interval_ns

    def _arrays(self) -> Arrays:
        return {
            "model": as_bytes(self.exported.content_id),
            "arithmetic": as_bytes(f"{self.session.kernel} {self.session.precision}"),
            "symbols": as_bytes("\n".join(self.symbols)),
            "seq": np.array([self.seq]),
            "marks": np.array([instrument.marks for instrument in self._instruments]),
            "features": np.stack([instrument.state for instrument in self._instruments]),
            **{name: memory.copy() for name, memory in _memory(self._lanes).items()},
        }


_Told = tuple[float, tuple[tuple[float, float], ...], tuple[float, ...]]
_NOTHING: _Told = (nan, (), ())


def _beliefs(belief: Belief) -> list[_Told]:
    values = belief.value.tolist()
    if belief.probabilities is not None:
        rows = belief.probabilities.tolist()
        return [(fsum(k * p for k, p in enumerate(row)), (), tuple(row)) for row in rows]
    if belief.quantiles is not None:
        rows = belief.quantiles.tolist()
        return [
            (value, tuple(zip(belief.levels, row, strict=True)), ()) for value, row in zip(values, rows, strict=True)
        ]
    return [(value, (), ()) for value in values]


def _memory(lanes: Lanes) -> dict[str, np.ndarray]:
    return {"x": lanes.x, "echo": lanes.echo, **{f"state.{k}": array for k, array in enumerate(lanes.state)}}
