"""Which releases a live folder knows, and which of them serves: a fold over a small journal of what was decided.

Every change is one transaction: under the registry's own lock the newest records are read, the change is appended and
synced. Readers need no lock. An alias is one pointer; the champion's generation counts its moves.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from msgspec import Struct

from candlewick.core import files
from candlewick.core.clock import now_ns
from candlewick.core.disk import Disk
from candlewick.core.errors import ConfigError, StorageError
from candlewick.core.failpoint import reached
from candlewick.core.words import some
from candlewick.release.bundle import ID, SHORT
from candlewick.release.gate import Decision
from candlewick.release.journal import Journal
from candlewick.release.publish import releases_folder

ALIASES = ("champion", "challenger", "shadow")
SHORTEST = 4
"""Digits by which a release can be named where they are unique."""

Why = Literal["promote", "rollback"]


class Registered(Struct, frozen=True, array_like=True, tag="registered"):
    """A release that may be opened here: made from a run, or imported and tried."""

    release: str
    origin: Literal["run", "import"]
    at: int
    reason: str


class Decided(Struct, frozen=True, array_like=True, tag="decided"):
    """What the gate said of a promotion."""

    release: str
    alias: str
    allowed: bool
    reasons: tuple[str, ...]
    at: int


class Moved(Struct, frozen=True, array_like=True, tag="moved"):
    """An alias that points at another release from here on.

    Attributes:
        previous: where it pointed before; "" where nowhere.
        generation: how often this alias has been moved, this time counted.
    """

    alias: str
    release: str
    previous: str
    generation: int
    why: Why
    reason: str
    at: int


Record = Registered | Decided | Moved


@dataclass(frozen=True)
class Entry:
    """A registered release.

    Attributes:
        id: its id.
        folder: where it lies.
        origin: "run" or "import".
        at: when it was registered, ns UTC.
        reason: why it was forced; "" where it was not.
    """

    id: str
    folder: Path
    origin: str
    at: int
    reason: str


@dataclass
class _State:
    entries: dict[str, Entry] = field(default_factory=dict)
    stacks: dict[str, list[str]] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)
    history: list[Moved] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)


class Registry:
    """The registry of a live folder. Several may be open at once, in any processes; each sees what the others wrote."""

    def __init__(
        self, live: str | Path, *, clock: Callable[[], int] = now_ns, disk: Disk | None = None
    ) -> None:  # fmt: skip
        """Nothing is made before the first change.

        Raises:
            StorageError: the journal has a hole.
        """
        self._live, self._clock, self._disk = Path(live), clock, disk
        self._folder = self._live / "registry"
        self._seen: tuple[tuple[str, int], ...] = ()
        self._folded = _State()
        self._writer: Journal | None = None

    @property
    def aliases(self) -> dict[str, str]:
        """Id of the release that each alias points at; aliases that were never set are left out."""
        return {alias: stack[-1] for alias, stack in self._state().stacks.items()}

    @property
    def generation(self) -> int:
        """How often the champion has been moved."""
        return self._state().generations.get("champion", 0)

    @property
    def previous(self) -> str | None:
        """Where a rollback would take the champion; None where it has been nowhere else."""
        stack = self._state().stacks.get("champion", [])
        return stack[-2] if len(stack) > 1 else None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Registered releases, oldest first."""
        return tuple(self._state().entries.values())

    @property
    def history(self) -> tuple[Moved, ...]:
        """Moves of aliases, oldest first."""
        return tuple(self._state().history)

    @property
    def decisions(self) -> tuple[Decided, ...]:
        """What the gate said, oldest first."""
        return tuple(self._state().decisions)

    def get(self, name: str) -> Entry:
        """The release of an id, of its first four digits or more, or of an alias.

        Raises:
            ConfigError: no such release, or several.
        """
        state = self._state()
        if name in state.stacks:
            return state.entries[state.stacks[name][-1]]
        if name in ALIASES:
            raise ConfigError(f"{self._live} has no {name} yet. `candlewick promote RELEASE --as {name}` makes one.")
        found = [entry for release, entry in state.entries.items() if release.startswith(name)]
        if len(found) == 1 and len(name) >= SHORTEST:
            return found[0]
        if len(found) > 1 and len(name) >= SHORTEST:
            raise ConfigError(f"{name} is the beginning of {len(found)} releases: {_shown(found)}. Give more digits.")
        known = _shown(list(state.entries.values())) or "none"
        raise ConfigError(
            f"{self._live} has no release {name!r}. A release is named by an alias or by {SHORTEST} digits or more of "
            f"its id. There are: {known}. `candlewick releases` lists them."
        )

    def register(self, release: str, *, origin: Literal["run", "import"], reason: str = "") -> bool:
        """Let a release be opened here; false where it is known already.

        Raises:
            ConfigError: it is no id, or there is no such folder.
            StorageError: the registry cannot be written.
        """
        if not ID.fullmatch(release) or not (releases_folder(self._live) / release).is_dir():
            raise ConfigError(f"{release!r} is no release in {releases_folder(self._live)}. Make or import it first.")
        with self._changing() as state:
            if release in state.entries:
                return False
            self._write(Registered(release, origin, self._clock(), reason))
            return True

    def decided(self, release: str, alias: str, decision: Decision) -> None:
        """Record what the gate said of a promotion, allowed or not.

        Raises:
            StorageError: the registry cannot be written.
        """
        with self._changing():
            self._write(Decided(release, alias, decision.allowed, decision.reasons, self._clock()))

    def move(self, alias: str, release: str, *, why: Why = "promote", reason: str = "") -> Moved:
        """Point an alias at a registered release.

        A rollback goes to where the alias pointed before, and the next one further back along what was promoted:
        after promoting A, B and C, two rollbacks lead to A, not back to C.

        Raises:
            ConfigError: no such alias or release, it points there already, or a rollback elsewhere than to `previous`.
            StorageError: the registry cannot be written.
        """
        with self._changing() as state:
            self.require_movable(alias, release, why)
            stack = state.stacks.get(alias, [])
            generation = state.generations.get(alias, 0) + 1
            moved = Moved(alias, release, stack[-1] if stack else "", generation, why, reason, self._clock())
            reached("registry.move")
            self._write(moved)
            return moved

    def settle(self) -> None:
        """What it tells is on disk when this returns: whoever wrote it last may have ended before he knew.

        Raises:
            StorageError: the registry cannot be written.
        """
        if self._signature():
            self.close()  # opened anew, a journal writes its newest records again
            with self._changing():
                pass

    def require_movable(self, alias: str, release: str, why: Why = "promote") -> None:
        """Refuse a move that `move` would refuse.

        Raises:
            ConfigError: see `move`.
        """
        if alias not in ALIASES:
            raise ConfigError(f"an alias is one of {', '.join(ALIASES)}, was {alias!r}.")
        state = self._state()
        stack = state.stacks.get(alias, [])
        if release not in state.entries:
            raise ConfigError(f"{release[:SHORT]} is not registered in {self._live}. Make or import it first.")
        if stack and stack[-1] == release:
            raise ConfigError(f"{release[:SHORT]} is the {alias} already. Nothing was changed.")
        if why == "rollback" and (len(stack) < 2 or stack[-2] != release):
            raise ConfigError(f"a rollback of {alias} goes to where it pointed before, was {release[:SHORT]}.")

    def rollback_target(self) -> str:
        """Where a rollback takes the champion.

        Raises:
            ConfigError: there is nothing to go back to.
        """
        previous = self.previous
        if previous is None:
            fate = "there is no release before it" if self.aliases.get("champion") else "it has never been set"
            raise ConfigError(
                f"the champion of {self._live} cannot be rolled back: {fate}. Promote another release instead."
            )
        return previous

    def _state(self) -> _State:
        signature = self._signature()
        if signature != self._seen:
            try:
                journal = Journal(self._folder, Record, writes=False)
            except StorageError:  # a segment may be begun while its folder is read; a hole stays one
                journal = Journal(self._folder, Record, writes=False)
            self._folded, self._seen = _fold(journal, releases_folder(self._live)), signature
        return self._folded

    def _signature(self) -> tuple[tuple[str, int], ...]:
        try:
            entries = [(entry.name, entry.stat().st_size) for entry in os.scandir(self._folder)]
        except OSError:
            return ()
        return tuple(sorted((name, size) for name, size in entries if name.endswith(".segment") and size))

    @contextmanager
    def _changing(self) -> Iterator[_State]:
        with files.locked(self._folder / ".lock"):
            written = sum(size for _, size in self._signature())
            if self._writer is None or self._writer.broken or self._writer.size != written:
                if self._writer is not None:
                    self._writer.close()
                self._writer = Journal(self._folder, Record, disk=self._disk)
            yield self._state()

    def _write(self, record: Record) -> None:
        assert self._writer is not None
        self._writer.append(record)
        self._writer.commit()

    def close(self) -> None:
        """Let go of the journal's file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _fold(journal: Journal, releases: Path) -> _State:
    state = _State()
    for _, record in journal.read():
        if isinstance(record, Registered):
            entry = Entry(record.release, releases / record.release, record.origin, record.at, record.reason)
            state.entries[record.release] = entry
        elif isinstance(record, Decided):
            state.decisions.append(record)
        else:
            stack = state.stacks.setdefault(record.alias, [])
            if record.why == "rollback" and len(stack) > 1:
                stack.pop()
            else:
                stack.append(record.release)
            state.generations[record.alias] = record.generation
            state.history.append(record)
    return state


def _shown(entries: Sequence[Entry]) -> str:
    return some([entry.id[:SHORT] for entry in entries])
