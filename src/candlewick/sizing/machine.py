"""The machine as it was measured: what it multiplies and moves a second, by which library path, on how many threads."""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from candlewick.core.spec import content_id
from candlewick.sizing.scale import by_power

_METHOD = 1  # raised when what is measured, or how, becomes another
_OWN_SPREAD = 0.25  # what is above it is other work on the machine


@dataclass(frozen=True)
class Measured:
    """The best of several rounds of one trial (see `runtime.rates.Trial` for the first six).

    Attributes:
        seconds: of one unit of work.
        spread: how much longer the middle round took, as a share; large where others used the machine too.
    """

    what: str
    path: str
    precision: str
    threads: int
    shape: tuple[int, ...]
    work: float
    seconds: float
    spread: float

    @property
    def typical(self) -> float:
        """Seconds of the middle round, as far as it may be the work's own: a quarter longer than the best at most."""
        return self.seconds * (1 + min(self.spread, _OWN_SPREAD))

    @property
    def rate(self) -> float:
        """Units of 1e9 operations or bytes a second."""
        return self.work / self.seconds / 1e9


@dataclass(frozen=True)
class Share:
    """What was achieved as a share of the peak.

    Attributes:
        value: the share; None where it was refused.
        path: library path that holds the peak.
        reason: a sentence with the figures.
    """

    value: float | None
    path: str
    reason: str


@dataclass(frozen=True)
class Machine:
    """A processor with everything that was measured on it.

    Attributes:
        processor: name of the processor.
        flags: instructions that matter for matrix products.
        cores: cores that this process may use.
        memory: bytes of memory.
        versions: libraries that made the measurement.
        overrides: environment variables in force that limit instructions.
        measured_at: ns UTC.
        measurements: every trial.
        left_out: what was not measured, because there was no time for it.
    """

    processor: str
    flags: tuple[str, ...]
    cores: int
    memory: int
    versions: dict[str, str]
    overrides: dict[str, str]
    measured_at: int
    measurements: tuple[Measured, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """16 hex digits of everything but the measurements and their date: another one is another machine."""
        found = ("measurements", "measured_at", "left_out")
        facts = {name: value for name, value in self.to_dict().items() if name not in found}
        return content_id({"method": _METHOD, **facts})

    @property
    def words(self) -> str:
        """Its processor and how many cores of it."""
        return f"{self.processor}, {self.cores} {'core' if self.cores == 1 else 'cores'}"

    @property
    def trains(self) -> bool:
        """Whether torch was measured; without it nothing can be said about training networks."""
        return any(m.path.startswith("torch") for m in self.measurements)

    @property
    def spread(self) -> float:
        """The middle spread of all trials; above a few percent others were using the machine."""
        return statistics.median(m.spread for m in self.measurements) if self.measurements else 0.0

    def of(self, what: str, **where: object) -> Iterator[Measured]:
        """Measurements of one kind of work with these values of their fields."""
        key = (what, *sorted(where.items()))
        if key not in self._asked:  # a plan asks the same things thousands of times
            wanted = {"what": what, **where}.items()
            self._asked[key] = [m for m in self.measurements if all(getattr(m, k) == value for k, value in wanted)]
        return iter(self._asked[key])

    @cached_property
    def _asked(self) -> dict[tuple[object, ...], list[Measured]]:
        return {}

    def peak(self, precision: str, *, threads: int | None = None) -> tuple[float, str] | None:
        """The largest rate of a product in 1e9 operations a second by any path, and the path.

        None where no installed library multiplies in this precision. `threads` None takes any number of them.
        """
        where = {"precision": precision} | ({} if threads is None else {"threads": threads})
        best = max(self.of("product", **where), key=lambda m: m.rate, default=None)
        return None if best is None else (best.rate, best.path)

    def share(self, achieved: float, precision: str, *, threads: int | None = None) -> Share:
        """`achieved`, in 1e9 operations a second, as a share of the peak; refused above 1, for nothing beats a peak."""
        peak = self.peak(precision, threads=threads)
        if peak is None:
            return Share(
                None, "", f"no installed library multiplies in {precision}, so there is no peak to compare with."
            )
        rate, path = peak
        of = f"{achieved:,.0f} of {rate:,.0f} GFLOP/s ({path}, {precision})"
        if achieved > rate:
            return Share(
                None, path, f"refused: {of} is {achieved / rate:.0%}, and more than the peak is a fault of the "
                "measurement. Measure the machine again while it is idle."
            )  # fmt: skip
        return Share(achieved / rate, path, f"{achieved / rate:.0%}: {of}")

    def bandwidth(self, what: str, working_set: float, *, threads: int = 1) -> float:
        """Bytes a second of `read` or `copy` on a working set of so many bytes, between the measured ones."""
        counts = {m.threads for m in self.of(what)}
        nearest = max((count for count in counts if count <= threads), default=min(counts))
        rates: dict[float, float] = {m.shape[0]: m.rate * 1e9 for m in self.of(what, threads=nearest)}
        return by_power(rates, min(working_set, max(rates)))

    def resident(self, path: str) -> int:
        """Bytes that a process with this library loaded takes before it does anything; 0 where it was not measured."""
        return max((int(m.work) for m in self.of("resident", path=path)), default=0)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Machine":
        """The inverse of `to_dict`."""
        rows = (Measured(**{**row, "shape": tuple(row["shape"])}) for row in data["measurements"])
        tuples = {name: tuple(data[name]) for name in ("flags", "left_out")}
        return cls(**{**data, **tuples, "measurements": tuple(rows)})
