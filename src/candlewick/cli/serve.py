"""Answer bars with forecasts, over HTTP, WebSocket, files and standard input."""

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder, OwnMembers
from candlewick.cli.show import Show

_NAMES = {"candlewick listens on": "url", "token": "token", "status page": "page"}


def serve(
    *,
    host: Annotated[str, Parameter(help="Address to listen at; another than the loopback is open to others.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, Parameter(help="Port to listen at; 0 takes one that is free.")] = 8765,
    host_name: Annotated[
        list[str] | None, Parameter(help="Name by which it may be spoken to, beside localhost; several times for more.")
    ] = None,
    precision: Annotated[
        str | None, Parameter(help="fp32, bf16 or int8; by default the fastest that may serve, as measured here.")
    ] = None,
    threads: Annotated[
        int | None, Parameter(help="Threads of the model; 1 by default, for the cores have more to do.")
    ] = None,
    stdin: Annotated[
        bool, Parameter(show_default=False, help="Take bars from standard input too; answers go to standard output.")
    ] = False,
    follow: Annotated[
        list[Path] | None,
        Parameter(help="File of bars that is read while it is written: JSON lines, or CSV with a header."),
    ] = None,
    rate: Annotated[float, Parameter(help="Bars a second that one client may send.")] = 20_000.0,
    max_symbols: Annotated[int, Parameter(help="Instruments at most.")] = 1_024,
    link: Annotated[
        bool, Parameter(show_default=False, help="Only ask the running server for a new link to its page.")
    ] = False,
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    own: OwnMembers = OwnMembers(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Serve the champion of a live folder until Ctrl-C; it can be promoted and rolled back meanwhile."""
    if link:
        _tell_link(live, show)
        return
    from candlewick.core.errors import ConfigError
    from candlewick.serve.server import Settings
    from candlewick.serve.server import serve as carry_out

    if show.json and stdin:
        raise ConfigError("answers to --stdin go to standard output, was --json as well. Leave one of them out.")
    wishes = (*([precision] if precision else ()), *([str(threads)] if threads else ()))
    settings = Settings(
        live.folder, host=host, port=port, host_names=tuple(host_name or ()), members=own.folders, wishes=wishes,
        rate=rate, most_symbols=max_symbols, stdin=stdin, follow=tuple(follow or ()),
    )  # fmt: skip
    with show.progress() as progress:
        carry_out(settings, progress=progress, say=_announcing(show))


def _tell_link(live: LiveFolder, show: Show) -> None:
    from candlewick.serve.admin import ask

    answer = ask(live.folder, {"do": "link"}, timeout_s=10.0)
    if not show.data(answer):
        print(answer["said"])


def _announcing(show: Show) -> Callable[[str], None]:
    said: dict[str, str] = {}

    def say(text: str) -> None:
        with suppress(OSError):  # who listened may be gone; the server goes on, and ends when it is asked to
            print(text, file=sys.stderr, flush=True)
            told = re.match(r"(candlewick listens on|token|status page) +(\S+)", text)
            if told:
                said[_NAMES[told[1]]] = told[2]
            if told and told[1] == "status page" and show.data(said):
                sys.stdout.flush()

    return say
