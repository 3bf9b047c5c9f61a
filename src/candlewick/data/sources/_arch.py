"""Daily bars that the arch package ships: read at run time, never copied."""

import importlib

from candlewick.data.read import Reading, read


def bundled(name: str, symbol: str) -> Reading:
    """The data set `arch.data.NAME` as bars known at the close of New York's session."""
    frame = importlib.import_module(f"arch.data.{name}").load().drop(columns="Adj Close")
    reading = read(frame, stamp="close", zone="America/New_York", session_close="16:00", symbol=symbol)
    return Reading(
        reading.panel, (f"{symbol}: daily bars that the arch package ships", *reading.mapping), reading.findings
    )
