"""What is in a source of bars and what is wrong with it, with row numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from candlewick.core.clock import iso, now_ns
from candlewick.core.errors import DataError
from candlewick.data import rules
from candlewick.data.bars import Bars, Panel
from candlewick.data.evidence import contradiction, evidence_of, gap_share, open_equals_previous_close
from candlewick.data.finding import Finding
from candlewick.data.interval import format_duration
from candlewick.data.loading import load
from candlewick.data.table import Table
from candlewick.data.understanding import Options, Understood, understand_rows

__all__ = ["Finding", "Inspection", "Instrument", "gap_share", "inspect", "open_equals_previous_close"]


@dataclass(frozen=True)
class Instrument:
    """One instrument of a source.

    Attributes:
        symbol: its name.
        rows: bars that stand after the checks.
        first, last: closes of the first and the last of them, ns UTC.
        interval_ns: nominal length of a bar.
        open_equals_previous_close: share of opens that repeat the close before; NaN without opens.
        gap_share: share of steps longer than a bar.
    """

    symbol: str
    rows: int
    first: int
    last: int
    interval_ns: int
    open_equals_previous_close: float
    gap_share: float


@dataclass(frozen=True)
class Inspection:
    """All that was found in a source.

    Attributes:
        name: the source, for people.
        instruments: what stands of each after the checks.
        columns: names of the columns of the bars.
        mapping: what was taken for what, as lines for people.
        findings: faults first, then warnings and notes; a note that holds for several instruments stands once.
        evidence: lines on whether the stamps are opens or closes.
        panel: the bars; None while an error stands.
    """

    name: str
    instruments: tuple[Instrument, ...]
    columns: tuple[str, ...]
    mapping: tuple[str, ...]
    findings: tuple[Finding, ...]
    evidence: tuple[str, ...]
    panel: Panel | None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings for which the data is refused."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def inspect(
    source: Any,
    *,
    stamp: Literal["open", "close"] | None = None,
    zone: str | None = None,
    interval: str | None = None,
    session_close: str | None = None,
    symbol: str | None = None,
    on_error: Literal["refuse", "drop"] = "refuse",
    nonpositive: bool = False,
    adjust: bool = False,
    columns: Mapping[str, str] | None = None,
) -> Inspection:
    """What is in `source`; never raises for bad data, which becomes findings. Parameters as for `data.read.read`."""
    options = Options(stamp, zone, interval, session_close, symbol, on_error, nonpositive, adjust, columns)
    understood, now = Understood(), now_ns()
    try:
        _understand(source, options, understood)
    except DataError as error:
        understood.findings.append(Finding("unusable", str(error)))
    sifted = [_sift(table, options, now) for table in understood.tables]
    clean = [table for table, _ in sifted if len(table)]
    bars = tuple(Bars.of(table.symbol, table.t, table.values, interval_ns=table.interval_ns) for table in clean)
    findings = understood.findings + [finding for _, found in sifted for finding in found]
    findings += contradiction(clean, understood.stamp)
    if options.on_error == "drop":
        findings = [finding.as_dropped() if _is_droppable(finding) else finding for finding in findings]
    if not bars and not any(finding.severity == "error" for finding in findings):
        findings.append(Finding("empty", "no row is without a fault."))
    refused = any(finding.severity == "error" for finding in findings)
    return Inspection(
        _name(source),
        tuple(_instrument(each) for each in bars),
        bars[0].columns if bars else (),
        tuple(understood.mapping),
        tuple(_gathered(findings)),
        evidence_of(clean, bars, now),
        None if refused else Panel(bars),
    )


def _name(source: Any) -> str:
    return str(source) if isinstance(source, str | Path) else getattr(source, "name", type(source).__name__)


def _understand(source: Any, options: Options, done: Understood) -> None:
    if isinstance(source, Bars):
        source = Panel((source,))
    if not isinstance(source, Panel):
        understand_rows(load(source), options, done)
        return
    done.mapping.append("bars, taken as they are")
    done.tables = tuple(
        Table(bars.symbol, np.arange(len(bars)), bars.t, bars.t,
              {name: bars.column(name) for name in bars.columns}, bars.interval_ns)
        for bars in source.bars
    )  # fmt: skip


def _gathered(findings: list[Finding]) -> list[Finding]:
    # Errors first; the same note about many instruments is said once.
    order = ("error", "warning", "note")
    gathered = [finding for finding in findings if finding.severity != "note"]
    for kind in dict.fromkeys(finding.kind for finding in findings if finding.severity == "note"):
        notes = [finding for finding in findings if (finding.kind, finding.severity) == (kind, "note")]
        more = f" The like holds for {len(notes) - 1} more instruments." if len(notes) > 1 else ""
        rows = tuple(row for note in notes for row in note.rows)
        gathered.append(Finding(kind, notes[0].message + more, rows, "note"))
    return sorted(gathered, key=lambda finding: order.index(finding.severity))


def _is_droppable(finding: Finding) -> bool:
    return finding.severity == "error" and finding.droppable


def _sift(table: Table, options: Options, now: int) -> tuple[Table, list[Finding]]:
    # Rows at fault are set aside before the next stage, so that one fault is not reported as three.
    of_values = rules.OF_VALUES if options.nonpositive else (*rules.OF_VALUES, rules.nonpositive)
    # Where a price may be zero, ten times as much is no other unit.
    of_the_whole = rules.OF_THE_WHOLE if options.nonpositive else (*rules.OF_UNITS, *rules.OF_THE_WHOLE)
    stages = (of_values, (*rules.OF_STAMPS, lambda rest: rules.future(rest, now)), of_the_whole)
    found: list[Finding] = []
    for stage in stages:
        new = [finding for rule in stage if len(table) for finding in rule(table)]
        at_fault = [row for finding in new if finding.severity == "error" for row in finding.rows]
        if at_fault:
            table = table.where(~np.isin(table.rows, at_fault))
        found += new
    if len(table) > 1 and np.any(np.diff(table.t) <= 0):
        table = table.where(np.zeros(len(table), bool))
    return table, found


def _instrument(bars: Bars) -> Instrument:
    return Instrument(bars.symbol, len(bars), int(bars.t[0]), int(bars.t[-1]), bars.interval_ns,
                      open_equals_previous_close(bars), gap_share(bars))  # fmt: skip


def summary(instrument: Instrument) -> str:
    """One line about an instrument.

    >>> summary(Instrument("EURUSD", 3, 0, 2 * 60 * 10**9, 60 * 10**9, 0.5, 0.0))
    'EURUSD: 3 bars of 1m, 1970-01-01T00:00:00Z to 1970-01-01T00:02:00Z, 50.0% of opens repeat the close before'
    """
    share = instrument.open_equals_previous_close
    opens = "" if np.isnan(share) else f", {share:.1%} of opens repeat the close before"
    return (
        f"{instrument.symbol}: {instrument.rows:,} bars of {format_duration(instrument.interval_ns)}, "
        f"{iso(instrument.first)} to {iso(instrument.last)}{opens}"
    )
