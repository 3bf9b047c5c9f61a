from dataclasses import replace

import numpy as np
import pytest
from known_machine import PER_CALL, PER_MULTIPLY_ADD, RATES, known_machine

from candlewick.core.errors import ConfigError
from candlewick.models._base import LayerCount
from candlewick.models._heads import Point
from candlewick.models.lstm import Lstm
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Rows
from candlewick.samples.stream import plan
from candlewick.sizing.training_time import Fitting, TrainingTime, training_time, walked

WINDOWS = Fitting(rows=3200, validation=0, inputs=8, length=16, batch=32, epochs=20)
STREAMS = replace(WINDOWS, sampling="streams", length=1, chunk=16, warmup=32)


def told(fitting: Fitting = WINDOWS, precision: str = "fp32", **spec: int) -> TrainingTime:
    layers = Lstm(**{"layers": 2, "hidden": 64, **spec}).count(fitting.inputs, Point(), fitting.length)  # type: ignore[arg-type]
    return training_time(layers, fitting, known_machine(), precision=precision)


def test_an_update_is_its_layers_its_optimiser_and_the_loop() -> None:
    layer = LayerCount("lstm.0", 33_000, 8 * 64**2, recurrent=True)

    time = training_time([layer], WINDOWS, known_machine(), precision="fp32")

    assert time.parts["layers"] == pytest.approx(PER_CALL + 8 * 64**2 * 32 * 16 * PER_MULTIPLY_ADD)
    assert time.parts["optimiser"] == pytest.approx(4 * 1e-6 + 33_000 * 1e-9, rel=0.01)
    assert time.update == pytest.approx(sum(time.parts.values()))
    assert time.epoch == pytest.approx(100 * time.update, rel=0.01)
    assert time.longest == 20 * time.epoch


def test_a_layer_that_waits_for_nothing_costs_its_products_at_the_measured_rate() -> None:
    layer = LayerCount("projection", 0, 1_000_000)

    time = training_time([layer], WINDOWS, known_machine(), precision="fp32")

    assert time.parts["layers"] == pytest.approx(3 * 2 * 1e6 * 32 * 16 / (RATES["fp32"] * 1e9))


@pytest.mark.parametrize(
    ("more", "less"),
    [
        (told(layers=3), told(layers=2)), (told(hidden=65), told(hidden=64)), (told(hidden=900), told(hidden=512)),
        (told(replace(WINDOWS, rows=6400)), told()), (told(replace(WINDOWS, validation=800)), told()),
        (told(replace(WINDOWS, length=64)), told()), (told(), told(precision="bf16")),
        (told(), told(replace(WINDOWS, threads=2))), (told(replace(WINDOWS, kahan=True)), told()),
        (told(replace(STREAMS, warmup=320)), told(STREAMS)), (told(replace(STREAMS, batch=8)), told(STREAMS)),
    ],
)  # fmt: skip
def test_more_work_takes_longer(more: TrainingTime, less: TrainingTime) -> None:
    assert more.epoch > less.epoch


def test_predictions_are_the_same_each_time() -> None:
    assert told(STREAMS) == told(STREAMS)


def test_a_stream_costs_less_than_windows_of_the_same_bars() -> None:
    assert told(STREAMS).epoch < told(WINDOWS).epoch / 4


def test_patience_gives_a_range_and_nothing_to_validate_gives_none() -> None:
    patient = told(replace(WINDOWS, validation=320, patience=4))

    assert patient.shortest == pytest.approx(5 * patient.epoch)
    assert patient.longest == pytest.approx(20 * patient.epoch)
    for fixed in (replace(WINDOWS, patience=4), replace(WINDOWS, validation=320, patience=None)):
        assert told(fixed).shortest == told(fixed).longest


def test_without_torch_nothing_is_told_and_the_reason_is() -> None:
    layers = Lstm(layers=2).count(8, Point(), 16)

    with pytest.raises(ConfigError, match="not measured on this machine"):
        training_time(layers, WINDOWS, known_machine(torch=False), precision="fp32")


@pytest.mark.parametrize(
    ("rows", "lanes", "chunk", "warmup"), [(5_000, 8, 32, 64), (20_000, 32, 64, 256), (300, 64, 16, 0)]
)
def test_the_batches_of_a_stream_are_nearly_those_that_training_walks(
    rows: int, lanes: int, chunk: int, warmup: int
) -> None:
    t = np.arange(rows, dtype=np.int64)
    data = Dataset(
        x=np.zeros((rows, 1), np.float32), columns=("a",), t=t, symbol=np.zeros(rows, np.int64), symbols=("A",),
        y=np.zeros(rows), known_at=t, echo=np.zeros(rows), start=t, length=1, ready=np.ones(rows, bool),
    )  # fmt: skip
    real = plan(data, Rows(t), lanes=lanes, chunk=chunk, warmup=warmup, epoch=0, seed=0)
    fitting = replace(STREAMS, rows=rows, batch=lanes, chunk=chunk, warmup=warmup)

    walk = walked(rows, fitting)

    assert walk.sequences == real.first.shape[1]
    assert walk.batches + walk.warming + walk.closing == pytest.approx(real.steps, abs=1)
