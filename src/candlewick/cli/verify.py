"""Whether a release is what it was when it was made."""

from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder, OwnMembers
from candlewick.cli.show import Show


def verify(
    release: Annotated[str, Parameter(help="An id, the first digits of one, or an alias.")],
    /,
    *,
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    own: OwnMembers = OwnMembers(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> int:
    """Compare a release with its hashes, check that it is sound, and run its golden vectors in every way it may run."""
    from candlewick.release.registry import Registry
    from candlewick.release.verify import verify as look

    entry = Registry(live.folder).get(release)
    found = list(look(entry.folder, members=own.folders))
    if not show.data(
        {"release": entry.id, "fine": all(one.fine for one in found), "found": [asdict(f) for f in found]}
    ):
        for one in found:
            print(f"{'ok' if one.fine else 'WRONG':5} {one.what:7} {one.said}")
    return int(not all(one.fine for one in found))
