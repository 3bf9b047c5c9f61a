"""Write what a benchmark measured, with the command, the machine and the versions that made it."""

import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from candlewick.core.versions import versions
from candlewick.sizing.measure import this_machine

RESULTS = Path(__file__).parent / "results"
ROOT = RESULTS.parent.parent
LIBRARIES = ("candlewick", "numpy", "numba", "torch", "onnxruntime", "openvino", "scikit-learn", "polars", "pandas")


def record(name: str, figures: dict[str, Any]) -> Path:
    """Print `figures` and write them to `benchmarks/results/NAME.json`; gives the path."""
    for key, value in figures.items():
        print(f"{key:48} {value:.6g}" if isinstance(value, float) else f"{key:48} {value}")
    machine = this_machine()
    document = {
        "command": _command(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": {
            "processor": machine.processor,
            "instructions": list(machine.flags),
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
        },
        "versions": versions(LIBRARIES),
        "commit": _commit(),
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
    return path


def _command() -> str:
    script = Path(sys.argv[0]).resolve()
    shown = script.relative_to(ROOT) if script.is_relative_to(ROOT) else Path(script.name)
    return shlex.join(["python", str(shown), *sys.argv[1:]])


def _commit() -> str | None:
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return git.stdout.strip() or None
