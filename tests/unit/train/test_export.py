import logging
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from candlewick.core.errors import ConfigError  # noqa: E402
from candlewick.models import Network  # noqa: E402
from candlewick.models._heads import Gaussian, Point  # noqa: E402
from candlewick.models.lstm import Lstm  # noqa: E402
from candlewick.runtime.onnx_session import OnnxSession  # noqa: E402
from candlewick.train.export import OPSET, quantised, to_graph  # noqa: E402
from candlewick.train.infer import restored  # noqa: E402

nn = torch.nn
INPUTS, LENGTH, HEAD = 5, 12, Gaussian()
LSTM = Lstm(**Lstm.tiny, projection=6)


def fitted(network, seed=0):
    """Weights away from where they begin: biases that are zero before training are not afterwards."""
    torch.manual_seed(seed)
    begun = network.build(INPUTS, HEAD.outputs).state_dict()
    return {name: (part + 0.2 * torch.randn_like(part)).numpy() for name, part in begun.items()}


def exported(network, weights, streams):
    return to_graph(network, weights, inputs=INPUTS, head=HEAD, length=LENGTH, streams=streams)


def session(graph, streams, precision="fp32"):
    return OnnxSession(
        graph, inputs=INPUTS, outputs=HEAD.outputs, streams=streams, length=LENGTH, precision=precision, threads=1
    )


WEIGHTS = fitted(LSTM)
STEP = exported(LSTM, WEIGHTS, streams=True)
X = np.random.default_rng(0).standard_normal((3, 1000, INPUTS)).astype(np.float32)


@torch.no_grad()
def by_torch(network, weights, x):
    return restored(network, weights, INPUTS, HEAD).eval()(torch.from_numpy(x), None)[0].numpy()


def stepped(session, x):
    lanes = session.begin(len(x))
    out = np.empty((*x.shape[:2], HEAD.outputs))
    for k in range(x.shape[1]):
        lanes.x[:] = x[:, k]
        lanes.step(len(x))
        out[:, k] = lanes.raw
    return out


def windows(session, x):
    count = x.shape[1] - LENGTH + 1
    lanes = session.begin(count)
    lanes.x[:] = np.stack([x[0, k : k + LENGTH] for k in range(count)])
    lanes.step(count)
    return lanes.raw


class CausalAttention(Network):
    """Attention over earlier times, with a mask and positions that torch folds into constants."""

    def count(self, inputs, head, length):
        return ()

    def build(self, inputs, outputs):
        class Module(nn.Module):
            def __init__(self):
                super().__init__()
                self.into, self.attention = nn.Linear(inputs, 8), nn.MultiheadAttention(8, 2, batch_first=True)
                self.x, self.out = nn.Conv1d(8, 8, 3), nn.Linear(8, outputs)
                self.gain = nn.Parameter(torch.zeros(8))
                nn.init.zeros_(self.x.bias)
                self.register_buffer("rate", torch.linspace(0.1, 1.0, 8))

            def forward(self, x, state=None):
                time = x.shape[1]
                h = self.into(x) + torch.sin(torch.arange(time)[:, None] * self.rate)
                mask = torch.full((time, time), -torch.inf).triu(1)
                h = h + self.attention(h, h, h, attn_mask=mask, need_weights=False)[0]
                h = h + self.x(nn.functional.pad(h.transpose(1, 2), (2, 0))).transpose(1, 2) + self.gain
                return self.out(torch.tanh(h)), ()

        return Module()


def test_a_thousand_steps_equal_the_sequence_in_torch():
    np.testing.assert_allclose(stepped(session(STEP, True), X), by_torch(LSTM, WEIGHTS, X), rtol=0, atol=1e-5)


@pytest.mark.parametrize("network", [LSTM, CausalAttention()], ids=lambda network: type(network).__name__)
def test_windows_equal_torch(network):
    weights = fitted(network)
    raw = windows(session(exported(network, weights, streams=False), False), X[:, :100])
    expected = [by_torch(network, weights, X[:1, k : k + LENGTH])[0, -1] for k in range(len(raw))]
    np.testing.assert_allclose(raw, expected, rtol=0, atol=1e-5)


def test_a_graph_holds_the_networks_own_arrays_under_their_names_and_no_other():
    assert set(STEP.weights) == {f"weights.{name}" for name in WEIGHTS}
    assert all(np.array_equal(STEP.weights[f"weights.{name}"], array) for name, array in WEIGHTS.items())
    assert len(STEP.proto) < 30_000
    assert STEP.opset == OPSET


def test_other_weights_of_the_spec_fit_the_same_graph():
    other = fitted(LSTM, seed=1)
    swapped = type(STEP)(STEP.proto, {f"weights.{name}": array for name, array in other.items()}, STEP.opset)
    np.testing.assert_allclose(
        stepped(session(swapped, True), X[:, :50]), by_torch(LSTM, other, X[:, :50]), rtol=0, atol=1e-5
    )


def test_exporting_says_nothing_and_leaves_logging_as_it_was(capfd, caplog):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exported(LSTM, WEIGHTS, streams=True)
    assert caught == []
    assert [record for record in caplog.records if record.levelno >= logging.INFO] == []
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("torch.onnx").level == logging.NOTSET


def test_int8_is_near_after_a_thousand_steps_and_holds_bytes():
    graph = quantised(STEP)
    exact, near = by_torch(LSTM, WEIGHTS, X), stepped(session(graph, True, "int8"), X)
    assert 0.0 < np.sqrt(np.mean((near - exact) ** 2)) < 0.05 * exact.std()
    products = {name for name, array in graph.weights.items() if array.ndim > 1 and len(array) > 1}
    assert all(graph.weights[name].dtype == np.int8 for name in products)
    assert b"DynamicQuantizeLSTM" in graph.proto


def test_quantising_is_per_output():
    loud = {name: array.copy() for name, array in WEIGHTS.items()}
    loud["lstm.0.weight_ih_l0"][0] *= 1e3  # one unit's weights must not cost the others their resolution
    graph = quantised(exported(LSTM, loud, streams=True))
    near = stepped(session(graph, True, "int8"), X[:, :100])
    exact = by_torch(LSTM, loud, X[:, :100])
    assert np.sqrt(np.mean((near - exact) ** 2)) < 0.05 * exact.std()


def over(mix):
    """A network that is one dense layer and `mix`."""

    class Over(Network):
        def count(self, inputs, head, length):
            return ()

        def build(self, inputs, outputs):
            class Module(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.out = nn.Linear(inputs, outputs)

                def forward(self, x, state=None):
                    return mix(self.out(x)), ()

            return Module()

    return Over()


@pytest.mark.parametrize(
    ("network", "cause"),
    [
        (over(lambda x: x * 2.0 if x.sum() > 0 else x), "data-dependent"),
        (over(lambda x: x * float(x.shape[0])), "number of sequences"),
    ],
    ids=["asks a value", "asks the batch"],
)
def test_a_module_that_cannot_be_exported_is_refused_with_the_cause(network, cause):
    with pytest.raises(ConfigError, match=f"cannot be exported: .*{cause}"):
        exported(network, fitted(network), streams=False)


def test_weights_of_another_network_are_refused():
    with pytest.raises(ConfigError, match="weights do not fit"):
        to_graph(LSTM, WEIGHTS, inputs=INPUTS, head=Point(), length=LENGTH, streams=True)
