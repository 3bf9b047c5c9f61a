"""How a file is to be read, as options of the commands that read one."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter


@Parameter(name="*")
@dataclass(frozen=True)
class ReadingOptions:
    """What the file itself does not say. Parameters as for `candlewick.read`."""

    stamp: Annotated[Literal["open", "close"] | None, Parameter(help="Whether stamps are opens or closes.")] = None
    zone: Annotated[str | None, Parameter(help="Zone of stamps without one: UTC, America/New_York ...")] = None
    interval: Annotated[str | None, Parameter(help="Length of a bar: 5m, 1h, 1d.")] = None
    session_close: Annotated[str | None, Parameter(help="When a bar stamped with a date is known: 16:00.")] = None
    symbol: Annotated[str | None, Parameter(help="Name of the only instrument, or which one to keep.")] = None
    on_error: Annotated[
        Literal["refuse", "drop"], Parameter(help="Refuse the file, or drop the rows at fault and list them.")
    ] = "refuse"
    nonpositive: Annotated[bool, Parameter(show_default=False, help="Prices of zero and below are meant.")] = False

    def given(self) -> dict[str, Any]:
        """Keyword arguments for `read` and `inspect`."""
        return asdict(self)
