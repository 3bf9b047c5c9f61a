"""What differs between two releases."""

import json
from dataclasses import asdict
from typing import Annotated, Any

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder
from candlewick.cli.show import Show, table


def diff(
    one: Annotated[str, Parameter(help="An id, the first digits of one, or an alias.")],
    other: Annotated[str, Parameter(help="The same, of another release.")],
    /,
    *,
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """What two releases say differently: specs, configuration, data, seeds, versions, verdict, weights."""
    from candlewick.release.bundle import SHORT
    from candlewick.release.difference import differences
    from candlewick.release.registry import Registry

    registry = Registry(live.folder)
    first, second = registry.get(one), registry.get(other)
    found = differences(first.folder, second.folder)
    if show.data([asdict(each) for each in found]):
        return
    if not found:
        print("They are the same release." if first.id == second.id else "They say the same.")
        return
    rows = [(each.key, _cell(each.one), _cell(each.other)) for each in found]
    table(("key", first.id[:SHORT], second.id[:SHORT]), rows)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
