"""Change live folders in a thousand ways: each is refused at its start, or forecasts what the unchanged one does.

Prints counts by outcome and, beside a zero, the bound 3/n below which the rate lies with a confidence of 95 %. Ends
with 1 where a folder forecast something else.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "unit" / "serve"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "simulation"))
from _record import record
from changed_folders import trial, worked

from candlewick.core.clock import elapsed_s
from candlewick.release.journal import Journal

MODELS, SEGMENT_BYTES = ("linear", "lstm"), 6_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=2_000)
    count, began = parser.parse_args().mutations, elapsed_s()
    shares = [(model, range(k, count, 4)) for k, model in enumerate(MODELS * 2)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        done = list(pool.map(_share, shares))
    outcomes, broken = sum((one for one, _ in done), Counter()), [error for _, errors in done for error in errors]
    figures = {"live folders changed": count} | dict(sorted(outcomes.items()))
    figures["another forecast, or another error"] = len(broken)
    if not broken:
        figures["another forecast, or another error: rate below"] = 3 / count
    record("folder_mutations", figures | {"seconds": round(elapsed_s() - began)})
    print("\n".join(broken[:20]))
    return int(bool(broken))


def _share(share: tuple[str, range]) -> tuple[Counter[str], list[str]]:
    model, seeds = share
    Journal.__init__.__kwdefaults__["segment_bytes"] = SEGMENT_BYTES
    found, broken = Counter[str](), []
    with tempfile.TemporaryDirectory() as place:
        whole, other, changed = (Path(place) / name for name in ("whole", "other", "changed"))
        expected = worked(whole, 0, model)
        worked(other, 100, model)
        for seed in seeds:
            try:
                found[trial(whole, other, changed, expected, seed)[1]] += 1
            except Exception as error:
                broken.append(f"{model}, {error}")
    return found, broken


if __name__ == "__main__":
    sys.exit(main())
