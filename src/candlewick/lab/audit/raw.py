"""What a source came with: its stamps, and the same as it was at an earlier moment."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from candlewick.core.errors import DataError
from candlewick.data.bars import Bars, Panel
from candlewick.data.layout import ALIASES, CLOSE_TIME, OPEN_TIME
from candlewick.data.loading import Loaded, load
from candlewick.data.stamps import Stamps, parse
from candlewick.data.zones import check_zone, to_utc
from candlewick.lab.audit.futures import until as panel_until

if TYPE_CHECKING:
    import polars as pl


def plain(column: str) -> str:
    """A column's name as aliases are written: `Open Time` is `open_time`."""
    return re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")


def tables(raw: Any) -> Iterator["pl.DataFrame"]:
    """The tables in `raw`; none where it holds bars."""
    if isinstance(raw, Bars | Panel):
        return
    if _is_many(raw):
        for part in raw.values():
            yield from tables(part)
    else:
        yield load(raw).frame


def moments(raw: Any, zone: str | None) -> tuple[np.ndarray, bool]:
    """int64, sorted: every distinct stamp, and whether they are known to be UTC.

    Stamps without an offset are taken from the wall clock of `zone`; without one they only tell the order.
    """
    found, certain = [], True
    if isinstance(raw, Bars | Panel):
        panel = Panel((raw,)) if isinstance(raw, Bars) else raw
        return np.unique(np.concatenate([bars.t for bars in panel.bars])), True
    for frame in tables(raw):
        stamps = _stamps(frame)
        if stamps is not None:
            ns, aware = _utc(stamps, zone)
            found.append(ns[stamps.readable])
            certain = certain and aware
    return (np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)), certain


def until(raw: Any, cut: int, zone: str | None) -> Any:
    """`raw` without the rows stamped after `cut`; a table that has no stamps is left whole."""
    if isinstance(raw, Panel):
        return panel_until(raw, cut)
    if isinstance(raw, Bars):
        return raw[: int(np.searchsorted(raw.t, cut, side="right"))]
    if _is_many(raw):
        return {name: until(part, cut, zone) for name, part in raw.items()}
    stamps = _stamps(load(raw).frame)
    if stamps is None:
        return raw
    kept = _utc(stamps, zone)[0] <= cut
    if isinstance(raw, Loaded):
        return replace(raw, frame=raw.frame.filter(kept))
    if isinstance(raw, Mapping):
        return {name: np.asarray(values)[kept] for name, values in raw.items()}
    select: Callable[[np.ndarray], Any] = raw.filter if hasattr(raw, "with_columns") else raw.__getitem__
    return select(kept)


def stamp_columns(frame: "pl.DataFrame") -> dict[str, str]:
    """Columns of stamps by role: `open`, `close`, or `time` where the name does not say which."""
    roles = (("close", CLOSE_TIME), ("open", OPEN_TIME), ("time", ALIASES["time"]))
    names = {plain(column): column for column in frame.columns}
    found = ((role, next((names[alias] for alias in aliases if alias in names), None)) for role, aliases in roles)
    return {role: column for role, column in found if column is not None}


def _is_many(raw: Any) -> bool:
    kinds = Loaded, Bars, Panel, Mapping
    return isinstance(raw, Mapping) and all(
        isinstance(part, kinds) or hasattr(part, "columns") for part in raw.values()
    )


def _stamps(frame: "pl.DataFrame") -> Stamps | None:
    columns = stamp_columns(frame)
    for role in ("close", "open", "time"):
        if role in columns:
            try:
                return parse(frame[columns[role]])
            except DataError:
                continue
    return None


def _utc(stamps: Stamps, zone: str | None) -> tuple[np.ndarray, bool]:
    if stamps.aware[stamps.readable].all():
        return stamps.ns, True
    if zone is None:
        return stamps.ns, False
    return to_utc(stamps.ns, check_zone(zone), np.zeros(len(stamps.ns), dtype=np.int64))[0], True
