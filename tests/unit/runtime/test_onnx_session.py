"""onnxruntime over fixed memory: lanes keep their own state, nothing grows, and what does not fit is refused."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper  # noqa: E402

from candlewick.core.errors import ConfigError, StorageError  # noqa: E402
from candlewick.runtime.exported import Graph  # noqa: E402
from candlewick.runtime.onnx_session import OnnxSession  # noqa: E402

INPUTS, HIDDEN, OUTPUTS, OPSET = 3, 4, 2, 20
RNG = np.random.default_rng(0)
WEIGHTS = {
    "weights.into": RNG.standard_normal((INPUTS, HIDDEN)).astype(np.float32),
    "weights.out": RNG.standard_normal((HIDDEN, OUTPUTS)).astype(np.float32),
}
NODES = (
    ("MatMul", ["x", "weights.into"], ["drive"]),
    ("Add", ["drive", "state_0"], ["sum"]),
    ("Tanh", ["sum"], ["next_0"]),
    ("MatMul", ["next_0", "weights.out"], ["raw"]),
)


def tensors(shapes, kind=TensorProto.FLOAT):
    return [helper.make_tensor_value_info(name, kind, ["batch", *shape]) for name, shape in shapes.items()]


def graph(takes=None, gives=None, nodes=NODES, kind=TensorProto.FLOAT):
    """next_0 = tanh(x into + state_0), raw = next_0 out."""
    takes = takes or {"x": (INPUTS,), "state_0": (HIDDEN,)}
    gives = gives or {"raw": (OUTPUTS,), "next_0": (HIDDEN,)}
    body = helper.make_graph([helper.make_node(*node) for node in nodes], "g", tensors(takes, kind), tensors(gives))
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return Graph(model.SerializeToString(), WEIGHTS, OPSET)


def session(graph=graph(), **changes):  # noqa: B008
    settings = {
        "inputs": INPUTS, "outputs": OUTPUTS, "streams": True, "length": 1, "precision": "fp32", "threads": 1,
    }  # fmt: skip
    return OnnxSession(graph, **(settings | changes))


def by_hand(x, state):
    state = np.tanh(x @ WEIGHTS["weights.into"] + state)
    return state @ WEIGHTS["weights.out"], state


@pytest.mark.parametrize(("threads", "spinning"), [(1, False), (2, False), (2, True)])
def test_steps_carry_the_state_of_every_lane(threads, spinning):
    made = session(threads=threads, spinning=spinning)
    assert (made.kernel, made.precision, made.threads, made.spinning) == ("onnxruntime", "fp32", threads, spinning)
    lanes, state = made.begin(5), np.zeros((5, HIDDEN), np.float32)
    for _ in range(20):
        lanes.x[:] = RNG.standard_normal(lanes.x.shape)
        raw, state = by_hand(lanes.x, state)
        lanes.step(5)
        np.testing.assert_allclose(lanes.raw, raw, rtol=0, atol=1e-6)
        np.testing.assert_allclose(lanes.state[0], state, rtol=0, atol=1e-6)
    assert lanes.raw.dtype == np.float64


def test_lanes_that_are_not_stepped_are_left_as_they_are():
    lanes = session().begin(4)
    lanes.x[:] = 1.0
    lanes.step(4)
    raw, state = lanes.raw.copy(), lanes.state[0].copy()
    lanes.step(2)
    lanes.step(0)
    assert np.array_equal(lanes.raw[2:], raw[2:])
    assert np.array_equal(lanes.state[0][2:], state[2:])
    assert not np.array_equal(lanes.state[0][:2], state[:2])


def test_state_can_be_saved_forked_and_restored():
    lanes, fork = session().begin(1), session().begin(1)
    lanes.x[:] = 0.5
    lanes.step(1)
    fork.state[0][:], fork.x[:] = lanes.state[0], lanes.x
    lanes.step(1)
    fork.step(1)
    assert np.array_equal(lanes.raw, fork.raw)


def test_memory_does_not_grow_over_ten_thousand_steps_of_every_size():
    lanes = session().begin(64)
    for rows in range(65):
        lanes.step(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for step in range(10_000):
        lanes.step(step % 65)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 512, f"{grown} KiB"


def test_more_lanes_than_there_are_cannot_be_stepped():
    with pytest.raises(ConfigError, match="0 to 2 rows, was 3"):
        session().begin(2).step(3)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"precision": "bf16"}, ConfigError, "does not compute in bf16"),
        ({"threads": 0}, ConfigError, "was 0"),
        ({"inputs": 4}, StorageError, "this model needs x"),
        ({"outputs": 1}, StorageError, "this model needs raw"),
        ({"streams": False}, StorageError, "this model needs x"),
    ],
)
def test_what_the_graph_cannot_do_is_refused(changes, error, says):
    with pytest.raises(error, match=says):
        session(**changes)


BOMB = (("MatMul", ["x", "weights.into"], ["h"]), ("MatMul", ["h", "weights.out"], ["raw"]),
        ("Identity", ["state_0"], ["next_0"]))  # fmt: skip
WINDOW = (("Flatten", ["x"], ["flat"]), ("MatMul", ["flat", "weights.out"], ["raw"]))
POLYGLOT = b"\x08\x0a\x12\x08ORTM" + bytes(200)  # onnxruntime's own format would begin so


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (Graph(b"", WEIGHTS, OPSET), "does not take the graph"),
        (Graph(b"not a graph", WEIGHTS, OPSET), "does not take the graph"),
        (Graph(POLYGLOT, {}, OPSET), "does not take the graph.*parsing|Protobuf"),
        (Graph(graph().proto, {}, OPSET), "does not take the graph.*weights.into"),
        (graph(nodes=(("Nonsense", ["x"], ["drive"]), *NODES[1:])), "does not take the graph.*Nonsense"),
        (graph(takes={"x": (INPUTS,), "state_7": (HIDDEN,)}), "does not take|this model needs"),
        (graph(kind=TensorProto.DOUBLE), "does not take"),
        (graph({"x": (INPUTS,), "state_0": (2**40,)}, {"raw": (OUTPUTS,), "next_0": (2**40,)}, BOMB), "needs x"),
    ],
)  # fmt: skip
def test_a_graph_that_is_none_is_refused_in_our_words_and_in_silence(bad, says, capfd):
    with pytest.raises(StorageError, match=says):
        session(bad)
    assert capfd.readouterr() == ("", "")


def test_windows_are_read_whole():
    lanes = session(
        graph({"x": (2, 2)}, {"raw": (OUTPUTS,)}, WINDOW), inputs=2, length=2, streams=False
    ).begin(3)  # fmt: skip
    lanes.x[:] = RNG.standard_normal(lanes.x.shape)
    lanes.step(3)
    assert lanes.state == ()
    np.testing.assert_allclose(lanes.raw, lanes.x.reshape(3, 4) @ WEIGHTS["weights.out"], rtol=0, atol=1e-6)


def test_the_process_is_left_as_it_was():
    before = dict(os.environ), os.sched_getaffinity(0)
    session(threads=2, spinning=True).begin(1).step(1)
    assert (dict(os.environ), os.sched_getaffinity(0)) == before


def test_onnxruntime_sends_nothing_and_begins_no_threads_of_its_own():
    program = """
import os, sys
import candlewick
import numpy
before = len(os.listdir("/proc/self/task"))
import onnxruntime
print(os.environ["ORT_DISABLE_TELEMETRY"], len(os.listdir("/proc/self/task")) - before)
"""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}

    def told(**more: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**environment, **more}
        )
        return ran.stdout.strip()

    assert told() == "1 0"
    assert told(ORT_DISABLE_TELEMETRY="0").startswith("0")  # whoever means it may have it
