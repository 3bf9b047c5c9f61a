"""What the journal knows of an instrument's bars: as they came, and as they were corrected."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from candlewick.release.journal import Journal
from candlewick.release.places import NOWHERE, Key
from candlewick.release.records import Columns, Late, Record, Revised, Taken

TAKEN, LATE, REVISED, _COLUMNS = 1, 2, 3, 4
_KINDS = {Taken: TAKEN, Late: LATE, Revised: REVISED}
JOURNAL = "journal"
"""Folder of the live journal."""


def key(record: Any) -> Key:
    """Kind, instrument and close of what is looked for by them."""
    if isinstance(record, Columns):
        return _COLUMNS, "columns", record.number
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
