"""The releases of a live folder."""

from typing import TYPE_CHECKING, Any

from candlewick.cli.places import LiveFolder
from candlewick.cli.show import Show, table
from candlewick.core.clock import NS_PER_SECOND, iso

if TYPE_CHECKING:
    from candlewick.release.registry import Entry


def releases(
    *,
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Releases of a live folder, oldest first: which alias points at each, and what its verdict says."""
    from candlewick.release.bundle import SHORT
    from candlewick.release.registry import Registry

    registry = Registry(live.folder)
    pointed = registry.aliases
    rows = [
        {
            "release": entry.id,
            "alias": [alias for alias, release in pointed.items() if release == entry.id],
            **_said(entry),
            "registered": iso(entry.at // NS_PER_SECOND * NS_PER_SECOND),
            "origin": entry.origin,
        }
        for entry in registry.entries
    ]
    if show.data({"releases": rows, "generation": registry.generation}):
        return
    if rows:
        shown = [{**row, "release": row["release"][:SHORT], "alias": ", ".join(row["alias"])} for row in rows]
        table(list(rows[0]), [list(row.values()) for row in shown])
    else:
        show.remark(f"no releases in {live.folder}. `candlewick release RUN` makes one.")


def _said(entry: "Entry") -> dict[str, Any]:
    from candlewick.core.errors import CandlewickError
    from candlewick.release.bundle import read_card

    try:
        card = read_card(entry.folder)
    except CandlewickError as error:
        return {"title": "", "model": "", "says": f"damaged: {error}"}
    return {"title": card.title, "model": card.model, "says": card.one_line}
