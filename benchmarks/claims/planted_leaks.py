"""Every planted leak must be caught by the check that is meant for it, and no honest experiment may alarm.

Prints a line an experiment and ends with 1 where a leak is missed or an honest experiment alarms.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _record import record

from candlewick.core.clock import elapsed_s
from candlewick.lab.audit import AuditReport, audit
from candlewick.testing.planted import CLEAN, PLANTED, Planted


def main() -> int:
    started = elapsed_s()
    missed, alarms, caught_by = [], [], {}
    for planted, report in _audited((*PLANTED, *CLEAN)):
        right = report.passed if not planted.caught_by else planted.caught_by in report.failed
        if not right:
            (missed if planted.caught_by else alarms).append(planted.name)
        if planted.caught_by and right:
            caught_by[planted.caught_by] = caught_by.get(planted.caught_by, 0) + 1
        _print_line(planted, report, right)
    record(
        "planted_leaks",
        {
            "leaks planted": len(PLANTED),
            "leaks caught": len(PLANTED) - len(missed),
            "honest experiments": len(CLEAN),
            "false alarms": len(alarms),
            **{f"caught by {name}": count for name, count in sorted(caught_by.items())},
            "seconds": round(elapsed_s() - started),
        },
    )
    if missed or alarms:
        print(f"missed: {missed or 'none'}; false alarms: {alarms or 'none'}")
    return int(bool(missed or alarms))


def _audited(experiments: tuple[Planted, ...]) -> Iterator[tuple[Planted, AuditReport]]:
    # A process a core and a thread a process.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    # Not forked: torch and numba hold threads that a fork would not take along.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield from zip(experiments, pool.map(_audit, experiments), strict=True)


def _audit(planted: Planted) -> AuditReport:
    return audit(planted.build())


def _print_line(planted: Planted, report: AuditReport, right: bool) -> None:
    outcome = ("caught" if planted.caught_by else "quiet ") if right else ("MISSED" if planted.caught_by else "ALARM ")
    said = planted.caught_by if right else ", ".join(report.failed)
    print(f"{outcome}  {planted.name:52} {said:12} {report.seconds:5.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
