"""Daily bars that the arch package ships: read at run time, never copied."""

import importlib
from typing import Any

from candlewick.data.read import Reading, read


def bundled(name: str) -> Any:
    """The frame of `arch.data.NAME`, as it ships."""
    return importlib.import_module(f"arch.data.{name}").load()


def prepared(frame: Any, symbol: str) -> Reading:
    """Its bars, known at the close of New York's session; the adjusted close is left out."""
    reading = read(
        frame.drop(columns="Adj Close"), stamp="close", zone="America/New_York", session_close="16:00", symbol=symbol
    )
    return Reading(
        reading.panel, (f"{symbol}: daily bars that the arch package ships", *reading.mapping), reading.findings
    )
