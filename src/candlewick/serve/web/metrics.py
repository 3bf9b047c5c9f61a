"""Figures for Prometheus, read when they are asked for: counting costs the bars nothing."""

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from candlewick.runtime.histogram import Histogram
from candlewick.serve.live.side import Live

Gauge = Callable[[], float]


class Metrics:
    """A registry of its own, so that nothing of other libraries is in it.

    Attributes:
        refusals: requests that were refused, by status and code.
        lines: lines of files and standard input, by what became of them.
    """

    def __init__(self, live: Live, *, gauges: dict[str, tuple[str, Gauge]], times: dict[str, Histogram]) -> None:
        """`gauges` by name: what each says and how it is read; `times`: further durations beside the engine's."""
        self._live, self._gauges, self._times = live, gauges, times
        self.refusals: dict[tuple[int, str], int] = {}
        self.lines: dict[str, int] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def refused(self, status: int, code: str) -> None:
        """Count a refusal."""
        self.refusals[status, code] = self.refusals.get((status, code), 0) + 1

    def exposition(self) -> tuple[bytes, str]:
        """The figures as text, and its media type."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def collect(self) -> Iterator[Metric]:
        """Every figure there is."""
        yield from self._counts()
        yield from self._durations()
        for name, (says, read) in self._gauges.items():
            yield GaugeMetricFamily(f"candlewick_{name}", says, value=read())
        ages = GaugeMetricFamily("candlewick_feed_age_seconds", "since the newest bar closed", labels=["symbol"])
        for symbol, followed in self._live.followed.items():
            ages.add_metric([symbol], (self._live.clock() - followed.t) / 1e9)
        yield ages

    def describe(self) -> list[Metric]:
        """Nothing in advance: what there is depends on what came."""
        return []

    def _counts(self) -> Iterator[Metric]:
        live = self._live
        yield _counter("bars", "bars by what became of them", "outcome", live.outcomes)
        yield _counter("forecasts", "forecasts by their status", "status", live.statuses)
        yield _counter("lines", "lines of files and standard input", "outcome", self.lines)
        refused = CounterMetricFamily("candlewick_refusals", "requests refused", labels=["status", "code"])
        for (status, code), count in self.refusals.items():
            refused.add_metric([str(status), code], count)
        yield refused

    def _durations(self) -> Iterator[Metric]:
        stages = HistogramMetricFamily("candlewick_stage_seconds", "time of each stage of a bar", labels=["stage"])
        for stage, times in {**self._live.latency, **self._times}.items():
            buckets, mean = buckets_of(times)
            stages.add_metric([stage], buckets, mean)
        yield stages


def buckets_of(times: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Cumulated counts by upper edge in seconds, and about the sum of all durations."""
    below, total, found = 0, 0.0, []
    for begin, end, count in times.octaves():
        below += count
        total += count * (begin + end) / 2e6
        found.append((f"{end / 1e6:.6g}", float(below)))
    return [*found, ("+Inf", float(below))], total


def _counter(name: str, says: str, label: str, counts: Any) -> CounterMetricFamily:
    family = CounterMetricFamily(f"candlewick_{name}", says, labels=[label])
    for kind, count in sorted(counts.items()):
        family.add_metric([kind], count)
    return family
