"""kill -9 at random points of ingest, promotion and release, and at every named failpoint: is anything lost or doubled?

    python benchmarks/live/kills.py [--kills 200 --place FOLDER --seed 0]

A real server with the 5 x 512 LSTM, the journal on disk with real syncs. Bars are posted at least once: what was not
acknowledged is posted again after the restart. At the end the whole journal is read and told again. Goals: 0
acknowledged bars lost, 0 taken twice, the champion's bytes the same every time.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _record import record
from live.folder import MINUTE, bars, releases
from live.running import CANDLEWICK, Running, bound

from candlewick.release.bundle import verify_files
from candlewick.release.publish import releases_folder
from candlewick.release.records import Taken
from candlewick.release.registry import Registry
from candlewick.serve.live import history
from candlewick.serve.live.replaying import retell

SERVER_POINTS = ("journal.write", "journal.sync", "journal.synced", "swap.moved", "swap.recorded", "warming.loaded",
                 "registry.move")  # fmt: skip
RELEASE_POINTS = ("release.file", "release.sealed", "release.renamed")
LAST, LONGEST_S = 3, 180.0
"""Failpoints kill when they are reached for the first time and for this one, which takes so long at most."""

SYMBOLS = 5


class Trial:
    """What is known to the one who posts: what was acknowledged, and what was asked of the champion."""

    def __init__(self, place: Path, live: Path, ids: list[str], seed: int) -> None:
        self.place, self.live, self.ids = place, live, ids
        self.random = np.random.default_rng(seed)
        end = time.time_ns() // MINUTE * MINUTE
        self.feed = bars(SYMBOLS, end, count=400_000)
        self.open: list[dict[str, object]] = []
        self.acknowledged: dict[tuple[str, int], float | None] = {}
        self.may_be = {ids[0]}
        self.kinds: Counter[str] = Counter()
        self.ready: list[float] = []
        self.wrong: list[str] = []

    def post(self, server: Running, seconds: float) -> None:
        """Bars until the server is gone or the time is over; those without an answer stay open."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            self.open = self.open or [next(self.feed) for _ in range(int(self.random.integers(1, 30)))]
            status, body = server.post(self.open)
            if status != 200:
                return
            for answer in body["answers"]:
                if answer["durable"]:
                    self.acknowledged[answer["symbol"], answer["t"]] = answer["value"]
                elif answer["outcome"] != "refused":
                    self.wrong.append(f"an answer was not durable: {answer}")
            self.open = []

    def killed(self, kind: str, failpoint: str = "") -> None:
        """One server, killed while something of `kind` is under way; or by the failpoint."""
        server = Running(self.live, "--rate", "100000", failpoint=failpoint)
        if failpoint and not server.url:
            self.kinds[failpoint] += 1  # it was killed as it began
            return
        self.ready.append(server.ready_s)
        self.look(server)
        changing = threading.Thread(target=self.change, args=(server, LAST if failpoint else 1))
        if kind == "promote":
            changing.start()
        if failpoint:
            while server.alive and time.perf_counter() - self._began < LONGEST_S:
                self.post(server, 1.0)
        else:
            self.post(server, float(self.random.uniform(0.05, 4.0 if kind == "promote" else 1.0)))
            server.kill()
        if kind == "promote":
            changing.join()
        if failpoint and server.alive:
            self.wrong.append(f"{failpoint} was not reached")
            server.kill()
        server.gone()
        self.kinds[failpoint or kind] += 1

    def change(self, server: Running, times: int) -> None:
        """Promote some other release, so often; whichever of the two may serve until the answer is there."""
        for _ in range(times):
            current = Registry(self.live).aliases["champion"]
            target = str(self.random.choice([one for one in self.ids if one != current]))
            self.may_be = {current, target}
            try:
                answer = server.ask(do="promote", release=target, alias="champion", reason="a trial")
            except Exception:
                return
            if answer.get("ok"):
                self.may_be = {target}
            else:
                self.wrong.append(str(answer))

    def released(self, failpoint: str = "") -> None:
        """`candlewick release`, killed while it works; then once more to its end."""
        command = [CANDLEWICK, "release", str(self.place / "run-0"), "--model", "lstm", "--force",
                   f"a trial {self.random.integers(2**31)}", "--folder", str(self.live), "--quiet"]  # fmt: skip
        environment = {**os.environ, "CANDLEWICK_FAILPOINT": failpoint}
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if not failpoint:
            time.sleep(float(self.random.uniform(0.5, 6.0)))
            process.kill()
        process.wait(120)
        self.kinds[failpoint or "release"] += 1
        for entry in Registry(self.live).entries:
            verify_files(entry.folder)

    def look(self, server: Running) -> None:
        """What a server that has just begun says must fit what was acknowledged."""
        status = server.get("/v1/status")[1]
        if status["champion"]["release"] not in self.may_be:
            self.wrong.append(f"the champion is {status['champion']['release']}, not one of {self.may_be}")
        self.may_be = {status["champion"]["release"]}
        newest = {one["symbol"]: one["t"] for one in status["symbols"]}
        for (symbol, t), _ in list(self.acknowledged.items())[-SYMBOLS:]:
            if newest.get(symbol, -1) < t:
                self.wrong.append(f"{symbol} ends before an acknowledged bar")

    _began = 0.0

    def run(self, kills: int) -> None:
        """All of them, told on standard error."""
        kinds = ["ingest"] * 6 + ["promote"] * 3 + ["release"]
        plan = [(str(self.random.choice(kinds)), "") for _ in range(kills)]
        plan += [("release", point) for point in RELEASE_POINTS]
        plan += [("promote", f"{point}:{n}") for point in SERVER_POINTS for n in (1, LAST)]
        for number, (kind, point) in enumerate(plan):
            self._began = time.perf_counter()
            if kind == "release":
                self.released(point)
            else:
                self.killed(kind, point)
            print(f"\r{number + 1} of {len(plan)}: {kind} {point:24}", end="", file=sys.stderr, flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--place", type=Path, default=Path("runs/live-benchmark"))
    arguments.add_argument("--seed", type=int, default=0)
    asked = arguments.parse_args()
    live, ids = releases(asked.place, 3)
    Registry(live).move("champion", ids[0])
    before = {release: verify_files(releases_folder(live) / release).files for release in ids}
    trial = Trial(asked.place, live, ids, asked.seed)
    trial.run(asked.kills)
    after = {release: verify_files(releases_folder(live) / release).files for release in ids}
    journal = history.open_journal(live, writes=False)
    taken = Counter()
    values: dict[tuple[str, int], float | None] = {}
    for _, found in journal.read():
        if isinstance(found, Taken):
            taken[found.symbol, found.t] += 1
            values[found.symbol, found.t] = found.told.value
    lost = [key for key in trial.acknowledged if key not in taken]
    twice = [key for key, count in taken.items() if count > 1]
    otherwise = [key for key, value in trial.acknowledged.items() if key in values and values[key] != value]
    told = retell(live)
    known = len(trial.acknowledged)
    record("kills", {
        "kills": dict(trial.kinds), "in all": sum(trial.kinds.values()),
        "bars acknowledged": known,
        "acknowledged bars lost": len(lost) or bound(known),
        "bars taken twice": len(twice) or bound(len(taken)),
        "acknowledged forecasts that the journal has otherwise": len(otherwise) or bound(known),
        "champions changed on disk": sum(before[one] != after[one] for one in ids) or bound(sum(trial.kinds.values())),
        "anything else that was wrong": trial.wrong or bound(sum(trial.kinds.values())),
        "forecasts made again from their anchors": told.forecasts,
        "of these with other bits": len(told.differing) or bound(told.forecasts),
        "ready after a kill, median, s": float(np.median(trial.ready)),
        "ready after a kill, max, s": float(np.max(trial.ready)),
    })  # fmt: skip


if __name__ == "__main__":
    main()
