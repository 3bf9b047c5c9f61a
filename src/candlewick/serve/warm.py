"""The child process that loads, verifies and warms a release: `python -m candlewick.serve.warm` with JSON as input."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from candlewick.core.errors import CandlewickError, ConfigError
from candlewick.release.bundle import open_bundle
from candlewick.release.publish import releases_folder
from candlewick.runtime.choose import Setting, candidates, choose, open_session
from candlewick.runtime.engine import Engine
from candlewick.runtime.exported import Exported
from candlewick.serve import history
from candlewick.serve.states import States, save_states


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


def warm(asked: dict[str, Any]) -> Setting:
    """Load and verify the release, step its engines over each instrument's newest bars, and leave their states."""
    folder, known = Path(asked["folder"]), asked["known"]
    members = [Path(path) for path in asked["members"]]
    bundle = open_bundle(releases_folder(folder) / asked["release"], members=members)
    exported = bundle.exported
    setting = Setting(**asked["setting"]) if asked["setting"] else None
    if setting not in candidates(exported):
        setting = setting_for(exported, asked["wishes"])
    session = open_session(exported, setting)
    bundle.golden.check(session)
    journal = history.open_journal(folder, writes=False)
    states: States = {}
    for symbol in asked["symbols"]:
        if bundle.card.symbols is not None and symbol not in bundle.card.symbols:
            continue
        bars = history.newest(journal, symbol, exported.anchor, known=known)
        names = {number: history.names(journal, number) for number in {bar.columns for bar in bars}}
        bars = history.usable(bars, names, exported.columns)
        engine = Engine(exported, [symbol], session, release=bundle.id, interval_ns=bundle.card.interval_ns)
        places = {number: [own.index(name) for name in exported.columns]
                  for number, own in names.items() if set(exported.columns) <= set(own)}  # fmt: skip
        for bar in bars:
            engine.step(bar.t, history.row(bar, places[bar.columns]))
        begun = (bars[0].t if bars else -1, len(bars), known)
        states[symbol] = begun, engine.snapshot()
    save_states(Path(asked["out"]), states)
    return setting


def main() -> int:
    """Carry out one request."""
    os.nice(10)  # the server's own steps come first
    try:
        setting = warm(json.loads(sys.stdin.read()))
    except CandlewickError as error:
        print(str(error).replace("\n", " "), file=sys.stderr)
        return error.exit_code
    print(json.dumps(asdict(setting)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
