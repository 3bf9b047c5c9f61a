"""How fast it learns: whole epochs, and one sample at a time."""

import statistics
from typing import Literal

import numpy as np

from candlewick.core.clock import elapsed_s
from candlewick.core.random import stream
from candlewick.core.words import number
from candlewick.lab.claims.claim import Answer, Bench, Figure, Question, Reading, judge
from candlewick.lab.claims.latency import WINDOW, fastest, peaks
from candlewick.lab.claims.network import INPUTS, fresh_weights, multiply_adds
from candlewick.models._heads import HeadScale, Point
from candlewick.models.lstm import Lstm
from candlewick.samples.dataset import Dataset, Samples
from candlewick.train.recipe import Recipe

SAMPLES, EPOCHS = 100_000, 200
LANES, CHUNK = 128, 64
_CHUNKS, _UPDATES = 6, 60

_PASSES = 3
"""Forward passes that a training step costs: the backward pass computes two products for each one."""

_MOVES, _FEWEST_MOVES = 10, 8
"""Times that an update moves every weight or an array of its size: forward 1, backward 1, the gradient written 1;
AdamW reads weight, gradient and two moments and writes weight and moments, 7. Where the gradient is never written
down, it is 8."""


def noise(bars: int) -> Dataset:
    """Bars of standard normal features with labels that have nothing to do with them."""
    rng, t = stream(0, "claims", "noise"), np.arange(bars, dtype=np.int64)
    return Dataset(
        x=rng.standard_normal((bars, INPUTS), dtype=np.float32), columns=tuple(f"f{k}" for k in range(INPUTS)), t=t,
        symbol=np.zeros(bars, dtype=np.int64), symbols=("NOISE",), y=rng.standard_normal(bars), known_at=t + 1,
        echo=np.full(bars, np.nan), start=t, length=1, ready=np.ones(bars, dtype=bool),
    )  # fmt: skip


def bars_a_second(network: Lstm, precision: Literal["fp32", "bf16"], threads: int, bars: int) -> float:
    """Of one epoch over a stream of so many bars, after a short one that is not counted."""
    from candlewick.train.loop import fit

    def epoch(data: Dataset) -> float:
        recipe = Recipe(sampling="streams", batch=LANES, chunk=CHUNK, warmup=0, epochs=1, precision=precision,
                        threads=threads)  # fmt: skip
        everything, nothing = Samples(data, np.arange(len(data))), Samples(data, np.array([], dtype=np.int64))
        done = fit(network, everything, nothing, head=Point(), scale=HeadScale(0.0, 1.0), recipe=recipe, seed=0)
        return len(data) / done.seconds

    epoch(noise(LANES * CHUNK))
    return epoch(noise(bars))


def _epochs(figure: Figure, bench: Bench) -> Answer:
    from candlewick.train.device import has_bf16

    operations = _PASSES * 2 * multiply_adds(bench.network) * SAMPLES
    rate = fastest(bench.machine, ("fp32", "bf16"))
    bars = LANES * CHUNK * bench.repeats(_CHUNKS)
    precisions: tuple[Literal["fp32", "bf16"], ...] = ("fp32", "bf16") if has_bf16("cpu") else ("fp32",)
    rates = {p: bars_a_second(bench.network, p, bench.threads, bars) for p in precisions}
    readings = [
        Reading(
            f"{EPOCHS} epochs over a stream in which every bar is a sample, {p}, {bench.threads} threads, extrapolated "
            f"from {bars:,} bars at {speed:,.0f} a second", SAMPLES * EPOCHS / speed,
        ) for p, speed in rates.items()
    ]  # fmt: skip
    fitting = figure.value * max(rates.values()) / SAMPLES
    return Answer(
        (
            f"Training costs {_PASSES} forward passes. One step a sample is {operations / 1e12:.2g} TFLOP an epoch; "
            f"{EPOCHS} epochs in {figure.say()} are {operations * EPOCHS / figure.value / 1e12:.2g} TFLOP/s sustained.",
            f"With a window of {WINDOW} bars a sample it is {WINDOW} times that.",
            f"The best products measured here: {peaks(bench.machine)}.",
        ),
        tuple(readings),
        judge(
            figure, readings, limit=operations * EPOCHS / rate,
            because="at the best rate measured here the products alone take",
        ),
        (f"{number(fitting)} epochs of {SAMPLES:,} samples fit in {figure.say()} here.",),
    )  # fmt: skip


def _update(figure: Figure, bench: Bench) -> Answer:
    weights = sum(layer.parameters for layer in bench.network.count(INPUTS, Point(), 1))
    traffic = _MOVES * 4 * weights
    bandwidth = bench.machine.bandwidth("copy", traffic, threads=bench.threads)
    counts = dict.fromkeys((1, bench.threads))
    readings = [
        Reading(f"one sample, batch 1, AdamW in fp32, {threads} thread{'s' * (threads > 1)}",
                update_seconds(bench.network, threads, bench.repeats(_UPDATES)) * 1e3)
        for threads in counts
    ]  # fmt: skip
    best = [min(readings, key=lambda reading: reading.value)]
    return Answer(
        (
            f"{weights:,} weights, their gradients and AdamW's two moments in fp32 are moved {_MOVES} times in all: "
            f"{traffic / 1e9:.2g} GB, which in {figure.say()} is {traffic / figure.value / 1e6:.3g} GB/s.",
            f"Memory was copied at {bandwidth / 1e9:.3g} GB/s here.",
        ),
        tuple(readings),
        judge(
            figure, best, limit=_FEWEST_MOVES * 4 * weights / bandwidth * 1e3,
            because="moving weights and moments alone takes",
        ),
    )  # fmt: skip


def update_seconds(network: Lstm, threads: int, updates: int) -> float:
    """Median seconds of learning one sample of a stream, after a warm-up."""
    from candlewick.train.update import Updater

    recipe = Recipe(sampling="streams", threads=threads)
    updater = Updater(
        network, fresh_weights(network), inputs=INPUTS, head=Point(), scale=HeadScale(0.0, 1.0), recipe=recipe
    )
    data, state, taken = noise(updates + 5), updater.zero, []
    for x, y in zip(data.x, data.y, strict=True):
        began = elapsed_s()
        _, state = updater.update(x[None], float(y), state)
        taken.append(elapsed_s() - began)
    return statistics.median(taken[5:])


QUESTIONS = (
    Question(
        "epochs", "200 epochs in 56 s", f"Training {EPOCHS} epochs on {SAMPLES:,} samples takes 56 s.",
        Figure(56, "s"), _epochs, minutes=0.6,
    ),
    Question(
        "update", "Learning one more sample in 8 ms", "An incremental update of the network takes 8 ms a sample.",
        Figure(8, "ms"), _update, minutes=0.1,
    ),
)  # fmt: skip
