"""The compiled step against torch, against itself in other company, and against hostile numbers."""

import gc
import os
import resource
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from candlewick.core.compiled import compiled
from candlewick.core.errors import ConfigError
from candlewick.models.linear import Linear
from candlewick.models.lstm import Lstm
from candlewick.runtime.kernels._gates import sigmoid, tanh
from candlewick.runtime.kernels._vector import load, store
from candlewick.runtime.kernels.residual_lstm import CompiledLstm, compiled_precisions

TINY = Lstm(**Lstm.tiny)
PRECISIONS = compiled_precisions(TINY)
FULL_NAN = np.array([0x7FFFFFFF], np.uint32).view(np.float32)[0]  # one unit more, and it would be minus zero
needs_the_machine = pytest.mark.skipif("int8" not in PRECISIONS, reason="no int8 instructions here")


def network(spec, inputs, outputs):
    """A built network whose every parameter was moved from where it starts, and its weights."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(7)
    built = spec.build(inputs, outputs).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return built, {name: value.detach().numpy() for name, value in built.state_dict().items()}


def weights(spec, inputs, outputs=1, seed=7):
    """Weights of that network's shapes, without torch."""
    rng = np.random.default_rng(seed)
    first, hidden = spec.projection or inputs, spec.hidden
    shapes = {"head.weight": (outputs, hidden), "head.bias": (outputs,)}
    if spec.projection:
        shapes |= {"projection.weight": (first, inputs), "projection.bias": (first,)}
    for k in range(spec.layers):
        shapes |= {f"lstm.{k}.weight_ih_l0": (4 * hidden, hidden if k else first)}
        shapes |= {f"lstm.{k}.weight_hh_l0": (4 * hidden, hidden)}
        shapes |= {f"lstm.{k}.bias_ih_l0": (4 * hidden,), f"lstm.{k}.bias_hh_l0": (4 * hidden,)}
        if spec.norm:
            shapes |= {f"norm.{k}.weight": (hidden,), f"norm.{k}.bias": (hidden,)}
    return {name: rng.uniform(-0.3, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def session(spec=TINY, inputs=5, outputs=1, *, precision="fp32", length=1, streams=True, given=None, **threads):
    given = weights(spec, inputs, outputs) if given is None else given
    shape = {"inputs": inputs, "outputs": outputs, "streams": streams, "length": length}
    return CompiledLstm(spec, given, **shape, precision=precision, **threads)


def streamed(made, x):
    """Raw (rows, time, outputs) of lanes that step through x (rows, time, inputs)."""
    lanes = made.begin(len(x))
    return stepped(lanes, x)


def stepped(lanes, x):
    raw = []
    for t in range(x.shape[1]):
        lanes.x[: len(x)] = x[:, t]
        lanes.step(len(x))
        raw.append(lanes.raw[: len(x)].copy())
    return np.stack(raw, axis=1)


def noise(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def torch_raw(built, x):
    import torch

    with torch.no_grad():
        return built(torch.from_numpy(x))[0].numpy()


# Against torch


@pytest.mark.skipif("fp32" not in PRECISIONS, reason="no fused multiply-add here")
@pytest.mark.parametrize(
    ("spec", "inputs", "outputs"),
    [
        (TINY, 5, 1),
        (Lstm(layers=5, hidden=48, projection=70), 40, 3),
        (Lstm(layers=1, hidden=1, norm=False, skips=()), 1, 1),
        (Lstm(layers=3, hidden=37, skips=((1, 2), (1, 3), (2, 3))), 130, 2),
        (Lstm(layers=10, hidden=20, projection=9), 3, 1),
        (Lstm(layers=3, hidden=130, norm=False), 17, 9),
        (Lstm(layers=64, hidden=3, norm=False, skips=((1, 64), (63, 64))), 4, 1),
    ],
    ids=lambda value: "-".join(f"{v}" for v in (value.layers, value.hidden)) if isinstance(value, Lstm) else None,
)
def test_fp32_equals_torch_for_every_shape(spec, inputs, outputs):
    built, given = network(spec, inputs, outputs)
    x = noise(3, 30, inputs)
    found = streamed(session(spec, inputs, outputs, given=given), x)
    np.testing.assert_allclose(found, torch_raw(built, x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_thousand_steps_stay_with_torch(precision):
    spec = Lstm(layers=3, hidden=32, projection=16)
    built, given = network(spec, 8, 1)
    x = noise(2, 1000, 8)
    truth = torch_raw(built, x)
    found = streamed(session(spec, 8, given=given, precision=precision), x)
    off = found - truth
    if precision == "fp32":
        assert np.abs(off).max() < 1e-5
    else:
        share = np.sqrt(np.mean(off[:, 500:] ** 2)) / truth.std()
        assert 1e-4 < share < 0.05, "reduced, and little"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_window_is_a_stream_from_the_zero_state(precision):
    x = noise(4, 12, 5)
    made = session(precision=precision, streams=False, length=12)
    lanes = made.begin(6)
    lanes.x[:4] = x
    assert lanes.state == ()
    assert lanes.x.shape == (6, 12, 5)
    lanes.step(4)
    first = lanes.raw[:4].copy()
    np.testing.assert_array_equal(first, streamed(session(precision=precision), x)[:, -1])
    lanes.step(4)
    np.testing.assert_array_equal(lanes.raw[:4], first)


@pytest.mark.skipif("fp32" not in PRECISIONS, reason="no fused multiply-add here")
def test_gates_are_right_to_a_few_units_in_the_last_place():
    @compiled()
    def both(x, s, t):
        for j in range(0, x.size, 16):
            store(s.ctypes.data + 4 * j, sigmoid(load(x.ctypes.data + 4 * j)))
            store(t.ctypes.data + 4 * j, tanh(load(x.ctypes.data + 4 * j)))

    from candlewick.runtime.kernels._layout import aligned

    x, s, t = (aligned((16 * 4096,), np.float32) for _ in range(3))
    x[:] = np.concatenate([np.linspace(-20, 20, x.size // 2), np.geomspace(1e-8, 50, x.size // 2)])
    x[:4] = [np.nan, np.inf, -np.inf, 0.0]
    both(x, s, t)
    exact = x.astype(np.float64)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(s, 1 / (1 + np.exp(-exact)), atol=2e-7, rtol=0)
    np.testing.assert_allclose(t, np.tanh(exact), rtol=1e-6, atol=0)
    assert 1 - 3e-7 < np.nanmax(np.abs(t)) <= 1.0, "h stays in [-1, 1]"


# The same bits


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("threads", [{"threads": 1}, {"threads": 2}, {"threads": 2, "spinning": True}], ids=str)
def test_bits_do_not_depend_on_company_place_or_threads(precision, threads):
    spec = Lstm(layers=3, hidden=150, projection=70)
    x = noise(15, 6, 5)
    made = session(spec, precision=precision, **threads)
    alone = np.concatenate([streamed(session(spec, precision=precision), row[None]) for row in x])
    np.testing.assert_array_equal(streamed(made, x), alone)
    for rows in (2, 3, 4, 7, 13):
        np.testing.assert_array_equal(streamed(made, x[-rows:]), alone[-rows:])
    np.testing.assert_array_equal(streamed(made, x[::-1]), alone[::-1])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_state_can_be_saved_and_restored_and_other_lanes_stay_as_they_are(precision):
    x = noise(3, 20, 5)
    lanes = session(precision=precision).begin(3)
    stepped(lanes, x[:, :10])
    saved = [part.copy() for part in lanes.state]
    assert [part.shape for part in saved] == [(3, TINY.hidden)] * (2 * TINY.layers)
    after = stepped(lanes, x[:, 10:])
    for part, before in zip(lanes.state, saved, strict=True):
        part[...] = before
    np.testing.assert_array_equal(stepped(lanes, x[:1, 10:]), after[:1])
    for part, before in zip(lanes.state, saved, strict=True):
        np.testing.assert_array_equal(part[1:], before[1:])
        assert (part[0] != before[0]).any()


def test_state_is_what_torch_carries():
    built, given = network(TINY, 5, 1)
    import torch

    x = noise(2, 9, 5)
    lanes = session(given=given).begin(2)
    stepped(lanes, x)
    with torch.no_grad():
        _, state = built(torch.from_numpy(x))
    for found, truth in zip(lanes.state, state, strict=True):
        np.testing.assert_allclose(found, truth.numpy(), atol=1e-5)


# Hostile numbers


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("projection", [None, 8])
@pytest.mark.parametrize("number", [np.nan, FULL_NAN, np.inf, -np.inf], ids=["nan", "full nan", "inf", "-inf"])
def test_what_is_not_finite_gives_nan_in_its_own_row_alone(precision, projection, number):
    made = session(Lstm(layers=2, hidden=20, projection=projection), precision=precision)
    x = noise(3, 4, 5)
    clean = streamed(made, x)
    x[1, 1, 3] = number
    found = streamed(made, x)
    assert np.isnan(found[1, 1:]).all()
    assert np.isfinite(found[1, 0]).all()
    np.testing.assert_array_equal(found[[0, 2]], clean[[0, 2]])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_inputs_that_are_all_zero_or_huge_or_tiny_are_numbers(precision):
    made = session(Lstm(layers=2, hidden=20), precision=precision)
    for size in (0.0, 1e-42, 1e-30, 1e30):
        assert np.isfinite(streamed(made, size * noise(2, 3, 5))).all()


@pytest.mark.parametrize("break_it", ["missing", "shape", "nan"])
@pytest.mark.parametrize("name", ["lstm.1.weight_hh_l0", "head.bias", "norm.0.weight", "projection.weight"])
def test_weights_that_do_not_fit_are_refused(break_it, name):
    spec = Lstm(layers=2, hidden=8, projection=4)
    given = weights(spec, 5)
    if break_it == "missing":
        del given[name]
    elif break_it == "shape":
        given[name] = given[name][:-1]
    else:
        given[name].flat[-1] = np.nan
    with pytest.raises(ConfigError, match=name):
        session(spec, given=given)


def test_more_rows_than_lanes_and_other_thread_counts_are_refused():
    lanes = session().begin(2)
    lanes.step(0)
    with pytest.raises(ConfigError, match="at most the 2 lanes"):
        lanes.step(3)
    with pytest.raises(ConfigError, match="1 or 2 threads, was 3"):
        session(threads=3)


# Threads and memory


@needs_the_machine
@pytest.mark.parametrize("spinning", [False, True])
def test_many_threads_step_lanes_of_one_session(spinning):
    made = session(Lstm(layers=2, hidden=70), precision="int8", threads=2, spinning=spinning)
    x = noise(4, 300, 5)
    found = np.empty((4, 300, 1))

    def work(lane):
        found[lane] = streamed(made, x[lane : lane + 1])[0]

    workers = [threading.Thread(target=work, args=(lane,)) for lane in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    np.testing.assert_array_equal(found, streamed(session(Lstm(layers=2, hidden=70), precision="int8"), x))


def second_thread(**given):
    """A session on two threads and the clock of the second one's processor time."""
    before = set(threading.enumerate())
    made = session(**given, threads=2)
    (other,) = set(threading.enumerate()) - before
    return made, time.pthread_getcpuclockid(other.ident)


@needs_the_machine
def test_no_phase_begins_before_the_other_thread_has_finished_its_items():
    spec = Lstm(layers=3, hidden=512)
    given = {"spec": spec, "given": weights(spec, 5), "precision": "int8"}
    x = noise(9, 100, 5)
    alone = streamed(session(**given), x)
    made, clock = second_thread(**given, spinning=True)
    for _ in range(30):  # until the second thread has really run beside the first
        np.testing.assert_array_equal(streamed(made, x), alone)
        if time.clock_gettime(clock) > 0.2:
            break


@pytest.mark.parametrize("spinning", [False, True])
def test_between_steps_the_second_thread_sleeps_unless_it_was_told_to_spin(spinning):
    made, clock = second_thread(spinning=spinning)
    made.begin(1).step(1)
    begun = time.clock_gettime(clock)
    for _ in range(30):  # a busy machine may let a spinning thread wait
        time.sleep(0.3)
        used = time.clock_gettime(clock) - begun
        if used > 0.01 or not spinning:
            break
    assert used > 0.01 if spinning else used < 0.01


@pytest.mark.parametrize("spinning", [False, True])
def test_the_second_thread_ends_with_the_session(spinning):
    def there():
        return sum(thread.name == "candlewick-step" for thread in threading.enumerate())

    before = there()
    made = session(threads=2, spinning=spinning)
    lanes = made.begin(1)
    lanes.step(1)
    assert there() == before + 1
    del made
    gc.collect()
    lanes.step(1)
    del lanes
    gc.collect()
    assert there() == before


def in_another_process(code, **environment):
    lines = "import sys; sys.path.insert(0, sys.argv[1]); from test_residual_lstm_kernel import *\n" + code
    command = [sys.executable, "-c", lines, os.path.dirname(__file__)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=250, check=True, env=os.environ | environment
    ).stdout.strip()


@pytest.mark.parametrize("spinning", [False, True])
def test_a_process_ends_though_a_session_lives_and_goes_on_after_a_fork(spinning):
    code = f"""
import os
made = session(threads=2, spinning={spinning})
lanes = made.begin(1)
lanes.step(1)
child = os.fork()
lanes.step(1)
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("ended")
"""
    assert in_another_process(code) == "ended"


@needs_the_machine
def test_ten_thousand_steps_leave_no_memory_behind():
    lanes = session(precision="int8").begin(4)
    lanes.x[:] = noise(4, 5)
    for _ in range(500):
        lanes.step(4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10_000):
        lanes.step(4)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512  # KiB


# Other machines


def test_a_machine_without_the_instructions_is_told_so():
    code = """
print(compiled_precisions(TINY))
try:
    session(precision="int8")
except ConfigError as error:
    print(error)
"""
    first, second = in_another_process(code, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="+sse2,+avx2").splitlines()
    assert first == "()"
    assert second.startswith("this processor lacks the instructions of a compiled int8 step")


@needs_the_machine
def test_narrow_vectors_give_the_same_bits_as_wide_ones():
    from candlewick.runtime.kernels._dot import features

    if not {"avx512f", "avxvnni"} <= features():
        pytest.skip("no machine to compare")
    code = "print(streamed(session(precision='int8'), noise(3, 5, 5)).tobytes().hex())"
    narrow = in_another_process(code, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="+avx2,+fma,+avxvnni")
    assert narrow == in_another_process(code)


def test_only_the_residual_lstm_has_a_compiled_step():
    assert compiled_precisions(Linear()) == ()
    assert set(PRECISIONS) <= {"fp32", "bf16", "int8"}
