"""Promotions and rollbacks under a steady open-loop load: is anything lost, mixed or late, and are the bits right?

    python benchmarks/live/swaps.py [--swaps 100 --rollbacks 20 --rates 500 400 300 200 --symbols 20 --place FOLDER]

Three releases of the 5 x 512 LSTM take turns, so that each promotion loads, verifies and warms one; after every fifth
the champion is rolled back. Bars are sent one a message over a WebSocket by another process when they are due. Latency
is from when a bar was due until its forecast was there. A few swaps at each rate find the largest one that this machine
has processors for, with the load and the child that loads a release beside the server; all of them are done at that
one. The journal is told again afterwards: every forecast, the first
hundred after each swap among them, is made anew from its anchor. Goals: 0 failed, 0 mixed, p99 below 10 ms during
swaps, rollback below 50 ms, memory flat.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _record import record
from live.folder import MINUTE, bars, releases
from live.running import TOKEN, Running, bound, disk_sync_ms, running

from candlewick.release.registry import Registry
from candlewick.serve.live.replaying import retell

TRIED, ENOUGH_MS = 5, 8.0
"""Swaps at each rate, and the p99 that leaves some room below 10 ms."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--swaps", type=int, default=100)
    arguments.add_argument("--rollbacks", type=int, default=20)
    arguments.add_argument("--rates", type=float, nargs="+", default=[500.0, 400.0, 300.0, 200.0])
    arguments.add_argument("--symbols", type=int, default=20)
    arguments.add_argument("--place", type=Path, default=Path("runs/live-benchmark"))
    asked = arguments.parse_args()
    tried = {}
    for rate in asked.rates:
        found = trial(asked, rate, swaps=TRIED, rollbacks=1)
        tried[f"{TRIED} swaps at {rate:g} bars a second, forecast p99, ms"] = p99 = found["forecast, p99, ms"]
        print(f"\n{rate:g} bars a second: p99 {p99:.2f} ms", file=sys.stderr)
        if p99 < ENOUGH_MS:
            break
    record("swaps", tried | trial(asked, rate, swaps=asked.swaps, rollbacks=asked.rollbacks))


def trial(asked: argparse.Namespace, rate: float, *, swaps: int, rollbacks: int) -> dict[str, object]:
    """One server, from its start to the telling again of its journal."""
    live, ids = releases(asked.place, 3)
    Registry(live).move("champion", ids[0])
    end = time.time_ns() // MINUTE * MINUTE
    seconds = swaps * 15 + 60
    with running(live, "--rate", "100000") as server:
        warm(server, asked.symbols, end - -(-int(rate * seconds) // asked.symbols) * MINUTE)
        sync = disk_sync_ms(live)
        known = server.get("/v1/status")[1]["journal"]["seq"]
        loading = load(server, rate, asked.symbols, seconds, end)
        while server.get("/v1/status")[1]["journal"]["seq"] == known and loading.poll() is None:
            time.sleep(0.5)
        time.sleep(2)
        memory = [server.resident()]
        changes = change(server, ids, swaps, rollbacks, memory)
        (live / "stop").touch()
        found = json.loads(loading.communicate(timeout=120)[0])
        status = server.get("/v1/status")[1]
    return figures(asked.symbols, rate, changes, found, sync, memory, retell(live), status)


def warm(server: Running, symbols: int, end: int) -> None:
    """History of every instrument, so that nothing abstains."""
    batch = []
    for bar in bars(symbols, end, count=450):
        batch.append(bar)
        if len(batch) == 500:
            assert server.post(batch)[0] == 200
            batch = []
    if batch:
        assert server.post(batch)[0] == 200


def load(server: Running, rate: float, symbols: int, seconds: float, end: int) -> "subprocess.Popen[str]":
    """The load, in a process of its own."""
    command = [
        sys.executable, str(Path(__file__).with_name("load.py")), server.url, "--rate", str(rate),
        "--symbols", str(symbols), "--seconds", str(seconds), "--end", str(end), "--until", str(server.live / "stop"),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(TOKEN + "\n")
    process.stdin.close()
    process.stdin = None
    return process


def change(server: Running, ids: list[str], swaps: int, rollbacks: int, memory: list[int]) -> dict[str, list[float]]:
    """Promotions in turn, a rollback after every fifth; seconds of each, as seen by who asks."""
    took: dict[str, list[float]] = {"promote": [], "rollback": [], "rollback, server": []}
    champion = ids[0]
    for number in range(swaps):
        standby = server.get("/v1/status")[1]["previous"]
        resident = {champion, standby["release"] if standby else ""}
        target = next(one for one in ids if one not in resident)
        began = perf_counter()
        answer = server.ask(do="promote", release=target, alias="champion", reason=f"swap {number}")
        took["promote"].append(perf_counter() - began)
        assert answer["ok"], answer
        champion = target
        if number % (swaps // max(rollbacks, 1)) == 0 and len(took["rollback"]) < rollbacks:
            time.sleep(0.5)
            began = perf_counter()
            answer = server.ask(do="rollback", reason=f"rollback {number}")
            took["rollback"].append(perf_counter() - began)
            assert answer["ok"], answer
            took["rollback, server"].append(answer["seconds"])
            champion = answer["release"]
        memory.append(server.resident())
        print(f"\r{number + 1} of {swaps} swaps", end="", file=sys.stderr, flush=True)
    return took


def figures(symbols, rate, changes, found, sync, memory, told, status) -> dict[str, object]:
    """What is recorded."""
    bad = sum(count for outcome, count in found["outcomes"].items() if outcome not in ("accepted ok", "accepted stale"))
    failed = found["sent"] - sum(found["outcomes"].values())
    return {
        "setting": status["champion"]["setting"]["text"], "instruments": symbols, "bars a second": rate,
        "bars": found["sent"], "swaps": len(changes["promote"]), "rollbacks": len(changes["rollback"]),
        "bars without an answer": failed or bound(found["sent"]),
        "answers neither ok nor stale": bound(found["sent"]) if not bad else found["outcomes"],
        "answers of a release under another generation": found["mixed"] or bound(found["sent"]),
        "forecasts made again from their anchors": told.forecasts,
        "of these with other bits": len(told.differing) or bound(told.forecasts),
        **{f"forecast, {name}, ms": value for name, value in found["forecast_ms"].items()},
        **{f"acknowledged, {name}, ms": value for name, value in found["acknowledged_ms"].items()},
        **{f"this disk's own sync, {name}, ms": value for name, value in sync.items()},
        "promotion, median, s": float(np.median(changes["promote"])),
        "rollback in the server, max, ms": max(changes["rollback, server"]) * 1e3,
        "rollback as seen by who asks, max, ms": max(changes["rollback"]) * 1e3,
        "resident memory after each tenth, MB": [one // 10**6 for one in memory[:: max(len(memory) // 10, 1)]],
        "goals": "0, 0, 0; forecast p99 below 10 ms; rollback below 50 ms; memory flat",
    }  # fmt: skip


if __name__ == "__main__":
    main()
