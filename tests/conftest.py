"""What every test shares: a home of its own, one thread, and skips that count as failures where CI says so."""

import itertools
import json
import os
import re
import shutil
from collections.abc import Generator
from dataclasses import replace

import pytest

from candlewick.sizing.machine import Machine, Measured
from candlewick.sizing.measure import this_machine

# Workers of pytest-xdist share the cores: a pool of threads in each would only make them wait for one another.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

_NOT_INSTALLED = re.compile(r"not installed|could not import|No module named", re.IGNORECASE)


@pytest.fixture(autouse=True)
def _home_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, measurement: tuple[str, str]
) -> None:
    """Runs and ledgers of a test stay in its own folder, where this machine is known, so that none is measured."""
    home = tmp_path_factory.mktemp("home")
    (home / measurement[0]).write_text(measurement[1])
    monkeypatch.setenv("CANDLEWICK_HOME", str(home))


@pytest.fixture(scope="module")
def few_resamples() -> Generator[None]:
    """Intervals of metrics from 50 draws: most of the time of a small run goes into 500 of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("candlewick.evaluate.spread.RESAMPLES", 50)
        patch.setattr("candlewick.evaluate.difference.RESAMPLES", 50)
        yield


@pytest.fixture(scope="session")
def measurement(machine: Machine) -> tuple[str, str]:
    """Name and content of the file that says this machine has the made-up figures."""
    known = replace(this_machine(), measurements=machine.measurements)
    return f"machine-{known.key}.json", json.dumps(known.to_dict())


@pytest.fixture(scope="session")
def machine() -> Machine:
    """A machine of round figures: 100 GFLOP/s in fp32, 200 in bf16, 400 in int8, 50 GB/s."""
    rates = {"fp32": 100e9, "bf16": 200e9, "int8": 400e9}
    found = [_measured("gates", 1e-9), _measured("tree walk", 4e-6, shape=(1, 800))]
    found += [_measured("resident", 1.0, path=path, work=size) for path, size in (("runtime", 2e8), ("torch", 5e8))]
    for what, size in itertools.product(("read", "copy"), (2**19, 2**23, 2**27)):
        found.append(_measured(what, size / 50e9, shape=(size,), work=size))
    for precision, path, rows in itertools.product(rates, ("torch linear", "onnxruntime"), (1, 32, 1024)):
        work = 2.0 * rows * 512 * 2048
        found.append(_measured("product", work / rates[precision], path, precision, (rows, 512, 2048), work))
    for precision, hidden, batch in itertools.product(rates, (16, 64, 512), (1, 32, 128)):
        step = 16 * hidden**2 * batch / rates[precision] + 1e-6
        found.append(_measured("step", 3 * step, "compiled", precision, (batch, hidden, 3)))
        for bars in (4, 16) if precision != "int8" else ():
            found.append(_measured("lstm training", 1e-4 + 3 * bars * step, "torch", precision, (batch, hidden, bars)))
            found.append(_measured("lstm validation", 1e-4 + bars * step, "torch", precision, (batch, hidden, bars)))
    for what, tensors, size in itertools.product(("update", "compensated update"), (64,), (16,)):
        found.append(_measured(what, 1e-4, "torch", shape=(tensors, tensors * size)))
        found.append(_measured(what, 1e-2, "torch", shape=(4, 2**22)))
    for sampling, batch in itertools.product(("streams", "windows"), (1, 128)):
        found.append(_measured(f"{sampling} loop", 1e-3, "torch", shape=(batch, 16, 16)))
    for instruments, columns in itertools.product((1, 32), (4, 40)):
        shape = (instruments, columns)
        for what, seconds in (("estimator step", 5e-6), ("engine", 2e-5), ("engine p99", 3e-5)):
            found.append(_measured(what, seconds * instruments, shape=shape))
    for path, size in itertools.product(("linear", "linear classes", "har", "gradient_boosting"), (1000, 6000)):
        found.append(_measured("fit", size * 1e-6, path, shape=(size, 10, 10)))
    return Machine("made up", (), 2, 16 * 2**30, {}, {}, 0, tuple(found))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium that can be driven headless."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    return path


def _fail_if_something_is_missing(report: pytest.TestReport | pytest.CollectReport) -> None:
    """CI sets CANDLEWICK_NO_SKIP: a test skipped because something is not installed has not been run there."""
    if os.environ.get("CANDLEWICK_NO_SKIP") == "1" and report.skipped and _NOT_INSTALLED.search(str(report.longrepr)):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CANDLEWICK_NO_SKIP=1 forbids: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_something_is_missing(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_something_is_missing(report)
    return report


def _measured(
    what: str, seconds: float, path: str = "estimator", precision: str = "fp32", shape: tuple[int, ...] = (),
    work: float = 1.0,
) -> Measured:  # fmt: skip
    return Measured(what, path, precision, 1, shape, work, seconds, 0.0)
