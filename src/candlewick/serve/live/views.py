"""What can be asked of the live side, as plain data: nothing here changes anything."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from math import isnan
from typing import Any

import msgspec

from candlewick.core.errors import DataError
from candlewick.release.journal import Journal
from candlewick.release.records import Taken
from candlewick.serve.live import history
from candlewick.serve.live.followed import Followed
from candlewick.serve.live.resident import Resident
from candlewick.serve.live.side import Live, answered
from candlewick.serve.protocol import Answer

MOST_BARS, MOST_RECORDS = 2_000, 1_000


def status(live: Live, *, started: int) -> dict[str, Any]:
    """Everything that a person wants to see first; `started` is when the server began, ns UTC."""
    now, journal = live.clock(), live.journal
    equities = [one.equity for one in live.followed.values() if not isnan(one.equity)]
    return {
        "now": now, "started": started, "ready": not live.reasons(), "reasons": list(live.reasons()),
        "champion": _release(live, live.champion), "previous": _release(live, live.standby),
        "symbols": [_symbol(live, one, now) for one in live.followed.values()],
        "journal": {
            "seq": journal.seq, "durable": journal.durable, "bytes": journal.size, "segments": journal.segments,
            "cut": journal.cut,
        },
        "latency_us": {stage: times.summary() for stage, times in live.latency.items()},
        "feeds": [{"source": source, **counts} for source, counts in live.feeds.items()],
        "outcomes": dict(live.outcomes), "statuses": dict(live.statuses), "notices": list(live.notices),
        "equity": sum(equities) / len(equities) if equities else None,
    }  # fmt: skip


def bars(live: Live, symbol: str, count: int, *, until: int | None = None) -> dict[str, Any]:
    """The newest bars of an instrument, of those up to record `until`, and their answers, oldest first.

    Raises:
        DataError: no such instrument.
    """
    if symbol not in live.followed:
        raise DataError(f"no bar of {symbol!r} has come. Ask for one of those that /v1/status lists.")
    seqs = live.journal.newest(symbol, (history.TAKEN,), min(count, MOST_BARS), until=until)
    events = []
    for seq in seqs:
        record: Taken = live.journal.get(seq)
        values = dict(zip(live.names[record.columns], record.values, strict=True))
        events.append(
            {"bar": {"symbol": symbol, "t": record.t, "values": values}, "answer": _answer(live, seq, record)}
        )
    return {"symbol": symbol, "events": events}


def forecasts(
    live: Live, *, since: int, limit: int, symbol: str | None = None, scan: int = 50 * MOST_RECORDS
) -> dict[str, Any]:  # fmt: skip
    """Forecasts from the record `since` on, in their order; `next` is where to go on, after `scan` records at most."""
    found: list[Answer] = []
    seq = max(since, 0)
    end = min(live.journal.seq + 1, seq + scan)
    while seq < end and len(found) < min(limit, MOST_RECORDS):
        record = live.journal.get(seq)
        if isinstance(record, Taken) and symbol in (None, record.symbol):
            found.append(_answer(live, seq, record))
        seq += 1
    return {"forecasts": found, "next": seq}


def records(live: Live, *, since: int, limit: int) -> dict[str, Any]:
    """Records of the journal from `since` on; a negative `since` means the last so many."""
    journal, limit = live.journal, min(limit, MOST_RECORDS)
    begin = max(journal.seq + 1 + since, 0) if since < 0 else since
    found = [plain(live.names, seq, record) for seq, record in journal.read(begin, begin + limit)]
    return {"records": found, "next": min(begin + limit, journal.seq + 1)}


def plain(names: dict[int, tuple[str, ...]], seq: int, record: Any) -> dict[str, Any]:
    """A record as plain data; `kind` says which."""
    found = {name: msgspec.to_builtins(getattr(record, name)) for name in record.__struct_fields__}
    told = found.pop("told", None)
    if told is not None:
        found |= dict(zip(type(record.told).__struct_fields__, told, strict=True))
        found.pop("raw")
    if "values" in found and found["columns"] in names:
        found["values"] = dict(zip(names[found.pop("columns")], found["values"], strict=True))
    return {"seq": seq, "kind": record.__struct_config__.tag, **found}


def all_records(journal: Journal) -> Iterator[dict[str, Any]]:
    """Every record of a journal as plain data."""
    names: dict[int, tuple[str, ...]] = {}
    for seq, record in journal.read():
        if record.__struct_config__.tag == "columns":
            names[record.number] = record.names
        yield plain(names, seq, record)


def _answer(live: Live, seq: int, record: Taken) -> Answer:
    return answered(record, seq, durable=seq <= live.journal.durable)


def _release(live: Live, resident: Resident | None) -> dict[str, Any] | None:
    if resident is None:
        return None
    card, label = resident.bundle.card, resident.bundle.exported.label
    about = {"kind": label.kind, "name": label.spec_name(), "horizon": label.horizon, "classes": list(label.classes)}
    return {
        "release": resident.id, "generation": live.generation, "since": live.since, "title": card.title,
        "model": card.model, "interval_ns": card.interval_ns, "label": about, "anchor": resident.anchor,
        "setting": {**asdict(resident.setting), "text": str(resident.setting)},
    }  # fmt: skip


def _symbol(live: Live, followed: Followed, now: int) -> dict[str, Any]:
    numbers = {name: getattr(followed, name) for name in ("position", "equity", "held")}
    troubles: Mapping[str, int] = live.troubles.get(followed.symbol, {})
    known = {name: None if isnan(value) else value for name, value in numbers.items()}
    return {
        "symbol": followed.symbol, "t": followed.t, "bars": followed.bars, "feed_age_ns": now - followed.t,
        "status": followed.status, "reason": followed.reason, "target": known["held"],
        "position": known["position"], "equity": known["equity"],
        **{name: troubles.get(name, 0) for name in ("refused", "duplicates", "missing")},
    }  # fmt: skip
