"""The releases of a live folder as the server tells of them."""

from pathlib import Path
from threading import Lock
from typing import Any

from msgspec import structs

from candlewick.core.errors import CandlewickError
from candlewick.release.bundle import read_card
from candlewick.release.registry import Entry, Registry

_MOST_MOVES = 1_000


class Catalogue:
    """Reads the registry and the cards of its releases; for a thread beside the loop, because the disk is asked."""

    def __init__(self, folder: Path) -> None:
        self._registry, self._lock = Registry(folder), Lock()
        self._cards: dict[str, dict[str, Any]] = {}

    def releases(self) -> dict[str, Any]:
        """Releases, aliases and the newest moves, oldest first.

        Raises:
            StorageError: the registry is damaged.
        """
        with self._lock:
            return {
                "releases": [self._told(entry) for entry in self._registry.entries],
                "aliases": self._registry.aliases,
                "history": [structs.asdict(move) for move in self._registry.history[-_MOST_MOVES:]],
            }

    def _told(self, entry: Entry) -> dict[str, Any]:
        card = self._cards.get(entry.id) or self._card(entry)
        return {"release": entry.id, "registered": entry.at, "origin": entry.origin, **card}

    def _card(self, entry: Entry) -> dict[str, Any]:
        try:
            card = read_card(entry.folder)
        except CandlewickError as error:
            return {"title": "", "model": "", "forced": entry.reason, "passed": False, "sentences": [str(error)]}
        told = {
            "title": card.title, "model": card.model, "forced": card.forced, "passed": card.verdict.passed,
            "sentences": list(card.verdict.sentences),
        }  # fmt: skip
        self._cards[entry.id] = told
        return told
