"""One release, in words."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder
from candlewick.cli.show import Show
from candlewick.core.clock import iso

if TYPE_CHECKING:
    from candlewick.release.card import Card


def show(
    release: Annotated[str, Parameter(help="An id, the first digits of one, or an alias.")],
    /,
    *,
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """What a release is: its model, what it reads and trades, where it comes from, and what its verdict says."""
    from candlewick.release.bundle import read_card
    from candlewick.release.registry import Registry

    registry = Registry(live.folder)
    entry = registry.get(release)
    card = read_card(entry.folder)
    pointed = [alias for alias, id_ in registry.aliases.items() if id_ == entry.id]
    moves = [move for move in registry.history if entry.id in (move.release, move.previous)]
    plain = {
        "release": entry.id, "aliases": pointed, "origin": entry.origin, "registered": iso(entry.at),
        "card": card.model_dump(mode="json"),
        "moves": [{"alias": m.alias, "to": m.release, "why": m.why, "reason": m.reason, "at": iso(m.at)}
                  for m in moves],
    }  # fmt: skip
    if show.data(plain):
        return
    print(f"release   {entry.id}{' = ' if pointed else ''}{', '.join(pointed)}")
    print(f"origin    {entry.origin}, registered {iso(entry.at)}")
    for line in told(card):
        print(line)
    for move in moves:
        place = "became" if move.release == entry.id else "was followed as"
        print(
            f"moved     {iso(move.at)}: {place} {move.alias} by {move.why}{f' ({move.reason})' if move.reason else ''}"
        )


def told(card: "Card") -> Iterable[str]:
    """A card as lines."""
    from candlewick.data.interval import format_duration

    lineage, policy = card.lineage, card.policy
    yield f"title     {card.title}"
    yield f"model     {card.model}, content {card.content_id}"
    yield f"bars      of {format_duration(card.interval_ns)}: {', '.join(card.columns)}"
    yield f"serves    {'any instrument' if card.symbols is None else ', '.join(card.symbols)}"
    yield f"trades    {'nothing' if policy is None else _parameters(policy)}, filled at the {card.fill}"
    yield f"costs     {_parameters(card.costs.model_dump(mode='json'))}"
    yield f"verdict   {'passed' if card.verdict.passed else 'failed'}, it names {card.verdict.use}"
    for sentence in card.verdict.sentences:
        yield f"          {sentence}"
    if card.forced:
        yield f"forced    {card.forced}"
    for name in ("run", "experiment", "data", "fold", "seed", "evidence"):
        if name in lineage:
            yield f"{name:<9} {lineage[name]}"
    for name, digest in card.sources.items():
        yield f"member    {name}, sha256 {digest}"
    yield f"made by   {', '.join(f'{name} {version}' for name, version in card.made_by.items())}"


def _parameters(plain: dict[str, object]) -> str:
    named = [str(plain["name"])] if "name" in plain else []
    return ", ".join([*named, *(f"{name} {value}" for name, value in plain.items() if name != "name")])
