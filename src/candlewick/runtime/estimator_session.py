"""Estimators behind the same door as networks: `Model.predict` on the windows of the lanes."""

from typing import ClassVar

import numpy as np

from candlewick.core.errors import ConfigError
from candlewick.labels._base import UNKNOWN
from candlewick.models._base import Estimator
from candlewick.runtime.exported import Exported
from candlewick.runtime.session import Lanes, Precision, Session
from candlewick.samples.dataset import Dataset, Samples


class EstimatorSession(Session):
    """Naive, linear, har, boosted trees and estimators of a user's own.

    They compute in float64 from float32 features; "fp32" says that nothing is reduced. The samples that `predict`
    is given hold features and echoes; their stamps and labels are blank.

    Raises:
        ConfigError: the model is a network.
    """

    kernel: ClassVar[str] = "estimator"
    precision: Precision = "fp32"
    threads = 1

    def __init__(self, exported: Exported) -> None:
        if not isinstance(exported.model, Estimator):
            raise ConfigError(
                f"an estimator session was given the network {exported.model.spec_name()}. "
                "Open it with runtime.choose.open_session."
            )
        self.exported = exported
        self.model = exported.model

    def begin(self, capacity: int) -> "EstimatorLanes":
        """Lanes whose features are zero and whose echoes are unknown."""
        return EstimatorLanes(self, capacity)


class EstimatorLanes(Lanes):
    """One dataset that is laid out once; lane i is its instrument i, `length` rows long."""

    def __init__(self, session: EstimatorSession, capacity: int) -> None:
        exported = session.exported
        self._model, self._exported = session.model, exported
        data = _blank(exported, capacity)
        shape = capacity, exported.length
        self.x = data.x.reshape(*shape, -1)
        self.echo = data.echo.reshape(shape) if session.model.needs_echo else np.empty((capacity, 0))
        self.state = ()
        self.raw = np.empty((capacity, exported.head.outputs))
        newest = np.flatnonzero(data.ready)
        self._samples = tuple(Samples(data, newest[:rows]) for rows in range(capacity + 1))

    def step(self, rows: int) -> None:
        """Raw outputs of the first `rows` lanes."""
        exported = self._exported
        self.raw[:rows] = self._model.predict(
            exported.weights, self._samples[rows], head=exported.head, scale=exported.scale
        )


def _blank(exported: Exported, capacity: int) -> Dataset:
    n = capacity * exported.length
    stamps = np.zeros(n, dtype=np.int64)
    return Dataset(
        x=np.zeros((n, exported.features.width), dtype=np.float32),
        columns=exported.features.outputs,
        t=stamps,
        symbol=np.repeat(np.arange(capacity), exported.length),
        symbols=tuple(f"lane {lane}" for lane in range(capacity)),
        y=np.full(n, np.nan),
        known_at=np.full(n, UNKNOWN),
        echo=np.full(n, np.nan),
        start=stamps,
        length=exported.length,
        ready=np.arange(1, n + 1) % exported.length == 0,
    )
