"""Change journals in thousands of ways, and live through as many histories on disks that fail: no promise may break.

Prints counts by outcome and, beside every zero, the bound 3/n below which the rate lies with a confidence of 95 %. Ends
with 1 where a promise was broken.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _record import record

from candlewick.core.clock import elapsed_s
from candlewick.testing.journal_mutations import trial
from candlewick.testing.journal_trials import live_through


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--histories", type=int, default=10_000)
    asked = parser.parse_args()
    began, broken = elapsed_s(), []
    outcomes, wrong = _all(_mutations, asked.mutations)
    broken += wrong
    figures = {"journals changed": asked.mutations}
    figures |= {f"changed journals: {name}": count for name, count in sorted(outcomes.items())}
    figures |= _zero("changed journals: a wrong record or another error", len(wrong), asked.mutations)
    happened, wrong = _all(_histories, asked.histories)
    broken += wrong
    figures |= {"histories on a failing disk": asked.histories}
    figures |= {f"histories: {name}": count for name, count in sorted(happened.items())}
    figures |= _zero("histories: an acknowledged record lost or a wrong one", len(wrong), asked.histories)
    record("journal_mutations", figures | {"seconds": round(elapsed_s() - began)})
    print("\n".join(broken[:20]))
    return int(bool(broken))


def _zero(name: str, count: int, of: int) -> dict[str, float | int]:
    return {name: count} | ({} if count else {f"{name}: rate below": 3 / of})


def _all(work: Callable[[range], tuple[Counter[str], list[str]]], count: int) -> tuple[Counter[str], list[str]]:
    shares = [range(begin, min(begin + 250, count)) for begin in range(0, count, 250)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        done = list(pool.map(work, shares))
    return sum((one for one, _ in done), Counter()), [error for _, errors in done for error in errors]


def _each(trial_of: Callable[[Path, int], Counter[str]], seeds: range) -> tuple[Counter[str], list[str]]:
    found, broken = Counter[str](), []
    with tempfile.TemporaryDirectory() as place:
        for seed in seeds:
            try:
                found += trial_of(Path(place), seed)
            except Exception as error:
                broken.append(f"seed {seed}: {type(error).__name__}: {error}")
    return found, broken


def _mutation(place: Path, seed: int) -> Counter[str]:
    return Counter([trial(place, seed)[1]])


def _history(place: Path, seed: int) -> Counter[str]:
    return live_through(place / str(seed), seed)


_mutations, _histories = partial(_each, _mutation), partial(_each, _history)


if __name__ == "__main__":
    sys.exit(main())
