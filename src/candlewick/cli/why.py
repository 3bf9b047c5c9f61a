"""Which release made a forecast."""

from typing import Annotated, Any

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder
from candlewick.cli.show import Show


def why(
    symbol: Annotated[str, Parameter(help="The instrument.")],
    time: Annotated[
        str, Parameter(help="When: ISO 8601, UTC where no zone is named; 14:03:07 for the last one; or ns.")
    ],
    /,
    *,
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Tell which release made the forecast that was in force at a moment, from which data, with which seed."""
    from candlewick.core.clock import now_ns
    from candlewick.serve import provenance
    from candlewick.serve.stamps import moment

    told = provenance.why(live.folder, symbol, moment(time, now=now_ns()))
    if not show.data(told):
        for line in _lines(told):
            print(line)


def _lines(told: dict[str, Any]) -> list[str]:
    return [str(told)]
