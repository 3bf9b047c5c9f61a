"""Twenty thousand requests that nobody means well by, while releases are swapped under them.

    python benchmarks/live/hostile.py --by-chance 16000 --described 400

Some are made by chance: bytes that are nearly HTTP, bodies that are nearly bars. Others schemathesis makes from the
server's own description, in and out of its bounds. Prints what they were answered, and the 3/n bound beside every zero.
"""

import argparse
import logging
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _record import record
from live.folder import SMALL, bars, releases
from live.running import TOKEN, Running, bound, running

from candlewick.release.registry import Registry
from candlewick.testing.hostile_requests import DOCUMENTED, NEVER, Chance, statuses

HEADERS = {"Authorization": f"Bearer {TOKEN}"}
SLOW_S = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--by-chance", type=int, default=16_000)
    parser.add_argument("--described", type=int, default=400, help="of each operation, in and out of its bounds each")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    logging.getLogger("schemathesis").setLevel(logging.CRITICAL)
    found: Counter[str] = Counter()
    with TemporaryDirectory() as place:
        live, ids = releases(Path(place), 2, SMALL)
        registry = Registry(live)
        if not registry.aliases:
            registry.move("champion", ids[0])
        with running(live) as server:
            server.post(list(bars(3, time.time_ns(), count=100)))
            ended = threading.Event()
            swaps: list[bool] = []
            swapping = threading.Thread(target=swap, args=(server, ids, swaps, ended))
            swapping.start()
            try:
                by_chance(server, asked.by_chance, asked.seed, found)
                described(server, asked.described, found)
            finally:
                ended.set()
                swapping.join()
            ready, alive = server.get("/readyz")[1], server.alive
    sent = found.pop("sent")
    record("hostile_requests", figures(sent, found, swaps, ready, alive))


def swap(server: Running, ids: list[str], swaps: list[bool], ended: threading.Event) -> None:
    """One release after the other, until the end."""
    while not ended.is_set():
        swaps.append(server.ask(do="promote", release=ids[(len(swaps) + 1) % 2], alias="champion")["ok"])
        ended.wait(0.2)


def by_chance(server: Running, count: int, seed: int, found: Counter[str]) -> None:
    """Requests by chance, each on a connection of its own."""
    chance, port = Chance(seed, HEADERS), urlsplit(server.url).port or 0
    for _ in range(count):
        data, began = chance.request(), time.perf_counter()
        found["sent"] += 1
        try:
            told = statuses(port, data)
            found.update(str(status) for status in told or ["hung up"])
        except TimeoutError:
            found["hang"] += 1
        found["slow"] += time.perf_counter() - began > SLOW_S


def described(server: Running, count: int, found: Counter[str]) -> None:
    """Requests from the description."""
    schema = schemathesis.openapi.from_dict(server.get("/openapi.json")[1])
    schema.config.update(base_url=server.url)
    quiet = settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    for one in schema.get_all_operations():
        for mode in GenerationMode:
            operation = one.ok()
            if mode == GenerationMode.NEGATIVE and not (operation.query or operation.body):
                continue

            @quiet
            @given(operation.as_strategy(generation_mode=mode))
            def asked(case) -> None:
                began = time.perf_counter()
                reply = case.call(base_url=server.url, headers=HEADERS)
                found["sent"] += 1
                found[str(reply.status_code)] += 1
                found["slow"] += time.perf_counter() - began > SLOW_S
                # A stamp written as 1.0 is an integer to JSON schema and refused here.
                left_out = [checks.positive_data_acceptance]
                if any(value in (None, [], {}) for value in (case.query or {}).values()):
                    left_out.append(checks.negative_data_rejection)  # what is wrong is empty, and not even sent
                case.validate_response(reply, excluded_checks=left_out, headers=HEADERS)

            asked()


def figures(sent: int, found: Counter[str], swaps: list[bool], ready: dict, alive: bool) -> dict[str, object]:
    """What is recorded."""
    answered = {status: count for status, count in sorted(found.items()) if status.isdigit()}
    undocumented = sum(count for status, count in answered.items() if int(status) not in DOCUMENTED)
    never = sum(answered.get(str(status), 0) for status in NEVER)
    return {
        "requests": sent, "swaps meanwhile": len(swaps), "of these refused": swaps.count(False),
        "answers by status": answered, "connections hung up on": found["hung up"],
        "500, 502 or 504": never or bound(sent), "503": answered.get("503", 0) or bound(sent),
        "429": answered.get("429", 0) or bound(sent), "other than documented": undocumented or bound(sent),
        "hangs": found["hang"] or bound(sent), f"answers after more than {SLOW_S:.0f} s": found["slow"] or bound(sent),
        "ready at the end": ready["ready"], "alive at the end": alive,
        "goals": "0 of 500, 502, 504; 0 hangs; 503 and 429 only where it is overloaded or not ready",
    }  # fmt: skip


if __name__ == "__main__":
    main()
