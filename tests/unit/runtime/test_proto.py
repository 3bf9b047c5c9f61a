"""Graphs that reach further than their nodes are refused; `onnx` itself judges what is written here."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from candlewick.core.errors import StorageError  # noqa: E402
from candlewick.runtime.proto import LARGEST_CONSTANT, require_plain, with_initializers  # noqa: E402

WEIGHTS = {"weights.w": np.arange(6, dtype=np.float32).reshape(2, 3)}
OPSET = 20


def model(*, constant=None, node=None):
    """raw = x @ weights.w, with one more constant and one more node where given."""
    nodes = [helper.make_node("MatMul", ["x", "weights.w"], ["raw"])] + ([node] if node is not None else [])
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("raw", TensorProto.FLOAT, ["batch", 3])],
        initializer=[numpy_helper.from_array(np.zeros(2, np.int64), "zeros") if constant is None else constant],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def external(name="zeros"):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL, dims=[2])
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def inside(graph_or_tensor, times=1):
    """A node whose attribute holds a tensor, or a graph so many graphs deep."""
    if isinstance(graph_or_tensor, TensorProto):
        return helper.make_node("Constant", [], ["c"], value=graph_or_tensor)
    graph = graph_or_tensor
    for _ in range(times - 1):
        graph = helper.make_graph([helper.make_node("If", ["x"], ["y"], then_branch=graph)], "g", [], [])
    return helper.make_node("If", ["x"], ["y"], then_branch=graph)


def branch(*nodes, initializer=()):
    return helper.make_graph(list(nodes), "branch", [], [], initializer=list(initializer))


def changed(change):
    proto = model()
    change(proto)
    return proto


def with_function(proto):
    function = proto.functions.add()
    function.name, function.domain = "f", ""


HOSTILE = {
    "external initializer": (model(constant=external()), "tensor has the field 13"),
    "external constant": (model(node=inside(external())), "tensor has the field 13"),
    "external in a branch": (model(node=inside(branch(initializer=[external()]))), "tensor has the field 13"),
    "external in a constant in a branch": (model(node=inside(branch(inside(external())))), "tensor has the field 13"),
    "large initializer": (model(constant=numpy_helper.from_array(np.zeros(65, np.int64), "z")), "are the most"),
    "long initializer": (changed(lambda m: m.graph.initializer[0].float_data.extend([0.0] * 999)), "are the most"),
    "a weight of its own": (model(constant=numpy_helper.from_array(np.zeros(2), "weights.w")), "holds the weight"),
    "sparse initializer": (changed(lambda m: m.graph.sparse_initializer.add()), "graph has the field 15"),
    "functions": (changed(with_function), "model has the field 25"),
    "training": (changed(lambda m: m.training_info.add()), "model has the field 20"),
    "metadata": (changed(lambda m: m.metadata_props.add(key="a", value="b")), "model has the field 14"),
    "foreign operator": (model(node=helper.make_node("Run", ["x"], ["y"], domain="evil")), "'Run' of 'evil'"),
    "foreign operator in a branch": (
        model(node=inside(branch(helper.make_node("Run", [], ["y"], domain="evil")))), "'Run' of 'evil'"),
    "microsoft operator with files": (
        model(node=helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft")), "'EPContext'"),
    "foreign operator set": (changed(lambda m: m.opset_import.add(domain="evil", version=1)), "'evil' is foreign"),
    "another opset": (changed(lambda m: m.opset_import[0].MergeFrom(helper.make_opsetid("", 7))), "20 were expected"),
    "graphs in graphs": (model(node=inside(branch(), times=9)), "deep in one another"),
}  # fmt: skip


def test_a_graph_and_its_weights_make_what_onnx_makes_of_them():
    whole = onnx.load_from_string(with_initializers(model().SerializeToString(), WEIGHTS))
    onnx.checker.check_model(whole)
    kept = {tensor.name: numpy_helper.to_array(tensor) for tensor in whole.graph.initializer}
    np.testing.assert_array_equal(kept["weights.w"], WEIGHTS["weights.w"])
    assert list(kept) == ["zeros", "weights.w"]


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "int32", "int8", "uint8", "bool"])
def test_weights_of_every_type_and_shape_arrive(kind):
    arrays = {"scalar": np.array(1, kind), "empty": np.zeros((0, 3), kind), "turned": np.ones((3, 2), kind).T}
    whole = onnx.load_from_string(with_initializers(model().SerializeToString(), arrays))
    for tensor in whole.graph.initializer[1:]:
        array = numpy_helper.to_array(tensor)
        np.testing.assert_array_equal(array, arrays[tensor.name])
        assert array.dtype == kind


def test_what_is_plain_passes():
    loop = inside(branch(helper.make_node("Identity", ["x"], ["y"])), times=2)
    constant = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.zeros(LARGEST_CONSTANT)))
    require_plain(model(node=loop).SerializeToString(), WEIGHTS, OPSET, "here")
    require_plain(model(node=constant).SerializeToString(), WEIGHTS, OPSET, "here")


@pytest.mark.parametrize("name", HOSTILE)
def test_what_reaches_further_is_refused(name):
    proto, says = HOSTILE[name]
    with pytest.raises(StorageError, match=says):
        require_plain(proto.SerializeToString(), WEIGHTS, OPSET, "here")


NODE = helper.make_node("Run", ["x"], ["y"], domain="evil").SerializeToString()


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"", "0 graphs"),
        (model().SerializeToString() + b"\x3a\x00", "2 graphs"),
        (model().SerializeToString()[:-3], "breaks off"),
        (b"\x3a" + b"\xff" * 11, "ten bytes"),
        (b"\x3a\xff\xff\xff\xff\x7f", "breaks off"),
        (b"\x0b", "wire type 3"),
        (b"\x3b", "number"),
        (b"\x00", "field 0"),
        # A parser takes the domain for "evil": the second one, a number, is no domain to it.
        (
            b"\x3a" + bytes([len(NODE) + 4]) + b"\x0a" + bytes([len(NODE) + 2]) + NODE + b"\x38\x00\x42\x02\x10\x14",
            "is a number",
        ),
        (model().SerializeToString().replace(b"weights.w", b"weights.\xff"), "utf-8"),
        (model().SerializeToString().replace(b"raw", b"ra\xff"), "utf-8"),
        (b"\x12\x02\xff\xfe" + b"\x42\x04\x0a\x02\xff\xfe", "utf-8"),
    ],
)
def test_bytes_that_are_no_message_are_refused(message, says):
    with pytest.raises(StorageError, match=says):
        require_plain(message, WEIGHTS, OPSET, "here")
