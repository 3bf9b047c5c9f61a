"""Live through many simulated market days of faults, each from its seed; see `tests/simulation/test_market_day.py`.

Prints what happened and how often and, beside a zero, the bound 3/n below which the rate lies with a confidence of
95 %. Ends with 1 where a day broke a promise: an acknowledged bar lost, one counted twice, a forecast whose bits are
not those of a replay, a paper account that is not the back-test, a champion that is not the one that was promoted.
"""

import argparse
import ast
import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _record import ROOT, record

from candlewick.core.clock import elapsed_s

TEST = "tests/simulation/test_market_day.py::test_a_day_of_faults_leaves_what_a_day_without_them_leaves"
LIVED = re.compile(r"^\W*seed (\d+): ([\d,]+) records; (\{.*\}) (\{.*\})$", re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--first", type=int, default=1_000, help="seed of the first day")
    parser.add_argument("--at-a-time", type=int, default=20)
    asked, began = parser.parse_args(), elapsed_s()
    shares = [(asked.first + k, min(asked.at_a_time, asked.days - k)) for k in range(0, asked.days, asked.at_a_time)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(_lived, shares))
    happened, broken = sum((one for one, _ in done), Counter()), [line for _, lines in done for line in lines]
    whole = happened.pop("days that kept every promise")
    figures = {"days": asked.days, "days that kept every promise": whole} | dict(sorted(happened.items()))
    figures["days that broke a promise"] = asked.days - whole
    if whole == asked.days:
        figures["days that broke a promise: rate below"] = 3 / asked.days
    record("market_days", figures | {"seconds": round(elapsed_s() - began)})
    print("\n".join(broken))
    return int(whole != asked.days)


def _lived(share: tuple[int, int]) -> tuple[Counter[str], list[str]]:
    first, count = share
    settings = {"CANDLEWICK_FIRST_DAY": str(first), "CANDLEWICK_DAYS": str(count)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", TEST, "-v", "-rA", "-p", "no:cacheprovider"],
        cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = Counter({"days that kept every promise": len(re.findall(r"^PASSED ", done.stdout, re.MULTILINE))})
    for _, records, happened, failed in LIVED.findall(done.stdout):
        found["records"] += int(records.replace(",", ""))
        found.update(ast.literal_eval(happened))
        found.update({f"faults of the disk: {kind}": n for kind, n in ast.literal_eval(failed).items()})
    return found, re.findall(r"^(?:FAILED|ERROR) .*", done.stdout, re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
