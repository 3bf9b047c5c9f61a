"""What the planner tells beside what is then measured: training time over a spread of models, and live latency.

    python benchmarks/learning/planner.py [--remeasure --seconds 60]

Every network is trained for a few short epochs with the real loop, every estimator is fitted, and every engine steps
real bars, in rounds that take turns until the seconds are over; what is held against the prediction is the median
epoch, fit or step. The machine is measured first, or known from before.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _record import record

from candlewick.core.clock import elapsed_s
from candlewick.core.random import stream
from candlewick.features import FEATURES
from candlewick.features._set import FeatureSet
from candlewick.labels import LABELS
from candlewick.models._base import Estimator, Model
from candlewick.models._heads import Classes, Head, HeadScale, Point, Variance
from candlewick.models.gradient_boosting import GradientBoosting
from candlewick.models.har import Har
from candlewick.models.linear import Linear
from candlewick.models.lstm import Lstm
from candlewick.runtime import rates, step_rates
from candlewick.runtime.engine import Engine
from candlewick.runtime.exported import Exported
from candlewick.runtime.kernels.residual_lstm import CompiledLstm, compiled_precisions
from candlewick.runtime.session import Precision
from candlewick.samples.dataset import Dataset, Samples
from candlewick.sizing import fit_time
from candlewick.sizing.latency import latency
from candlewick.sizing.machine import Machine
from candlewick.sizing.measure import measured
from candlewick.sizing.training_time import Fitting, training_time
from candlewick.train import rates as training_rates
from candlewick.train.device import has_bf16
from candlewick.train.loop import fit
from candlewick.train.recipe import Recipe

COLUMNS, STEPS = 40, 300
TRAINED = (
    # layers, hidden, projection, sampling, batch, bars of a window or chunk, rows, validation rows, warm-up
    (1, 16, None, "windows", 32, 32, 1_000, 0, 0),
    (3, 64, None, "windows", 32, 32, 640, 160, 0),
    (2, 128, None, "windows", 128, 60, 512, 0, 0),
    (2, 48, None, "windows", 8, 24, 320, 80, 0),
    (1, 256, None, "windows", 16, 16, 320, 0, 0),
    (3, 512, 256, "windows", 32, 20, 96, 0, 0),
    (3, 64, None, "streams", 32, 64, 16_384, 4_096, 256),
    (5, 256, 128, "streams", 32, 64, 6_144, 0, 128),
    (10, 64, None, "streams", 16, 32, 3_072, 0, 32),
    (3, 32, None, "streams", 8, 64, 5_120, 0, 0),
    (5, 512, 256, "streams", 128, 64, 8_192, 0, 0),
)
FITTED: tuple[tuple[Estimator, Head, int, int], ...] = (
    (Linear(), Point(), 20_000, 20),
    (Linear(), Classes(), 3_000, 12),
    (Har(), Variance(), 20_000, 8),
    (GradientBoosting(rounds=50), Point(), 12_000, 20),
)
SERVED = (
    # layers, hidden, projection
    (1, 16, None), (3, 64, None), (2, 128, None), (5, 256, 128), (3, 512, 256), (5, 512, 256), (10, 512, 256),
)  # fmt: skip


def machine(remeasure: bool) -> Machine:
    compiled = {f"compiled {p}": partial(step_rates.network_trials, p) for p in get_args(Precision)}
    return measured(
        {"runtime": lambda n: chain(rates.trials(n), step_rates.trials(n)), "torch": training_rates.trials},
        late={"estimators": fit_time.trials, **compiled}, remeasure=remeasure,
    )  # fmt: skip


def samples(rows: int, columns: int, length: int, head: Head) -> Samples:
    rng, bars = stream(0, "planner"), rows + length - 1
    t = np.arange(bars, dtype=np.int64)
    y = np.round(rng.random(bars)) if isinstance(head, Classes) else rng.random(bars)
    data = Dataset(
        x=rng.standard_normal((bars, columns), np.float32), columns=tuple(f"f{k}" for k in range(columns)), t=t,
        symbol=np.zeros(bars, np.int64), symbols=("SYN",), y=y, known_at=t + 1, echo=rng.random(bars), start=t,
        length=length, ready=t >= length - 1,
    )  # fmt: skip
    return Samples(data, np.arange(length - 1, bars))


Case = tuple[str, float, Callable[[], float]]
"""A title, what is told, and what measures it once."""


def trained(row: tuple[Any, ...], precision: Any, here: Machine) -> Case:
    layers, hidden, projection, sampling, batch, bars, rows, validation, warmup = row
    network = Lstm(layers=layers, hidden=hidden, projection=projection)
    length = bars if sampling == "windows" else 1
    every = samples(rows + validation, COLUMNS, length, Point())
    train, checked = (Samples(every.data, index) for index in np.split(every.index, [rows]))
    recipe = Recipe(
        sampling=sampling, batch=batch, chunk=bars, warmup=warmup, epochs=2, patience=None, schedule="constant",
        precision=precision,
    )  # fmt: skip
    told = training_time(
        network.count(COLUMNS, Point(), length),
        Fitting(rows, validation, COLUMNS, length, sampling, batch, bars, warmup), here, precision=precision,
    )  # fmt: skip

    def epoch() -> float:
        done = fit(network, train, checked, head=Point(), scale=HeadScale(0.0, 1.0), recipe=recipe, seed=0)
        return statistics.median(each.seconds for each in done.curve)

    return f"epoch of {layers} x {hidden}, {sampling} {batch} x {bars}, {precision}", told.epoch, epoch


def fitted(model: Estimator, head: Head, rows: int, columns: int, here: Machine) -> Case:
    train = samples(rows, columns, 22, head)
    told = fit_time.fit_time(model, head, Fitting(rows, 0, columns, 22), here)
    assert told is not None, "fits of estimators were left out; measure again with --remeasure"

    def once() -> float:
        began = elapsed_s()
        model.fit(train, head=head, scale=head.fit_scale(train.y), seed=0)
        return elapsed_s() - began

    # On noise hardly any round is kept.
    return f"fit of {model.spec_name()}, {rows} x {columns}, {head.head}", told.shortest, once


def served(model: Model, precision: Precision, instruments: int, here: Machine) -> Case:
    features = FeatureSet.of([FEATURES.build({"name": "log_return", "length": k + 1}) for k in range(COLUMNS)])
    scaler = {"center": np.zeros((1, COLUMNS)), "scale": np.ones((1, COLUMNS)), "clip": np.array([9.0]),
              "symbols": np.empty(0, np.uint8)}  # fmt: skip
    exported = Exported(
        features=features, label=LABELS.build("forward_return"), length=1, model=model, weights=weights(model),
        scaler=scaler, head=Point(), scale=HeadScale(0.0, 1.0), streams=True, warmup=0,
    )  # fmt: skip
    assert isinstance(model, Lstm)
    session = CompiledLstm(
        model, exported.weights, inputs=COLUMNS, outputs=1, streams=True, length=1, precision=precision, threads=1
    )
    engine = Engine(exported, [f"instrument {k}" for k in range(instruments)], session)
    bars = 100.0 + stream(0, "planner").random((STEPS, instruments, len(exported.columns)))
    layers = model.count(COLUMNS, Point(), 1)
    told = latency(
        model, layers, here, columns=COLUMNS, length=1, streams=True, precision=precision, instruments=instruments
    )
    assert told is not None

    def step() -> float:
        taken = []
        for bar in bars:
            began = elapsed_s()
            engine.step(engine.seq + 1, bar)
            taken.append(elapsed_s() - began)
        return statistics.median(taken)

    return f"forecast of {model.layers} x {model.hidden}, {instruments} in {precision}", told.p50, step


def weights(model: Model) -> dict[str, np.ndarray]:
    assert isinstance(model, Lstm)
    rng = stream(0, "planner")
    return {
        name: rng.standard_normal(part.shape, np.float32) / part.shape[-1] ** 0.5
        for name, part in model.build(COLUMNS, 1).state_dict().items()
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--remeasure", action="store_true")
    arguments.add_argument("--seconds", type=float, default=60.0)
    asked = arguments.parse_args()
    here = machine(asked.remeasure)
    precisions = ("fp32", "bf16") if has_bf16("cpu") else ("fp32",)
    time = [trained(row, precision, here) for row in TRAINED for precision in precisions]
    time += [fitted(*row, here) for row in FITTED]
    live = [
        served(model, precision, instruments, here)
        for model in (Lstm(layers=layers, hidden=hidden, projection=first) for layers, hidden, first in SERVED)
        for precision in compiled_precisions(model)
        for instruments in (1, 32)
    ]
    for _, _, measure in time + live:
        measure()  # first touches
    taken: list[list[float]] = [[] for _ in time + live]
    began = elapsed_s()
    while not taken[0] or elapsed_s() - began < asked.seconds:
        for (_, _, measure), found in zip(time + live, taken, strict=True):
            found.append(measure())
    figures: dict[str, object] = {}
    errors: list[float] = []
    for (title, told, _), found in zip(time + live, taken, strict=True):
        real = statistics.median(found)
        errors.append(told / real - 1)
        figures[title] = f"told {told * 1e3:.3f} ms, measured {real * 1e3:.3f} ms, {errors[-1]:+.0%}"
    figures["median error of training time"] = statistics.median(map(abs, errors[: len(time)]))
    figures["median error of latency"] = statistics.median(map(abs, errors[len(time) :]))
    figures["rounds"], figures["left out of the machine's measurement"] = len(taken[0]), list(here.left_out)
    figures["target"] = "training time within 0.15, latency within 0.20"
    record("planner", figures)


if __name__ == "__main__":
    main()
