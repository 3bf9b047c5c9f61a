"""A release on its way into memory: loaded, verified and warmed in a process of its own, then caught up here.

What holds the interpreter's lock for long, and what a foreign model may do to its process, is done by the child
(`warm.py`). Once the child has verified and warmed it, this process opens the same bundle in a thread, while the child
follows the journal; then the child leaves the states of all instruments in a file. The few bars that came after are
stepped by whoever owns the live side, between those that are answered.
"""

import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from candlewick.core.errors import StorageError
from candlewick.core.failpoint import reached
from candlewick.release.bundle import open_bundle
from candlewick.release.publish import releases_folder
from candlewick.runtime.choose import Setting
from candlewick.serve.live.child import Child, LateError
from candlewick.serve.live.resident import Begun, Resident
from candlewick.serve.live.states import States, load_states

IDLE_S, TIMEOUT_S = 30, 300
"""How long the child may take with what nobody else wants of the processor, and then with a share of it."""

MOST_OWED = 200_000
"""Bars that may come meanwhile: they are kept in memory until they are stepped."""


class Warming:
    """One release being loaded. Made by the thread that owns `Live`, then run by another.

    Attributes:
        id: the release.
        known: seq of the journal up to which the child warms it; whatever came later is owed.
        backlog: the bars that are owed.
    """

    def __init__(
        self, folder: Path, release: str, *, known: int, symbols: Sequence[str], members: Sequence[Path] = (),
        setting: Setting | None = None, wishes: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """`setting` is how it is run where it can be; else the child measures what is fastest within `wishes`."""
        self.id, self.known = release, known
        self.backlog: deque[tuple[str, int, dict[str, float]]] = deque()
        self._folder, self._symbols, self._members = folder, list(symbols), list(members)
        self._setting, self._wishes = setting, list(wishes)
        self._child: Child | None = None
        self._stopped = False

    def owe(self, symbol: str, t: int, values: dict[str, float]) -> None:
        """A bar that came meanwhile; one too many ends it."""
        self.backlog.append((symbol, t, values))
        if len(self.backlog) > MOST_OWED:
            self.stop()

    def stop(self) -> None:
        """Let `run` end soon, with an error; by any thread."""
        self._stopped = True
        if self._child is not None:
            self._child.stop()

    def run(self) -> Resident:
        """The release in memory, warm, and with a backlog of the newest bars; takes seconds.

        Raises:
            CandlewickError: what the child found wrong, in its words.
        """
        late = f"within {TIMEOUT_S} s"
        try:
            with suppress(LateError):
                return self._run(idle=True, timeout_s=IDLE_S)
            with suppress(LateError):
                return self._run(idle=False, timeout_s=TIMEOUT_S)
        except StorageError:
            if len(self.backlog) <= MOST_OWED:
                raise
            late = f"before {MOST_OWED:,} more bars had come"
        raise StorageError(
            f"release {self.id[:12]} was not loaded and warmed {late}. Nothing was changed. "
            "Look at what else the machine does, or release a smaller model."
        )

    def _run(self, *, idle: bool, timeout_s: float) -> Resident:
        with tempfile.TemporaryDirectory(prefix=".warming-", dir=self._folder) as place:
            out = Path(place) / "states"
            with Child(self._asked(out, idle), timeout_s=timeout_s) as child:
                self._child = child
                if self._stopped:
                    child.stop()
                setting = child.setting()
                reached("warming.loaded")
                # What the child did unharmed is done here; it follows the journal meanwhile.
                bundle = open_bundle(releases_folder(self._folder) / self.id, members=self._members)
                resident = Resident(bundle, setting)
                child.finish()
            self._put_into(resident, load_states(out))
        return resident

    def _asked(self, out: Path, idle: bool) -> dict[str, Any]:
        return {
            "folder": str(self._folder), "release": self.id, "known": self.known, "symbols": self._symbols,
            "members": [str(path) for path in self._members],
            "setting": asdict(self._setting) if self._setting else None, "wishes": self._wishes, "out": str(out),
            "idle": idle,
        }  # fmt: skip

    def _put_into(self, resident: Resident, states: States) -> None:
        resident.known, resident.backlog = self.known, self.backlog
        for symbol, begun in states.begun.items():
            resident.begin(symbol, Begun(*begun), states.arrays.get(symbol))
        resident.failed.update(states.failed)
        for _ in range(states.followed):
            self.backlog.popleft()
