"""One stateful step of the deep LSTM: torch, torch.compile, onnxruntime and OpenVINO against ours, in one run.

    python benchmarks/speed/step.py [--layers 5 --hidden 512 --rounds 20 --length WINDOW]

40 inputs projected to 256, `--layers` layers of `--hidden` with norms and skips, a head, one bar a step; with
`--length` the unit is one whole window of so many bars instead. In every round each contestant takes its turn: zero
state, steps that do not count until it is warm, then as many as fill about 40 ms. A figure is the median over rounds;
threads and spinning stand in its name. A rival's figure is that of its best form and setting; ours are all settings
that `choose` may take, and the one it takes. The accuracy is the RMS difference from torch in fp32 over 1,000 streamed
steps, as a share of the standard deviation of torch's.
"""

import argparse
import itertools
import math
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _record import record
from speed.entrant import entrants
from speed.rivals import Contestant, Shape, Step, rivals

from candlewick.lab.claims.network import multiply_adds
from candlewick.lab.planning import measured_machine
from candlewick.models.lstm import Lstm
from candlewick.sizing.bandwidth import working_set
from candlewick.sizing.machine import Machine

INPUTS, BATCHES = 40, (1, 32)
TURN_S = 0.04
BYTES = {"fp32": 4, "bf16": 2, "int8": 1}
QUIET_S = 0.01  # until the threads of the one before have gone to sleep
STEPS_COMPARED, WINDOWS_COMPARED = 1_000, 40
READINGS = 25


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--layers", type=int, default=5)
    arguments.add_argument("--hidden", type=int, default=512)
    arguments.add_argument("--length", type=int, default=None, help="bars of a window that is read whole")
    arguments.add_argument("--rounds", type=int, default=20)
    asked = arguments.parse_args()
    spec = Lstm(layers=asked.layers, hidden=asked.hidden, projection=asked.hidden // 2)
    torch.manual_seed(0)
    network = spec.build(INPUTS, 1).eval()
    figures: dict[str, object] = {"layers": asked.layers, "hidden": asked.hidden, "rounds": asked.rounds}
    figures["unit"] = f"a window of {asked.length} bars" if asked.length else "a stateful step"
    machine = measured_machine(remeasure=True)
    for batch in BATCHES:
        shape = Shape(batch, INPUTS, asked.length)
        theirs, own = list(rivals(network, shape)), list(entrants(spec, network, shape))
        if not any(c.library == "torch.compile" for c in theirs):
            figures["torch.compile"] = "left out: it needs a C++ compiler, and none is installed"
        seconds = medians((*theirs, *own), shape, asked.rounds)
        figures |= judged(theirs, own, seconds, batch)
        figures |= {
            f"batch {batch}: {c.title}, share of the limit": limited(spec, c, shape, machine, seconds[c]) for c in own
        }
        if batch == 1:
            figures |= differences((*theirs, *own), shape)
        del theirs, own
    depth = "" if asked.layers == 5 else f"_{asked.layers}_layers"
    record(f"step{depth}{f'_window_{asked.length}' if asked.length else ''}", figures)


def medians(contestants: Sequence[Contestant], shape: Shape, rounds: int) -> dict[Contestant, float]:
    """Median seconds of one step of each, over interleaved rounds."""
    bars = np.random.default_rng(0).normal(size=(16, *shape.x)).astype(np.float32)
    counts = {}
    for contestant in contestants:
        print(f"batch {shape.batch}: warming {contestant.title}", file=sys.stderr)
        counts[contestant] = count(contestant.begin(), bars)
    taken: dict[Contestant, list[float]] = {contestant: [] for contestant in contestants}
    for number in range(rounds):
        # Every other round goes backwards, so that nobody always follows the same neighbour.
        for contestant in contestants[:: -1 if number % 2 else 1]:
            step = contestant.begin()
            sleep(QUIET_S)
            timed(step, bars, max(counts[contestant] // 4, 2))
            taken[contestant].append(timed(step, bars, counts[contestant]) / counts[contestant])
            del step  # ends threads that spin
        print(f"batch {shape.batch}: round {number + 1} of {rounds}", file=sys.stderr)
    return {contestant: statistics.median(found) for contestant, found in taken.items()}


def count(step: Step, bars: np.ndarray) -> int:
    """Steps that fill a turn. The first ones compile, pack weights and touch memory."""
    timed(step, bars, 3)
    return max(int(TURN_S / (timed(step, bars, 5) / 5)), 3)


def timed(step: Step, bars: np.ndarray, steps: int) -> float:
    given = list(itertools.islice(itertools.cycle(bars), steps))
    began = perf_counter()
    for x in given:
        step(x)
    return perf_counter() - began


def judged(
    theirs: Iterable[Contestant], own: Iterable[Contestant], seconds: dict[Contestant, float], batch: int
) -> dict[str, object]:
    """All medians, the fastest first, the best of each library and precision, and the ratios that have goals."""
    where = f"batch {batch}"
    figures: dict[str, object] = {f"{where}: {c.title}, us": seconds[c] * 1e6 for c in sorted(seconds, key=seconds.get)}
    for (library, precision), best in bests(theirs, seconds):
        figures[f"{where}: best of {library} {precision}"] = f"{seconds[best] * 1e6:.1f} us ({best.title})"
    fastest, first = min(theirs, key=seconds.__getitem__), min(own, key=seconds.__getitem__, default=None)
    figures[f"{where}: fastest rival"] = fastest.title
    if first is None:
        return figures
    eager = [c for c in theirs if (c.library, c.precision) == ("torch eager", "fp32")]
    as_built = min(seconds[c] for c in eager if c.form != "unrolled")
    figures |= {
        f"{where}: ours at its fastest": first.title,
        f"{where}: ours / fastest rival (goal 1.05)": seconds[first] / seconds[fastest],
    }
    if reduced := [seconds[c] for c in own if c.precision == "int8"]:
        goal = {1: ".08", 32: ".16"}[batch]
        figures[f"{where}: ours int8 / torch eager fp32 (goal {goal})"] = min(reduced) / as_built
        figures[f"{where}: ours int8 / torch eager fp32 unrolled"] = min(reduced) / min(seconds[c] for c in eager)
    return figures


def limited(spec: Lstm, contestant: Contestant, shape: Shape, machine: Machine, seconds: float) -> str:
    """Weights over bandwidth or operations over rate, whichever takes longer, as a share of what was taken."""
    products, threads = multiply_adds(spec), contestant.threads
    size = products * BYTES[contestant.precision]
    moved = reading(size, threads)
    rate, path = machine.peak(contestant.precision, threads=threads) or (math.inf, "")
    computed = 2 * products * shape.batch * (shape.length or 1) / rate / 1e9
    share, by = max(moved, computed) / seconds, "reading the weights" if moved > computed else f"products as by {path}"
    if share > 1:
        return f"refused: {share:.0%} of {by}, so the machine was not idle while it was measured"
    return f"{share:.0%} ({by})"


@cache
def reading(bytes_: int, threads: int) -> float:
    """Seconds in which this machine reads so many bytes, again and again: what a step of such weights cannot beat."""
    read, _ = working_set(bytes_, threads)
    return min(read.seconds() for _ in range(READINGS))


def bests(
    contestants: Iterable[Contestant], seconds: dict[Contestant, float]
) -> Iterator[tuple[tuple[str, str], Contestant]]:
    kinds = dict.fromkeys((c.library, c.precision) for c in contestants)
    for kind in kinds:
        yield kind, min((c for c in contestants if (c.library, c.precision) == kind), key=seconds.__getitem__)


def differences(contestants: Iterable[Contestant], shape: Shape) -> dict[str, object]:
    """How far each library, form and precision is from torch in fp32."""
    kinds: dict[tuple[str, str, str], Contestant] = {}
    for contestant in contestants:
        form = contestant.form.partition(",")[0]
        kinds.setdefault((contestant.library, contestant.precision, form), contestant)
    steps = WINDOWS_COMPARED if shape.length else STEPS_COMPARED
    bars = np.random.default_rng(1).normal(size=(steps, *shape.x)).astype(np.float32)
    reference = answers(next(iter(kinds.values())).begin(), bars)
    figures: dict[str, object] = {}
    for (library, precision, form), contestant in kinds.items():
        error = answers(contestant.begin(), bars) - reference
        share = float(np.sqrt(np.mean(error**2)) / reference.std())
        figures[f"RMS difference from torch fp32: {library} {precision}, {form}"] = share
    return figures


def answers(step: Step, bars: np.ndarray) -> np.ndarray:
    return np.array([step(x).copy() for x in bars], dtype=np.float64)


if __name__ == "__main__":
    main()
