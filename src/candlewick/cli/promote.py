"""Point an alias at a release."""

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder, OwnMembers
from candlewick.cli.show import Show


def promote(
    release: Annotated[str, Parameter(help="An id, the first digits of one, or an alias.")],
    /,
    *,
    alias: Annotated[
        Literal["champion", "challenger", "shadow"], Parameter(name="--as", help="What it becomes.")
    ] = "champion",
    reason: Annotated[str, Parameter(help="Why; kept in the registry.")] = "",
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    own: OwnMembers = OwnMembers(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Let a release serve, where the gate lets it through; a server that runs has swapped when this returns."""

    def alone() -> dict[str, Any]:
        from candlewick.release.promotion import promote as carry_out

        return told(carry_out(live.folder, release, alias=alias, reason=reason, members=own.folders))

    request = {"do": "promote", "release": release, "alias": alias, "reason": reason}
    answer = live.changed(request, alone)
    if not show.data(answer):
        print(answer["said"])


def told(move: Any) -> dict[str, Any]:
    """A move that was made without a server, as a server would tell it."""
    from candlewick.release.bundle import SHORT

    before = f", before {move.previous[:SHORT]}" if move.previous else ""
    said = f"{move.alias} is {move.release[:SHORT]} now{before} (generation {move.generation}); no server is running."
    return {"ok": True, "release": move.release, "alias": move.alias, "generation": move.generation, "said": said}
