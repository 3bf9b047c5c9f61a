"""One thing that was found in bars, with its rows and what to do about it."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Severity = Literal["error", "warning", "note"]
SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """What is wrong or worth knowing, where, and what to do.

    Attributes:
        kind: a short name: `duplicates`, `ohlc`, `gaps` ...
        message: instrument, fault, first row numbers, count and mend, for people.
        rows: every row concerned, counted as the source counts them: lines of a CSV file (its header is line 1),
            positions from 0 elsewhere. Empty where the fault is not one of rows.
        severity: an error refuses the data (or its rows are dropped when asked); a warning and a note do not.
    """

    kind: str
    message: str
    rows: tuple[int, ...] = ()
    severity: Severity = "error"

    @property
    def droppable(self) -> bool:
        """Whether leaving out some rows mends it."""
        return bool(self.rows)

    def as_dropped(self) -> "Finding":
        """The same, after its rows were left out as the user asked."""
        return replace(self, severity="warning", message=f"{self.message} Dropped, as asked.")


def at_rows(
    kind: str, where: str, what: str, rows: np.ndarray, *, mend: str, severity: Severity = "error"
) -> list[Finding]:
    """One finding about `rows`, or none where there are none. `what` reads on from the count: "3 rows have ..."."""
    if len(rows) == 0:
        return []
    shown = ", ".join(str(row) for row in rows[:SHOWN])
    rest = ", ..." if len(rows) > SHOWN else ""
    noun = "row" if len(rows) == 1 else "rows"
    message = f"{where}: {what} in {len(rows):,} {noun} ({noun} {shown}{rest}). {mend}"
    return [Finding(kind, message, tuple(int(row) for row in rows), severity)]
