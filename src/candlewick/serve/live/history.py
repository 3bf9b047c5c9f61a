"""What the journal knows of an instrument's bars: as they came, and as they were corrected."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from candlewick.release.journal import Journal
from candlewick.release.places import NOWHERE, Key
from candlewick.release.records import Anchored, Columns, Late, Record, Revised, Taken

TAKEN, LATE, REVISED, ANCHORED, _COLUMNS = 1, 2, 3, 4, 5
_KINDS: dict[type, int] = {Taken: TAKEN, Late: LATE, Revised: REVISED}
JOURNAL = "journal"
"""Folder of the live journal."""


def key(record: Any) -> Key:
    """Kind, instrument and close of what is looked for by them."""
    if isinstance(record, Columns):
        return _COLUMNS, "columns", record.number
    if isinstance(record, Anchored):
        return ANCHORED, record.symbol, record.at
    kind = _KINDS.get(type(record))
    return (kind, record.symbol, record.t) if kind else NOWHERE


def open_journal(folder: Any, **options: Any) -> Journal:
    """The journal of a live folder.

    Raises:
        StorageError: it is damaged.
    """
    return Journal(folder / JOURNAL, Record, key=key, **options)


@dataclass(frozen=True, slots=True)
class Known:
    """A bar as it is known at some moment: corrected where a revision came."""

    t: int
    columns: int
    values: tuple[float, ...]


def newest(journal: Journal, symbol: str, count: int, *, known: int) -> list[Known]:
    """The last `count` bars of an instrument in order of time, as they were known after the record `known`.

    Late bars stand in their place, revised ones have their newest values.
    """
    if count <= 0:
        return []
    asked = count
    while True:
        seqs = journal.newest(symbol, (TAKEN, LATE, REVISED), asked, until=known)
        records = [journal.get(seq) for seq in seqs]
        merged = merge(records)
        taken = [record.t for record in records if isinstance(record, Taken)]
        # Whatever is older in the journal than the oldest bar found closed before it.
        whole = [bar for bar in merged if taken and bar.t >= taken[0]]
        if len(whole) >= count or len(seqs) < asked:
            return (whole if len(whole) >= count else merged)[-count:]
        asked *= 2


def merge(records: Iterable[Taken | Late | Revised]) -> list[Known]:
    """Bars by time; of several records of one bar the last one counts."""
    found = {record.t: Known(record.t, record.columns, record.values) for record in records}
    return [found[t] for t in sorted(found)]


def names(journal: Journal, number: int) -> tuple[str, ...]:
    """Names of the values of bars that say `columns` is `number`."""
    (seq,) = journal.find("columns", number, (_COLUMNS,))
    found: Columns = journal.get(seq)
    return found.names


def usable(bars: list[Known], names: Mapping[int, tuple[str, ...]], columns: tuple[str, ...]) -> list[Known]:
    """The newest of `bars` without a break that all have `columns`."""
    fits = [set(columns) <= set(names[bar.columns]) for bar in bars]
    first = len(fits) - fits[::-1].index(False) if False in fits else 0
    return bars[first:]
