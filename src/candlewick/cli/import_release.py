"""Let a release from elsewhere in."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder
from candlewick.cli.show import Show


def import_release(
    folder: Annotated[Path, Parameter(help="The folder of a release; unpack an archive first.")],
    /,
    *,
    members: Annotated[
        list[Path] | None,
        Parameter(help="Folder with your own members that it may run, where their sha256 is the one it tells of."),
    ] = None,
    memory: Annotated[float, Parameter(help="GiB of address space that trying it may take.")] = 4.0,
    seconds: Annotated[int, Parameter(help="Processor time that trying it may take.")] = 120,
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Copy a foreign release, open it and run its golden vectors in a limited process, and register it."""
    from candlewick.release.bundle import SHORT
    from candlewick.release.foreign import Limits
    from candlewick.release.foreign import import_release as carry_out

    limits = Limits(int(memory * 2**30), seconds, 3 * seconds)
    found = carry_out(folder, live.folder, members=members or (), limits=limits)
    if show.data({"release": found.id, "new": found.new}):
        return
    print(f"release {found.id}")
    known = "was known already; nothing was changed" if not found.new else "was checked, tried and let in"
    print(f"{found.id[:SHORT]} {known}. Its verdict is the word of whoever made it.")
