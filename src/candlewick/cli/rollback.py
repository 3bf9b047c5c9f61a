"""Let the champion before this one serve again."""

from typing import Annotated, Any

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder, OwnMembers
from candlewick.cli.promote import told
from candlewick.cli.show import Show


def rollback(
    *,
    reason: Annotated[str, Parameter(help="Why; kept in the registry.")] = "",
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    own: OwnMembers = OwnMembers(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Go back to the champion before this one; again, and it goes further back along what was promoted."""

    def alone() -> dict[str, Any]:
        from candlewick.release.promotion import rollback as carry_out

        return told(carry_out(live.folder, reason=reason, members=own.folders))

    answer = live.changed({"do": "rollback", "reason": reason}, alone)
    if not show.data(answer):
        print(answer["said"])
