"""An open-loop load: bars sent over one WebSocket at the times they are due, whether or not answers have come.

    python benchmarks/live/load.py URL --rate 500 --symbols 50 --seconds 10 --end NS < TOKEN

Latency is counted from the moment at which a bar was due, so that a server that falls behind is seen to. Prints one
JSON document: latencies of forecasts and of acknowledgements, answers by outcome, and for each answer what made it.
"""

import argparse
import asyncio
import gc
import json
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter

import numpy as np
from websockets.asyncio.client import connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from live.folder import bars

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


async def load(
    url: str, token: str, *, rate: float, symbols: int, seconds: float, end: int, until: Path | None
) -> dict[str, object]:
    """Send, receive, and say how long each answer took; `until` is a file that ends it early."""
    count = int(rate * seconds)
    messages = [json.dumps(bar) for bar in bars(symbols, end, count=-(-count // symbols))][:count]
    due = np.full(count, np.nan)
    told, acknowledged = np.full(count, np.nan), np.full(count, np.nan)
    seqs = np.full(count, -1)
    outcomes: Counter[str] = Counter()
    made: list[tuple[str, int, float]] = []
    sent = 0
    done = asyncio.Event()
    async with connect(
        url.replace("http", "ws") + "/v1/stream", additional_headers={"Authorization": f"Bearer {token}"},
        max_size=2**22, compression=None, ping_interval=None,  # pings wait behind bars where the rate is too high
    ) as socket:  # fmt: skip
        began = perf_counter() + 0.2

        async def send() -> None:
            nonlocal sent
            for k, message in enumerate(messages):
                due[k] = began + k / rate
                wait = due[k] - perf_counter()
                if wait > 0:
                    await asyncio.sleep(wait)
                await socket.send(message)
                sent = k + 1
                if until is not None and k % 500 == 0 and until.exists():
                    break
            done.set()

        async def receive() -> None:
            place, durable = 0, 0
            while not done.is_set() or place < sent or durable < sent:
                found = json.loads(await socket.recv())
                now = perf_counter()
                if found["type"] == "answers":
                    for answer in found["answers"]:
                        told[place], seqs[place] = now, answer["seq"]
                        outcomes[f"{answer['outcome']} {answer['status']}"] += 1
                        made.append((answer["release"], answer["generation"], answer["timings_us"].get("offer", 0.0)))
                        place += 1
                elif found["type"] == "durable":
                    while durable < place and seqs[durable] <= found["seq"]:
                        acknowledged[durable] = now
                        durable += 1
                else:
                    raise RuntimeError(found)

        await asyncio.wait_for(asyncio.gather(send(), receive()), timeout=2 * seconds + 60)
    due, told, acknowledged = due[:sent], told[:sent], acknowledged[:sent]
    return {
        "sent": sent, "seconds": seconds, "outcomes": dict(outcomes),
        "mixed": len({(release, generation) for release, generation, _ in made}) - len({g for _, g, _ in made}),
        "generations": len({generation for _, generation, _ in made}),
        "offer_us": quantiles([us for *_, us in made]),
        "forecast_ms": quantiles((told - due) * 1e3), "acknowledged_ms": quantiles((acknowledged - due) * 1e3),
        "late_ms": [round(float(v), 3) for v in np.sort((told - due) * 1e3)[-20:]],
    }  # fmt: skip


def quantiles(values: object) -> dict[str, float]:
    """p50 to max."""
    found = np.quantile(np.asarray(values), list(QUANTILES.values()))
    return dict(zip(QUANTILES, found.tolist(), strict=True))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("url")
    arguments.add_argument("--rate", type=float, default=500)
    arguments.add_argument("--symbols", type=int, default=50)
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--end", type=int, required=True)
    arguments.add_argument("--until", type=Path)
    asked = arguments.parse_args()
    token = sys.stdin.readline().strip()
    gc.disable()  # its own pauses are not the server's
    found = asyncio.run(load(
        asked.url, token, rate=asked.rate, symbols=asked.symbols, seconds=asked.seconds, end=asked.end,
        until=asked.until,
    ))  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main()
