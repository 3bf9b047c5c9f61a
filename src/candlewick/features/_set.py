"""Many features as one step."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import types
from numba.typed import List

from candlewick.core.clock import iso
from candlewick.core.compiled import compiled
from candlewick.core.errors import ConfigError, DataError
from candlewick.data.bars import Bars
from candlewick.features import FEATURES
from candlewick.features._base import STEP, Feature, Step, not_finite

_vector = types.float64[::1]
_positions = types.int64[::1]


@dataclass(frozen=True)
class FeatureSet:
    """Features side by side, in order: one matrix over history, one vector live, the same bits.

    >>> features = FeatureSet.of(["log_return", {"name": "rsi", "length": 14}])
    >>> features.outputs
    ('log_return_1', 'rsi_14')
    """

    features: tuple[Feature, ...]

    @classmethod
    def of(cls, entries: Iterable[str | Mapping[str, Any] | Feature]) -> "FeatureSet":
        """A set from entries as a configuration has them: names, mappings with a `name`, or specs.

        Raises:
            ConfigError: an unknown member or parameter, no entry at all, or two outputs of one name.
        """
        return cls(tuple(FEATURES.build(entry) for entry in entries))

    def __post_init__(self) -> None:
        if not self.features:
            raise ConfigError("a feature set needs one feature or more, was empty. Name one, such as log_return.")
        twice = sorted({name for name in self.outputs if self.outputs.count(name) > 1})
        if twice:
            raise ConfigError(
                f"two features give the same output, was {', '.join(twice)}. "
                "Every column needs a name of its own. Remove one of them."
            )

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns of `run`."""
        return tuple(name for feature in self.features for name in feature.outputs)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns of the bars that some feature reads."""
        return tuple(dict.fromkeys(name for feature in self.features for name in feature.columns))

    @property
    def width(self) -> int:
        """How many numbers it gives."""
        return len(self.outputs)

    @cached_property
    def warmup(self) -> int:
        """Bars until every output is a number: the longest of its features."""
        return max(feature.warmup for feature in self.features)

    @cached_property
    def fade_bound(self) -> float:
        """How far outputs may differ after their warm-up because of what came before: the widest of its features."""
        return max(feature.fade_bound for feature in self.features)

    def run(self, bars: Bars) -> np.ndarray:
        """float64 (n, width): every bar's outputs; NaN where that output is not known yet.

        Raises:
            DataError: see `Feature.run`.
        """
        out = np.empty((len(bars), self.width))
        at = 0
        for feature in self.features:
            out[:, at : at + feature.width] = feature.run(bars)
            at += feature.width
        return out

    def begin(self, columns: tuple[str, ...]) -> "LiveFeatures":
        """The zero state, for rows that hold `columns` in this order.

        Raises:
            DataError: a column that some feature reads is not there.
        """
        return LiveFeatures(self, columns)


class LiveFeatures:
    """A feature set at work on one instrument, bar by bar. It allocates nothing while it steps.

    Attributes:
        state: float64, all there is to remember: `saved = live.state.copy()`, later `live.state[:] = saved`.
        out: float64 (width,), the newest values; the next step writes over them.
    """

    def __init__(self, features: FeatureSet, columns: tuple[str, ...]) -> None:
        missing = [name for name in features.columns if name not in columns]
        if missing:
            raise DataError(f"the features need {', '.join(missing)}, was a row of {', '.join(columns)}.")
        self.features = features
        self.columns = columns
        self.state = np.zeros(1 + sum(feature.state_size for feature in features.features))
        self.out = np.empty(features.width)
        self._row = np.empty(len(columns))
        self._sources = np.array([columns.index(c) for f in features.features for c in f.columns], dtype=np.int64)
        self._rows = np.empty(len(self._sources))
        self._warmups = np.array([float(f.warmup) for f in features.features for _ in f.outputs])
        self._params = np.concatenate([f.params() for f in features.features])
        self._edges = _edges(features.features)
        self._steps = _listed(tuple(type(feature).step for feature in features.features))

    def step(self, t: int, row: np.ndarray) -> np.ndarray:
        """One closed bar: its close `t` (ns) and float64 `row`, in the order of `columns`; gives `out`.

        Outputs that are not known yet are NaN.

        Raises:
            DataError: the row holds a value that is not finite (nothing has changed then), or an output is not finite
                after its warm-up (the bar has been taken in; later bars may give numbers again).
        """
        if len(row) != len(self._row):
            raise DataError(f"a row holds {', '.join(self.columns)}, was {len(row)} values at {iso(t)}.")
        self._row[:] = row
        bad = _gather(self._row, self._sources, self._rows)
        if bad >= 0:
            raise DataError(f"{self.columns[bad]} is {row[bad]} at {iso(t)}. A live bar must be finite. Skip the bar.")
        _step_all(self._steps, self._edges, self._params, t, self._rows, self.state, self.out)
        unknown = _first_unknown(self.state, self._warmups, self.out)
        if unknown >= 0:
            feature, output = self._owner(unknown)
            raise DataError(
                f"{not_finite(feature, output, self.out[unknown], t)}, after its warm-up of {feature.warmup} bars; "
                f"the bar is {dict(zip(self.columns, self._row.tolist(), strict=True))}. Make no forecast from it."
            )
        return self.out

    def _owner(self, position: int) -> tuple[Feature, int]:
        for feature in self.features.features:
            if position < feature.width:
                return feature, position
            position -= feature.width
        raise IndexError(position)


def _edges(features: tuple[Feature, ...]) -> np.ndarray:
    # int64 (features + 1, 4): where each feature's columns, parameters, state and outputs begin; state[0] counts bars.
    sizes = [(len(f.columns), len(f.params()), f.state_size, f.width) for f in features]
    return np.cumsum([(0, 0, 1, 0), *sizes], axis=0)


# The steps of a set stand in a list of numba's own, so that one call takes a bar through all of them.
_step = types.FunctionType(STEP)
_steps = types.ListType(_step)  # type: ignore[no-untyped-call]


@functools.lru_cache(maxsize=64)
def _listed(steps: tuple[Step, ...]) -> List:
    # Once for all instruments of a set: numba looks for each step's address anew.
    listed = _no_steps(len(steps))
    for step in steps:
        _add_step(listed, step)
    return listed


@compiled(_steps(types.int64))
def _no_steps(room: int) -> List:
    return List.empty_list(_step, room)


@compiled(types.void(_steps, _step))
def _add_step(steps: List, step: Step) -> None:
    steps.append(step)


@compiled(types.void(_steps, types.int64[:, ::1], _vector, types.int64, _vector, _vector, _vector))
def _step_all(
    steps: List, edges: np.ndarray, params: np.ndarray, t: int, rows: np.ndarray, state: np.ndarray, out: np.ndarray
) -> None:
    for i in range(len(steps)):
        here, end = edges[i], edges[i + 1]
        steps[i](params[here[1] : end[1]], t, rows[here[0] : end[0]], state[here[2] : end[2]], out[here[3] : end[3]])


@compiled(types.int64(_vector, _positions, _vector))
def _gather(row: np.ndarray, sources: np.ndarray, rows: np.ndarray) -> int:
    for i in range(sources.shape[0]):
        value = row[sources[i]]
        if not np.isfinite(value):
            return int(sources[i])
        rows[i] = value
    return -1


@compiled(types.int64(_vector, _vector, _vector))
def _first_unknown(state: np.ndarray, warmups: np.ndarray, out: np.ndarray) -> int:
    state[0] += 1.0
    for i in range(out.shape[0]):
        if state[0] >= warmups[i] and not np.isfinite(out[i]):
            return i
    return -1
