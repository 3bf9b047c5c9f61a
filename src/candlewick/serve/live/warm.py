"""The child process that loads, verifies and warms a release: `python -m candlewick.serve.live.warm`."""

import json
import os
import select
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from candlewick.core.errors import CandlewickError, ConfigError
from candlewick.release.bundle import open_bundle
from candlewick.release.publish import releases_folder
from candlewick.release.records import Taken
from candlewick.runtime.choose import Setting, candidates, choose
from candlewick.runtime.exported import Exported
from candlewick.serve.live import history
from candlewick.serve.live.resident import Begun, Resident
from candlewick.serve.live.snapshot import vars_of
from candlewick.serve.live.states import States, save_states

_LOOK_S = 0.02


def setting_for(exported: Exported, wishes: list[str]) -> Setting:
    """The fastest way to run a model here within `wishes`: a precision, a number of threads, or nothing.

    On one thread where nothing else is wished: others want the cores of a server too, and of two threads that wait for
    one another the one that is taken away holds up every bar.

    Raises:
        ConfigError: there is no such way.
    """
    asked = set(wishes) if any(wish.isdigit() for wish in wishes) else {*wishes, "1"}
    possible = [one for one in candidates(exported) if asked <= {one.precision, str(one.threads)}]
    if not possible:
        ways = "; ".join(str(one) for one in candidates(exported))
        raise ConfigError(f"the model cannot be run with {' and '.join(wishes)} here. It can be run by: {ways}.")
    return choose(exported, settings=possible)[0] if len(possible) > 1 else possible[0]


class Follower:
    """The release on the child's side: verified and warmed, then stepped by the bars that the journal takes in.

    Attributes:
        resident: the release and its states.
        followed: bars of all instruments that came after `known`.
    """

    def __init__(self, asked: dict[str, Any]) -> None:
        """Load, verify, and step over each instrument's newest bars as of `known`.

        Raises:
            CandlewickError: the release is not what it says it is, or cannot be run here.
        """
        folder, known, members = Path(asked["folder"]), asked["known"], [Path(path) for path in asked["members"]]
        self._out = Path(asked["out"])
        self._journal = history.open_journal(folder, writes=False)
        self._names: dict[int, tuple[str, ...]] = {}
        self._position, self.followed = known, 0
        bundle = open_bundle(releases_folder(folder) / asked["release"], members=members)
        setting = Setting(**asked["setting"]) if asked["setting"] else None
        if setting not in candidates(bundle.exported):
            setting = setting_for(bundle.exported, asked["wishes"])
        self.resident = Resident(bundle, setting)
        self.resident.known = known
        bundle.golden.check(self.resident.session)
        for symbol in asked["symbols"]:
            if self.resident.knows(symbol):
                self._warm(symbol)

    def follow(self) -> None:
        """Take in what the journal holds by now."""
        self._journal.refresh()
        for _, record in self._journal.read(self._position + 1):
            if isinstance(record, Taken):
                names = self._named(record.columns)
                self.resident.owe(record.symbol, record.t, dict(zip(names, record.values, strict=True)))
                self.resident.catch_up()
                self.followed += 1
        self._position = self._journal.seq

    def leave(self) -> None:
        """Leave the states in a file."""
        resident = self.resident
        begun = {symbol: vars_of(own) for symbol, own in resident.begun.items()}
        whole = {symbol: engine for symbol, engine in resident.engines.items() if symbol not in resident.failed}
        arrays = {symbol: engine.snapshot() for symbol, engine in whole.items()}
        save_states(self._out, States(begun, arrays, resident.failed, self.followed))

    def _warm(self, symbol: str) -> None:
        exported, known = self.resident.bundle.exported, self.resident.known
        bars = history.newest(self._journal, symbol, exported.anchor, known=known)
        names = {number: self._named(number) for number in {bar.columns for bar in bars}}
        bars = history.usable(bars, names, exported.columns)
        self.resident.warm(symbol, Begun(bars[0].t if bars else -1, len(bars), known), bars, names)

    def _named(self, number: int) -> tuple[str, ...]:
        if number not in self._names:
            self._names[number] = history.names(self._journal, number)
        return self._names[number]


def main() -> int:
    """Carry out one request: say how the release is run, follow the journal until input ends, leave the states."""
    try:
        asked = json.loads(sys.stdin.readline())
        _stand_back(asked["idle"])
        follower = Follower(asked)
        print(json.dumps(asdict(follower.resident.setting)), flush=True)
        while not select.select([sys.stdin], [], [], _LOOK_S)[0]:
            follower.follow()
        follower.follow()
        follower.leave()
    except CandlewickError as error:
        print(str(error).replace("\n", " "), file=sys.stderr)
        return error.exit_code
    return 0


def _stand_back(idle: bool) -> None:
    # The server's own steps come first: at once where this one only takes what is idle, else more often.
    if idle and hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):  # a sandbox may not let it
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            return
    os.nice(10)


if __name__ == "__main__":
    sys.exit(main())
