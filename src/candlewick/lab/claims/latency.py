"""How soon an answer comes: 32 instruments at once, and ten models in turn."""

import statistics
from collections.abc import Iterable, Sequence

import numpy as np

from candlewick.core.clock import elapsed_s
from candlewick.core.random import stream
from candlewick.core.words import number
from candlewick.lab.claims.claim import Answer, Bench, Figure, Question, Reading, Verdict, judge
from candlewick.lab.claims.network import deployed, multiply_adds
from candlewick.runtime.choose import Setting, candidates, open_session
from candlewick.runtime.exported import Exported
from candlewick.runtime.session import Lanes
from candlewick.sizing.machine import Machine

INSTRUMENTS, WINDOW = 32, 60
TEN, ONE_MS = 10, 6.2
_ROUNDS, _TURN_S = 15, 0.01

Medians = dict[Setting, float]


def medians(exported: Exported, instruments: int, settings: Iterable[Setting], *, rounds: int) -> Medians:
    """Median seconds of a step in each setting, in interleaved rounds after a warm-up."""
    lanes = {setting: _warm(exported, setting, instruments) for setting in settings}
    steps = {setting: max(1, int(_TURN_S / seconds(own, instruments, 3))) for setting, own in lanes.items()}
    taken: dict[Setting, list[float]] = {setting: [] for setting in lanes}
    for _ in range(rounds):
        for setting, own in lanes.items():
            taken[setting].append(seconds(own, instruments, steps[setting]))
    return {setting: statistics.median(found) for setting, found in taken.items()}


def seconds(lanes: Lanes, instruments: int, steps: int) -> float:
    """Mean seconds of a step."""
    began = elapsed_s()
    for _ in range(steps):
        lanes.step(instruments)
    return (elapsed_s() - began) / steps


def peaks(machine: Machine) -> str:
    """The best rates that any library reached here, in words."""
    found = {precision: machine.peak(precision) for precision in ("fp32", "bf16", "int8")}
    return ", ".join(
        f"{number(peak[0])} G{'op' if precision == 'int8' else 'FLOP'}/s in {precision} ({peak[1]})"
        for precision, peak in found.items() if peak
    )  # fmt: skip


def fastest(machine: Machine, precisions: Sequence[str] = ("fp32", "bf16", "int8")) -> float:
    """The best rate in any of these precisions, in operations a second."""
    return max(peak[0] for precision in precisions if (peak := machine.peak(precision))) * 1e9


def _warm(exported: Exported, setting: Setting, instruments: int) -> Lanes:
    lanes = open_session(exported, setting).begin(instruments)
    lanes.x[:] = stream(0, "claims").standard_normal(lanes.x.shape)
    seconds(lanes, instruments, 2)
    return lanes


def _best(found: Medians, what: str) -> list[Reading]:
    """The fastest setting of every precision, fp32 first, in microseconds."""
    best: dict[str, Setting] = {}
    for setting in sorted(found, key=lambda setting: found[setting]):
        best.setdefault(setting.precision, setting)
    kept = (best[precision] for precision in ("fp32", "bf16", "int8") if precision in best)
    return [Reading(f"{what} ({setting})", found[setting] * 1e6) for setting in kept]


def _batch_32(figure: Figure, bench: Bench) -> Answer:
    products = multiply_adds(bench.network)
    operations, rate = 2 * products * INSTRUMENTS, fastest(bench.machine)
    needs = (
        f"One step is {products:,} multiply-adds. For {INSTRUMENTS} instruments that is {operations / 1e9:.3g} GFLOP, "
        f"and in {figure.say()} {operations / figure.value / 1e6:.2g} TFLOP/s.",
        f"Where a window of {WINDOW} bars is read anew at every bar, it is {WINDOW} times that: "
        f"{WINDOW * operations / figure.value / 1e6:.2g} TFLOP/s.",
        f"The best products measured here: {peaks(bench.machine)}.",
    )
    window = deployed(bench.network, length=WINDOW)
    whole = [setting for setting in candidates(window) if setting.threads == bench.threads]
    read_anew = medians(window, INSTRUMENTS, whole, rounds=2)
    bench.progress.say(f"a step of {INSTRUMENTS} instruments")
    stepped = deployed(bench.network)
    carried = medians(stepped, INSTRUMENTS, candidates(stepped), rounds=bench.repeats(_ROUNDS))
    readings = [*_best(read_anew, f"a window of {WINDOW} bars read anew"), *_best(carried, "a stateful step")]
    return Answer(
        needs, tuple(readings),
        judge(figure, readings, limit=operations / rate * 1e6, because="at the best rate measured here a step takes"),
        ("Every figure is the median of interleaved rounds, in the fastest setting of its precision. Weights are "
         "fresh: what int8 costs in accuracy is judged for a trained model, when it is exported.",),
    )  # fmt: skip


def _ten_models(figure: Figure, bench: Bench) -> Answer:
    exported = deployed(bench.network)
    found = medians(exported, 1, candidates(exported), rounds=bench.repeats(_ROUNDS))
    setting = min(found, key=lambda setting: found[setting])
    ensemble = [_warm(exported, setting, 1) for _ in range(TEN)]
    taken = [_in_turn(ensemble) for _ in range(bench.repeats(50))]
    ten, one = float(np.median(taken)) * 1e3, found[setting] * 1e3
    return Answer(
        (f"Ten models take at least as long as one of them: {ONE_MS:g} ms, not {figure.say()}.",),
        (Reading(f"ten of them in turn ({setting})", ten), Reading(f"one of them ({setting})", one)),
        paired(figure, ONE_MS, ten),
    )


def paired(figure: Figure, one: float, ten: float) -> Verdict:
    """The verdict on a time of ten models, given the published time of one and the measured one of ten."""
    if one > figure.value:
        return Verdict(
            "impossible here",
            f"the two published figures contradict each other: ten models in {figure.say()}, one of them alone in "
            f"{figure.say(one)}. Measured on its own, ten in turn take {figure.say(ten)}.",
        )
    return judge(figure, [Reading("ten models in turn", ten)])


def _in_turn(ensemble: Sequence[Lanes]) -> float:
    began = elapsed_s()
    for member in ensemble:
        member.step(1)
    return elapsed_s() - began


QUESTIONS = (
    Question(
        "batch", "A batch of 32 in 996 µs", "The five-layer network answers a batch of 32 in 996 µs.",
        Figure(996, "µs"), _batch_32, minutes=0.5,
    ),
    Question(
        "ensemble", "Ten models in 3.1 ms",
        f"An ensemble of ten such networks answers in 3.1 ms, while one network alone takes {ONE_MS:g} ms.",
        Figure(3.1, "ms"), _ten_models, minutes=0.2,
    ),
)  # fmt: skip
