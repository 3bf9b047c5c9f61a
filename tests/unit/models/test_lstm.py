import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from candlewick.core.config import CONFIGS, group
from candlewick.models import MODELS, Network
from candlewick.models._heads import Point
from candlewick.models.lstm import Lstm, default_skips

FACTS = {"hidden": 512, "projection": 256}


def count(part, inputs=11, **parameters):
    layers = Lstm(**parameters).count(inputs, Point(), 60)
    return sum(getattr(layer, part) for layer in layers if layer.layer.startswith("lstm."))


def test_recurrent_parameters_and_operations_of_the_published_network():
    assert count("parameters", layers=5, **FACTS) == 9_981_952
    assert count("multiply_adds", layers=5, **FACTS) == 9_961_472
    assert count("multiply_adds", layers=3, **FACTS) == 5_767_168


@pytest.mark.parametrize("layers", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("projection", [None, 7])
@pytest.mark.parametrize("norm", [True, False])
def test_count_equals_the_built_network(layers, projection, norm):
    pytest.importorskip("torch")
    spec = Lstm(layers=layers, hidden=6, projection=projection, norm=norm)
    built = sum(parameter.numel() for parameter in spec.build(4, 3).parameters())
    from candlewick.models._heads import Quantile

    assert built == sum(layer.parameters for layer in spec.count(4, Quantile(levels=(0.1, 0.5, 0.9)), 60))


def fused_paths(torch, on):
    """oneDNN's LSTM, one operation, or torch's own, made of products that can be seen."""
    return torch.backends.mkldnn.flags(enabled=on, allow_tf32=None)


GRID = list(itertools.product([1, 3, 5], [6, 16], [None, 7], [True, False], [0.0, 0.2], [(1, 1), (4, 9)]))


@pytest.mark.parametrize(("layers", "hidden", "projection", "norm", "dropout", "shape"), GRID)
def test_operations_and_activations_are_those_of_torch(layers, hidden, projection, norm, dropout, shape):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    (batch, time), steps = shape, math.prod(shape)
    spec = Lstm(layers=layers, hidden=hidden, projection=projection, norm=norm, dropout=dropout)
    counts = spec.count(4, Point(), time)
    module = spec.build(4, 1).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with (
        fused_paths(torch, False),
        FlopCounterMode(display=False) as counter,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        module(torch.randn(batch, time, 4))
    done = {name: sum(counts.values()) for name, counts in counter.get_flop_counts().items()}
    for layer in counts:
        assert done.get(f"ResidualLstm.{layer.layer}", 0) == 2 * steps * layer.multiply_adds
    size = sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in weights)
    assert size == 4 * steps * sum(layer.activations for layer in counts)


def test_torch_counts_nothing_of_the_fused_lstm_which_is_why_it_is_switched_off():
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no fused LSTM on the processor")
    module = torch.nn.LSTM(4, 8)
    for fused, operations in ((True, 0), (False, 2 * 3 * 4 * 8 * (4 + 8))):
        with fused_paths(torch, fused), FlopCounterMode(display=False) as counter:
            module(torch.randn(3, 1, 4))
        assert counter.get_total_flops() == operations


def test_counting_needs_no_torch():
    code = "import sys; from candlewick.models import MODELS\nfrom candlewick.models._heads import Variance\n"
    code += "for name in MODELS.names(): MODELS.build(name).count(11, Variance(), 60)\n"
    code += "sys.exit(','.join({'torch', 'sklearn', 'polars'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_default_skips():
    assert default_skips(5) == ((2, 3), (3, 5))
    assert [default_skips(n) for n in (1, 2, 3, 4)] == [(), (), ((2, 3),), ((2, 3),)]
    assert Lstm(layers=10).skips == ((2, 3), (3, 5), (5, 7), (7, 9))
    assert MODELS.build(Lstm(layers=5, skips=()).to_dict()) == Lstm(layers=5, skips=())


@pytest.mark.parametrize("skips", [[[3, 2]], [[2, 2]], [[0, 2]], [[2, 4]], [[1, 2], [1, 2]]])
def test_skips_that_lead_nowhere_are_refused(skips):
    with pytest.raises(ValidationError, match="skip"):
        Lstm(layers=3, skips=skips)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def written_out(module, x, layers, skips):
    """The network in numpy, from its parameters and the definition alone."""
    w = {name: tensor.detach().numpy().astype(np.float64) for name, tensor in module.named_parameters()}
    out = x.astype(np.float64) @ w["projection.weight"].T + w["projection.bias"]
    outs = {}
    for k in range(layers):
        h = c = np.zeros((len(x), w[f"lstm.{k}.weight_hh_l0"].shape[1]))
        steps = []
        for t in range(x.shape[1]):
            gates = out[:, t] @ w[f"lstm.{k}.weight_ih_l0"].T + w[f"lstm.{k}.bias_ih_l0"]
            gates = gates + h @ w[f"lstm.{k}.weight_hh_l0"].T + w[f"lstm.{k}.bias_hh_l0"]
            i, f, g, o = np.split(gates, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            steps.append(h)
        out = np.stack(steps, axis=1)
        out = (out - out.mean(axis=2, keepdims=True)) / np.sqrt(out.var(axis=2, keepdims=True) + 1e-5)
        out = out * w[f"norm.{k}.weight"] + w[f"norm.{k}.bias"]
        for source, target in skips:
            if target == k + 1:
                out = out + outs[source]
        outs[k + 1] = out
    return out @ w["head.weight"].T + w["head.bias"]


def test_network_is_the_published_definition():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = Lstm(layers=5, hidden=12, projection=8).build(4, 2).eval()
    x = torch.randn(3, 9, 4)
    with torch.inference_mode():
        raw = module(x)[0].numpy()
    np.testing.assert_allclose(raw, written_out(module, x.numpy(), 5, [(2, 3), (3, 5)]), atol=2e-6)
    assert np.abs(raw - written_out(module, x.numpy(), 5, [])).max() > 0.05


@pytest.mark.parametrize("chunk", [1, 7, 20])
def test_carried_state_equals_the_whole_sequence(chunk):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = Lstm(layers=5, hidden=32).build(4, 1).eval()
    x = torch.randn(3, 60, 4)
    state, parts = None, []
    with torch.inference_mode():
        for k in range(0, 60, chunk):
            raw, state = module(x[:, k : k + chunk], state)
            parts.append(raw)
        whole, last = module(x)
    assert (torch.cat(parts, dim=1) - whole).abs().max() < 1e-6
    assert len(state) == 10
    assert all(part.shape == (3, 32) for part in state)
    assert all((a - b).abs().max() < 1e-6 for a, b in zip(state, last, strict=True))


def test_state_of_one_lane_can_be_reset_alone():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = Lstm(hidden=8).build(2, 1).eval()
    x = torch.randn(2, 5, 2)
    with torch.inference_mode():
        fresh, state = module(x)
        raw, _ = module(x, tuple(part * torch.tensor([[0.0], [1.0]]) for part in state))
    assert (raw[0] - fresh[0]).abs().max() < 1e-6
    assert (raw[1] - fresh[1]).abs().max() > 1e-3


def test_dropout_acts_while_training_alone():
    torch = pytest.importorskip("torch")
    module = Lstm(hidden=16, dropout=0.5).build(2, 1)
    x = torch.randn(2, 5, 2)
    with torch.no_grad():
        assert not torch.equal(module.train()(x)[0], module(x)[0])
        assert torch.equal(module.eval()(x)[0], module(x)[0])
        still = Lstm(hidden=16, dropout=0.0).build(2, 1).train()
        assert torch.equal(still(x)[0], still(x)[0])


def test_runs_in_bf16_with_state():
    torch = pytest.importorskip("torch")
    from candlewick.train.device import has_bf16

    if not has_bf16("cpu"):
        pytest.skip("this processor has no bf16")
    module = Lstm(hidden=16).build(2, 1).eval()
    x = torch.randn(2, 5, 2)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        raw, state = module(x)
        again, _ = module(x, state)
    with torch.inference_mode():
        exact = module(x)[0]
    assert raw.dtype == again.dtype == torch.bfloat16
    assert (raw.float() - exact).abs().max() < 0.05


@pytest.mark.parametrize("path", sorted((CONFIGS / "model").glob("*.yaml")), ids=lambda path: path.stem)
def test_packaged_variant_builds(path):
    model = MODELS.build(group("model", path.stem))
    layers = model.count(11, Point(), 60)
    assert sum(layer.parameters for layer in layers) > 0
    if path.stem.removeprefix("lstm").isdigit():
        assert isinstance(model, Network)
        assert model.layers == int(path.stem.removeprefix("lstm"))
        assert (model.hidden, model.projection, model.dropout) == (512, 256, 0.2)
