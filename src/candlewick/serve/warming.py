"""A release on its way into memory: loaded, verified and warmed in a process of its own, then caught up here.

What holds the interpreter's lock for long, and what a foreign model may do to its process, is done by the child
(`serve.warm`); it leaves the states of all instruments in a file. This process opens the same bundle in a thread; the
bars that came meanwhile are stepped by whoever owns the live side, between those that are answered.
"""

import json
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from candlewick.core.errors import StorageError
from candlewick.core.failpoint import reached
from candlewick.release.bundle import open_bundle
from candlewick.release.publish import releases_folder
from candlewick.runtime.choose import Setting
from candlewick.serve.resident import Begun, Resident
from candlewick.serve.states import load_states

TIMEOUT_S = 300


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
        self._folder, self._symbols, self._members = folder, list(symbols), [str(path) for path in members]
        self._setting, self._wishes = setting, list(wishes)

    def owe(self, symbol: str, t: int, values: dict[str, float]) -> None:
        """A bar that came meanwhile."""
        self.backlog.append((symbol, t, values))

    def run(self) -> Resident:
        """The release in memory, warm as of `known`, and with a backlog since; takes seconds.

        Raises:
            CandlewickError: what the child found wrong, in its words.
        """
        with tempfile.TemporaryDirectory(prefix=".warming-", dir=self._folder) as place:
            out = Path(place) / "states"
            setting = self._warmed(out)
            reached("warming.loaded")
            resident = Resident(open_bundle(releases_folder(self._folder) / self.id, members=self._paths), setting)
            resident.known, resident.backlog = self.known, self.backlog
            for symbol, (begun, arrays) in load_states(out).items():
                resident.begin(symbol, Begun(*begun), arrays)
        return resident

    @property
    def _paths(self) -> list[Path]:
        return [Path(path) for path in self._members]

    def _warmed(self, out: Path) -> Setting:
        asked = {
            "folder": str(self._folder), "release": self.id, "known": self.known, "symbols": self._symbols,
            "members": self._members, "setting": asdict(self._setting) if self._setting else None,
            "wishes": self._wishes, "out": str(out),
        }  # fmt: skip
        command = [sys.executable, "-m", "candlewick.serve.warm"]
        try:
            done = subprocess.run(  # noqa: S603 (this interpreter, our own module)
                command, input=json.dumps(asked), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise StorageError(
                f"release {self.id[:12]} was not loaded and warmed within {TIMEOUT_S} s. Nothing was changed. "
                "Look at what else the machine does, or release a smaller model."
            ) from None
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
            raise StorageError(f"release {self.id[:12]} could not be loaded: {said[0].removeprefix('candlewick: ')}")
        return Setting(**json.loads(done.stdout))
