"""What every test shares: a home of its own, one thread, and skips that count as failures where CI says so."""

import os
import re
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

# Workers of pytest-xdist share the cores: a pool of threads in each would only make them wait for one another.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

_NOT_INSTALLED = re.compile(r"not installed|could not import|No module named", re.IGNORECASE)


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and ledgers of a test stay in its own folder."""
    monkeypatch.setenv("CANDLEWICK_HOME", str(tmp_path / "candlewick-home"))


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
