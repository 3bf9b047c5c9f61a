"""How soon a server answers after a start, by the length of its journal.

    python benchmarks/live/restart.py [--bars 10000 1000000 --place FOLDER]

The journals are written by the live side itself, in this process: all but the last 5,000 bars by a small release, which
is quick, then those by the 5 x 512 LSTM, promoted meanwhile; with `--small` there is no other release. The server is a
real process, and time is counted from its start until /readyz says 200. It was ended in turn by SIGTERM and by SIGKILL.
Goal: 3 s, whatever the length.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _record import record
from live.folder import MINUTE, SMALL, bars, released, releases
from live.running import Running

from candlewick.core.clock import elapsed_s
from candlewick.release.registry import Registry
from candlewick.serve.live.station import Station
from candlewick.serve.protocol import Bar

STARTS, LAST = 6, 5_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--bars", type=int, nargs="+", default=[10_000, 1_000_000])
    arguments.add_argument("--small", action="store_true")
    arguments.add_argument("--place", type=Path, default=Path("runs/live-benchmark"))
    asked = arguments.parse_args()
    figures: dict[str, object] = {"model": "1 x 32" if asked.small else "5 x 512"}
    for count in asked.bars:
        live, ids = releases(asked.place / "small", 1, SMALL)
        if not asked.small:
            ids.append(released(asked.place, 0, live))
        Registry(live).move("champion", ids[0])
        began = elapsed_s()
        write(live, count, ids[1:])
        figures[f"{count:,} bars, written at, bars a second"] = count / (elapsed_s() - began)
        ready = []
        for number in range(STARTS):
            server = Running(live)
            ready.append(server.ready_s)
            figures[f"{count:,} bars, journal, MB"] = server.get("/v1/status")[1]["journal"]["bytes"] / 1e6
            server.kill() if number % 2 else server.stop()
        figures[f"{count:,} bars, ready after, median, s"] = float(np.median(ready))
        figures[f"{count:,} bars, ready after, max, s"] = max(ready)
    record("restart_small" if asked.small else "restart", figures)


def write(live: Path, count: int, then: list[str]) -> None:
    """So many bars of ten instruments through the live side; the end is left as a crash leaves it."""
    station = Station.open(live)
    end = time.time_ns() // MINUTE * MINUTE
    for k, bar in enumerate(bars(10, end, count=count // 10)):
        if k == count - LAST and then:
            station.live.journal.commit()
            asyncio.run(station.promote(*then))
        station.live.offer(Bar(bar["symbol"], bar["t"], bar["values"]))
        if k % 200 == 199:
            station.live.journal.commit()
            while station.settle(10_000_000):
                pass
            snapshot = station.snapshot()
            if snapshot is not None:
                snapshot.write(live)
        if k % 10_000 == 0:
            print(f"\r{k:,} of {count:,} bars", end="", file=sys.stderr, flush=True)
    station.live.journal.commit()


if __name__ == "__main__":
    main()
