"""Moving an alias where no server runs: the gate decides, the registry records, the pointer moves."""

from collections.abc import Sequence
from pathlib import Path

from candlewick.release.bundle import SHORT, open_bundle, read_card
from candlewick.release.gate import Asked, GateError, decide
from candlewick.release.registry import Moved, Registry


def promote(
    live: str | Path, name: str, *, alias: str = "champion", reason: str = "", members: Sequence[Path] = ()
) -> Moved:  # fmt: skip
    """Point an alias at a release that the gate lets through. The caller holds the folder's lock.

    Args:
        name: an id, its beginning, or another alias.
        members: folders of the user's own members.

    Raises:
        ConfigError: no such release or alias, or it points there already.
        StorageError: the release is damaged, or the registry cannot be written.
        GateError: the gate does not let it through; that is recorded.
    """
    registry = Registry(live)
    entry = registry.get(name)
    registry.require_movable(alias, entry.id)
    bundle = open_bundle(entry.folder, members=members)
    champion = registry.aliases.get("champion")
    card = read_card(registry.get(champion).folder) if champion is not None else None
    decision = decide(Asked(bundle, alias, card))
    registry.decided(entry.id, alias, decision)
    if not decision.allowed:
        raise GateError(
            f"{entry.id[:SHORT]} was not promoted: {'; '.join(decision.reasons)}. "
            f"The {alias} stays what it was. Mend that, or release another model."
        )
    return registry.move(alias, entry.id, reason=reason)


def rollback(live: str | Path, *, reason: str = "", members: Sequence[Path] = ()) -> Moved:
    """Point the champion at the release before it, if that can still be opened. The caller holds the folder's lock.

    Raises:
        ConfigError: there is nothing to go back to.
        StorageError: that release is damaged, or the registry cannot be written.
    """
    registry = Registry(live)
    target = registry.rollback_target()
    open_bundle(registry.get(target).folder, members=members)
    return registry.move("champion", target, why="rollback", reason=reason)
