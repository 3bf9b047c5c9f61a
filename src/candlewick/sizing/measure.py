"""Measuring the machine once, and knowing it again: the kept measurement is for this processor and these libraries."""

import logging
import math
import os
import platform
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from candlewick.core import files
from candlewick.core.clock import elapsed_s, now_ns
from candlewick.core.errors import StorageError
from candlewick.core.progress import Progress, Silent
from candlewick.core.versions import versions
from candlewick.runtime.rates import Trial
from candlewick.sizing import bandwidth
from candlewick.sizing.machine import Machine, Measured

LIBRARIES = ("candlewick", "numpy", "numba", "onnxruntime", "onnx", "openvino", "torch", "scikit-learn")
"""Libraries whose version decides what a measurement is worth."""

OVERRIDES = (
    "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "NUMBA_CPU_FEATURES", "NUMBA_CPU_NAME",
    "OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE",
)  # fmt: skip
"""Environment variables that tell a library to use less of the processor than there is."""

_FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8", "amx_bf16", "asimddp", "bf16")
_READY_S, _ROUNDS_S, _PATIENT_S, _MOST = 4.0, 2.5, 10.0, 9
_log = logging.getLogger("candlewick")

Supply = Callable[[int], Iterable[Trial]]
"""Gives the trials of one library on that many threads; asked only where the machine must be measured."""


def measured(
    supplies: Mapping[str, Supply],
    *,
    late: Mapping[str, Supply],
    progress: Progress | None = None,
    remeasure: bool = False,
) -> Machine:
    """This machine: as it was measured before, or measured now and kept beside the ledgers.

    `supplies` give the trials of the libraries that are installed, by name. One thread is measured of all of them;
    all cores, and `late` on one thread, as far as they are ready in a few seconds. Others are `left_out`, and what
    would be predicted from them is predicted from fewer threads, or from limits. `remeasure` measures again, more
    often, and leaves nothing out.

    What was kept is for this processor, these cores, versions and overrides only; it is measured again where any of
    them changed, or the file is damaged. Where nothing can be written the machine is measured each time, and the log
    says so.
    """
    progress, here = progress or Silent(), this_machine()
    if not remeasure and (kept := known(progress)) is not None:
        return kept
    progress.say(f"measuring this machine ({here.words}), once")
    deadline = math.inf if remeasure else elapsed_s() + _READY_S
    supplies = {**supplies, "bandwidth": bandwidth.trials}  # last, for its arrays are large
    trials = [trial for supply in supplies.values() for trial in _warm(supply(1), math.inf)]
    several = {f"{name} on {here.cores} threads": partial(supply, here.cores) for name, supply in supplies.items()}
    once = {name: partial(supply, 1) for name, supply in late.items()}
    left_out = []
    for name, group in ((several if here.cores > 1 else {}) | once).items():
        # To ask for the first trial may already take seconds, where it has to be compiled.
        more = list(_warm(group(), deadline)) if elapsed_s() < deadline else []
        if elapsed_s() < deadline:
            trials += more
        elif name in once or any(True for _ in group()):  # some libraries have nothing for several threads
            left_out.append(name)
    # Where getting ready took longer, as it does where much had to be compiled, there are fewer rounds.
    found = rounds(trials, _PATIENT_S if remeasure else deadline + _ROUNDS_S - elapsed_s())
    machine = replace(here, measurements=tuple(found), left_out=tuple(left_out))
    try:
        files.write_json(_path(here), machine.to_dict())
    except StorageError as error:
        _log.warning("the measurement of this machine is not kept, every plan measures anew: %s", error)
    return machine


def known(progress: Progress | None = None) -> Machine | None:
    """This machine as it was measured before; None where it was not, or what was kept of it is damaged."""
    here = this_machine()
    if not _path(here).is_file():
        return None
    try:
        kept = Machine.from_dict(files.read_json(_path(here)))
        if kept.key != here.key or not kept.measurements:
            raise ValueError("it is of another machine")
    except (StorageError, KeyError, TypeError, ValueError, AttributeError) as error:
        (progress or Silent()).say(f"the kept measurement {_path(here)} is damaged and does not count: {error}")
        return None
    return kept


def _path(machine: Machine) -> Path:
    return files.home() / f"machine-{machine.key}.json"


def rounds(trials: Sequence[Trial], budget_s: float) -> Iterator[Measured]:
    """Every trial in turn, again and again for `budget_s` seconds, so that what else the machine does falls on all."""
    taken: list[list[float]] = [[] for _ in trials]
    began = elapsed_s()
    for number in range(_MOST):
        if number and (elapsed_s() - began) * (number + 1) / number > budget_s:
            break
        for trial, times in zip(trials, taken, strict=True):
            times.append(trial.seconds())
    for trial, times in zip(trials, taken, strict=True):
        best = min(times)
        facts = {name: value for name, value in vars(trial).items() if name != "seconds"}
        yield Measured(**facts, seconds=best, spread=statistics.median(times) / best - 1)


def _warm(trials: Iterable[Trial], deadline: float) -> Iterator[Trial]:
    for trial in trials:
        if elapsed_s() > deadline:
            return
        trial.seconds()  # first touches of memory and code are nobody's speed
        yield trial


def this_machine() -> Machine:
    """What can be said of this machine without measuring it."""
    name, flags = _processor()
    return Machine(
        processor=name,
        flags=tuple(flag for flag in _FLAGS if flag in flags),
        cores=cores(),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        versions=versions(LIBRARIES),
        overrides={name: os.environ[name] for name in OVERRIDES if name in os.environ},
        measured_at=now_ns(),
    )


def cores() -> int:
    """Cores that this process may use: its affinity, and what its control group leaves of them."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _quota()))


def _quota(root: Path = Path("/sys/fs/cgroup")) -> int:
    second, first = root / "cpu.max", root / "cpu" / "cpu.cfs_quota_us"
    try:
        if second.is_file():
            quota, period = second.read_text().split()
        else:
            quota, period = first.read_text().strip(), first.with_name("cpu.cfs_period_us").read_text()
        return -(-int(quota) // int(period)) if quota not in ("max", "-1") else 2**20
    except (OSError, ValueError):
        return 2**20


@cache
def _processor() -> tuple[str, frozenset[str]]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), frozenset()
    name = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*: (.+)$", text, re.MULTILINE)
    return name[1] if name else platform.machine(), frozenset(flags[1].split() if flags else ())
