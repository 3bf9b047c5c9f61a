"""How long it takes to begin: `import candlewick` and `candlewick --help`, above a bare interpreter."""

import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _record import record

from candlewick.core.clock import elapsed_s

ROUNDS = 20
COMMANDS = {
    "bare": [sys.executable, "-c", "pass"],
    "import": [sys.executable, "-c", "import candlewick"],
    "help": [str(Path(sys.executable).with_name("candlewick")), "--help"],
}
LOADED = "import candlewick, sys; print('torch' in sys.modules, 'numpy' in sys.modules)"


def seconds(command: list[str]) -> float:
    began = elapsed_s()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return elapsed_s() - began


def main() -> None:
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():  # in turn, so that a slow moment meets all three
            taken[name].append(seconds(command))
    above = {
        name: statistics.median(own - bare for own, bare in zip(taken[name], taken["bare"], strict=True)) * 1e3
        for name in ("import", "help")
    }
    loaded = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True).stdout.split()
    record(
        "startup",
        {
            "bare interpreter, ms": statistics.median(taken["bare"]) * 1e3,
            "import candlewick, ms above": above["import"],
            "candlewick --help, ms above": above["help"],
            "import loads torch": loaded[0] == "True",
            "import loads numpy": loaded[1] == "True",
            "rounds": ROUNDS,
        },
    )


if __name__ == "__main__":
    main()
