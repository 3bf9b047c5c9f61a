import pytest
from known_machine import ENGINE, ENGINE_P99, OWN, RATES, STEP, known_machine

from candlewick.models._base import Model
from candlewick.models._heads import Point
from candlewick.models.gradient_boosting import GradientBoosting
from candlewick.models.linear import Linear
from candlewick.models.lstm import Lstm
from candlewick.sizing.latency import Latency, latency
from candlewick.sizing.machine import Machine

DEEP = Lstm(layers=5, hidden=512, projection=256)


def told(
    model: Model, precision: str = "fp32", *,
    instruments: int = 1, streams: bool = True, machine: Machine | None = None, length: int = 16,
) -> Latency | None:  # fmt: skip
    layers = model.count(40, Point(), length)
    return latency(
        model, layers, machine or known_machine(), columns=40, length=length, streams=streams, precision=precision,
        instruments=instruments,
    )  # fmt: skip


def whole(*arguments: object, **options: object) -> Latency:
    found = told(*arguments, **options)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_forecast_is_the_networks_step_and_the_engine_around_it() -> None:
    model = Lstm(layers=2, hidden=256)

    one = whole(model)

    first = 4 * 256 * (40 + 256)  # the first layer reads the columns
    assert one.network == pytest.approx((first + 8 * 256**2) * STEP, rel=0.05)
    assert one.p50 == pytest.approx(one.network + ENGINE - OWN)
    assert one.path == "compiled"


def test_one_in_a_hundred_is_as_much_slower_as_engines_were_measured_to_be() -> None:
    one = whole(DEEP)

    assert one.p99 == pytest.approx(one.p50 * ENGINE_P99 / ENGINE)


def test_nothing_is_told_to_be_faster_than_the_machine() -> None:
    for precision in RATES:
        for instruments in (1, 32):
            one = whole(DEEP, precision, instruments=instruments)
            assert one.network >= one.limit > 0


def test_steps_that_were_not_measured_are_told_from_bandwidth_and_rate() -> None:
    machine = known_machine(compiled=False)
    products = sum(layer.multiply_adds for layer in DEEP.count(40, Point(), 16))

    lone, many = whole(DEEP, machine=machine), whole(DEEP, machine=machine, instruments=32)

    gates = 5 * 5 * 512e-9  # five layers of 512 units with five functions each
    assert lone.network == pytest.approx(4 * products / machine.bandwidth("read", 4 * products) + gates, rel=0.05)
    assert many.network == pytest.approx(2 * 32 * products / 200e9 + 32 * gates, rel=0.05)
    assert "not measured" in lone.path


def test_more_layers_and_more_instruments_take_longer_and_fewer_bytes_take_less() -> None:
    assert whole(DEEP).p50 > whole(Lstm(layers=3, hidden=512, projection=256)).p50
    assert whole(DEEP, instruments=32).p50 > whole(DEEP).p50
    assert whole(DEEP, "int8").limit < whole(DEEP, "bf16").limit < whole(DEEP, "fp32").limit


def test_a_network_that_reads_windows_pays_for_the_whole_window() -> None:
    assert whole(DEEP, streams=False).network == pytest.approx(16 * whole(DEEP).network)


def test_estimators_have_one_precision_and_trees_cost_their_comparisons() -> None:
    assert told(Linear(), "int8") is None
    assert whole(Linear()).network == pytest.approx(OWN)
    assert whole(GradientBoosting(rounds=400)).network > whole(GradientBoosting(rounds=100)).network > OWN


def test_a_precision_that_the_machine_has_not_is_not_told() -> None:
    assert told(DEEP, "bf16", machine=known_machine(torch=False)) is None
