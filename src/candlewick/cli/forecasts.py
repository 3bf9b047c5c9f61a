"""Forecasts that a server has made."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from candlewick.cli.connection import TokenOptions

if TYPE_CHECKING:
    from candlewick.serve.protocol import Answer

_NEWEST = 1_000


def forecasts(
    *,
    url: Annotated[str, Parameter(help="Address of the server.")] = "http://127.0.0.1:8765",
    since: Annotated[
        int | None, Parameter(help="First place in the journal; by default among the last 1,000, or from now on.")
    ] = None,
    symbol: Annotated[str | None, Parameter(help="One instrument only.")] = None,
    follow: Annotated[bool, Parameter(show_default=False, help="Wait for new ones, until Ctrl-C.")] = False,
    token: TokenOptions = TokenOptions(),  # noqa: B008 (frozen)
    as_json: Annotated[bool, Parameter(name="--json", show_default=False, help="One JSON object a line.")] = False,
    quiet: Annotated[bool, Parameter(show_default=False, help="No heading and no remarks.")] = False,
) -> None:
    """Print forecasts, oldest first: value, target position, paper equity, the release that made each, its status."""
    from candlewick.cli.ending import Ending

    with Ending() as ending, token.client(url, sleep=ending.sleep) as client:
        if since is None:
            newest = int(client.status()["journal"]["seq"])
            since = newest + 1 if follow else max(newest + 1 - _NEWEST, 0)
        if not (as_json or quiet):
            print(_HEADING)
        while not ending.asked:
            page = client.forecasts(since, symbol=symbol)
            for answer in page.forecasts:
                print(_json(answer) if as_json else _line(answer))
            sys.stdout.flush()
            if page.next > since:
                since = page.next  # also where none was among the records that were looked at
            elif follow:
                ending.sleep(0.5)
            else:
                return


_HEADING = "  ".join(
    (f"{'seq':>9}", f"{'bar closed':<20}", f"{'symbol':<12}", f"{'forecast':>12}", f"{'target':>7}", f"{'equity':>8}",
     f"{'release':<12}", "status")
)  # fmt: skip


def _json(answer: "Answer") -> str:
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(answer)
    return json.dumps(told)


def _line(answer: "Answer") -> str:
    from candlewick.core.clock import iso

    said = answer.status + (f": {answer.reason}" if answer.reason else "")
    return (
        f"{answer.seq:>9}  {iso(answer.t):<20}  {answer.symbol:<12}  {_cell(answer.value, '12.5g')}  "
        f"{_cell(answer.target, '+7.3f')}  {_cell(answer.equity, '8.4f')}  {answer.release[:12]:<12}  {said}"
    )


def _cell(value: float | None, form: str) -> str:
    width = int(form.lstrip("+").partition(".")[0])
    return f"{'-':>{width}}" if value is None else f"{value:{form}}"
