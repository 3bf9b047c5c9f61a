"""Which release made a forecast, from which data and seed, and whether it can be made again to the same bits."""

from pathlib import Path
from typing import Any

from candlewick.core.errors import DataError
from candlewick.release.bundle import read_card
from candlewick.release.journal import Journal
from candlewick.release.publish import releases_folder
from candlewick.release.records import Anchored, Late, Revised, Taken
from candlewick.serve.live import history
from candlewick.serve.live.views import plain


def why(folder: Path, symbol: str, t: int, *, journal: Journal | None = None) -> dict[str, Any]:
    """All that is known of the forecast of an instrument that was in force at `t`: that of its newest bar until then.

    Works beside a server that runs; gives `forecast` (the record), `release` (card and lineage), `anchor` (where the
    state began), and `since` (what came later for the same bar).

    Raises:
        DataError: no bar of that instrument had come by then.
        StorageError: journal or release are damaged.
    """
    journal = journal or history.open_journal(folder, writes=False)
    seqs = journal.newest(symbol, (history.TAKEN,), 1, t=t)
    if not seqs:
        raise DataError(
            f"{folder} holds no bar of {symbol!r} that closed by then. "
            "Names are exact; `candlewick forecasts` lists what was forecast."
        )
    record: Taken = journal.get(seqs[0])
    names = {record.columns: history.names(journal, record.columns)}
    card = read_card(releases_folder(folder) / record.told.release)
    later = [journal.get(seq) for seq in journal.find(symbol, record.t, (history.LATE, history.REVISED))]
    return {
        "forecast": plain(names, seqs[0], record),
        "release": {"release": record.told.release, **card.model_dump(mode="json")},
        "anchor": _anchor(journal, seqs[0], record),
        "since": [plain({}, -1, one) for one in later if isinstance(one, Late | Revised)],
    }


def _anchor(journal: Journal, seq: int, record: Taken) -> dict[str, Any] | None:
    own = journal.newest(record.symbol, (history.ANCHORED,), 1_000, until=seq)
    for place in reversed(own):
        found = journal.get(place)
        if isinstance(found, Anchored) and found.release == record.told.release:
            return plain({}, place, found)
    return None
