"""Whether a release, or all that was forecast live, is what it was."""

from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder, OwnMembers
from candlewick.cli.show import Show
from candlewick.core.errors import ConfigError


def verify(
    release: Annotated[str | None, Parameter(help="An id, the first digits of one, or an alias.")] = None,
    /,
    *,
    journal: Annotated[
        bool, Parameter(show_default=False, help="Make every live forecast again from its anchor, too; takes long.")
    ] = False,
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    own: OwnMembers = OwnMembers(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> int:
    """Compare a release with its hashes and run its golden vectors; or the journal with itself, to the last bit."""
    if release is None and not journal:
        raise ConfigError("verify needs a release or --journal, was given neither. Name a release, such as champion.")
    found = _release(release, live, own) if release is not None else []
    if journal:
        found += _journal(live, own, show)
    fine = all(one["fine"] for one in found)
    if not show.data({"fine": fine, "found": found}):
        for one in found:
            print(f"{'ok' if one['fine'] else 'WRONG':5} {one['what']:7} {one['said']}")
    return int(not fine)


def _release(release: str, live: LiveFolder, own: OwnMembers) -> list[dict[str, object]]:
    from candlewick.release.registry import Registry
    from candlewick.release.verify import verify as look

    return [asdict(one) for one in look(Registry(live.folder).get(release).folder, members=own.folders)]


def _journal(live: LiveFolder, own: OwnMembers, show: Show) -> list[dict[str, object]]:
    from candlewick.serve.live.replaying import differing, retell

    with show.progress() as progress:
        found = retell(live.folder, members=own.folders, progress=progress)
    wrong = " ".join(differing(found))
    said = wrong or f"{found.forecasts:,} forecasts were made again from their anchors, to the same bits"
    return [{"what": "journal", "fine": not wrong, "said": said}]
