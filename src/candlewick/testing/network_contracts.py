"""What every network must keep besides; a broken contract raises AssertionError with a sentence."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from candlewick.core import random
from candlewick.models import Network
from candlewick.models._base import Weights
from candlewick.models._heads import Gaussian, Head
from candlewick.samples.dataset import Samples
from candlewick.testing.model_trial import dataset

if TYPE_CHECKING:
    import torch

BATCH, TIME, INPUTS, OUTPUTS = 4, 12, 3, 2
_BARS = 60

NetworkContract = Callable[[Network], None]


def forward_gives_outputs_and_state(network: Network) -> None:
    """(batch, time, outputs), and a flat tuple of state tensors with the batch first: empty unless it streams."""
    raw, state = _module(network)(_input(), None)
    if tuple(raw.shape) != (BATCH, TIME, OUTPUTS):
        raise AssertionError(f"forward must give {(BATCH, TIME, OUTPUTS)} for that batch, was {tuple(raw.shape)}.")
    if not isinstance(state, tuple) or bool(state) != network.streams:
        raise AssertionError(f"state is a tuple, empty unless the model streams, was {type(state).__name__}.")
    if any(len(part) != BATCH for part in state):
        raise AssertionError(f"dimension 0 of every state tensor is the batch, was {[tuple(p.shape) for p in state]}.")


def every_parameter_gets_a_gradient(network: Network) -> None:
    """A loss over all outputs reaches every parameter that is trained."""
    module = _module(network).train()
    module(_input(), None)[0].square().sum().backward()
    dead = [
        name
        for name, parameter in module.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not bool(parameter.grad.any()))
    ]
    if dead:
        raise AssertionError(f"no gradient reaches {', '.join(dead)}. Use these parameters or leave them out.")


def outputs_depend_on_no_later_input(network: Network) -> None:
    """Changing x from a time on moves no bit of the outputs before it, in training as in forecasting."""
    x, cut = _input(), TIME // 2
    later = x.clone()
    later[:, cut:] = 5.0 - 3.0 * later[:, cut:]
    for module, mode in _both_modes(network):
        moved = (_raw(module, x) != _raw(module, later))[:, :cut]
        if bool(moved.any()):
            raise AssertionError(
                f"{int(moved.any(dim=2).sum())} outputs before the change moved ({mode}). "
                "Let each time read itself and earlier times: mask, pad on the left, normalise over units."
            )


def sequences_of_a_batch_do_not_meet(network: Network) -> None:
    """Changing one sequence moves no bit of the others' outputs, in training as in forecasting."""
    x = _input()
    other = x.clone()
    other[0] = 5.0 - 3.0 * other[0]
    for module, mode in _both_modes(network):
        if bool((_raw(module, x) != _raw(module, other))[1:].any()):
            raise AssertionError(
                f"a sequence's outputs depend on the others of its batch ({mode}). "
                "Normalise over units, not over the batch."
            )


def count_equals_the_network(network: Network) -> None:
    """Every parameter of the built network belongs to one counted layer, and the numbers agree layer by layer."""
    head = Gaussian()
    counted = {layer.layer: layer.parameters for layer in network.count(INPUTS, head, TIME)}
    built = dict.fromkeys(counted, 0)
    for name, parameter in _module(network, head.outputs).named_parameters():
        owners = [layer for layer in counted if name == layer or name.startswith(layer + ".")]
        if not owners:
            raise AssertionError(f"the parameter {name} belongs to no layer of count: {', '.join(counted)}.")
        built[max(owners, key=len)] += parameter.numel()
    wrong = [f"{layer}: {counted[layer]:,} counted, {built[layer]:,} built" for layer in counted]
    wrong = [line for line, layer in zip(wrong, counted, strict=True) if counted[layer] != built[layer]]
    if wrong:
        raise AssertionError(f"count differs from the built network. {'; '.join(wrong)}.")


def multiply_adds_equal_torchs_count(network: Network) -> None:
    """The counted multiply-adds are half the operations that torch counts in matrix products."""
    from torch.utils.flop_counter import FlopCounterMode

    head = Gaussian()
    counted = sum(layer.multiply_adds for layer in network.count(INPUTS, head, TIME))
    with _fused_paths_off(), FlopCounterMode(display=False) as counter:
        _module(network, head.outputs)(_input(), None)
    done = counter.get_total_flops() / 2 / (BATCH * TIME)
    if counted != done:
        raise AssertionError(f"count says {counted:,} multiply-adds a step, torch does {done:,.12g}.")


def activations_equal_what_torch_keeps(network: Network) -> None:
    """The counted activations are within a tenth of what torch keeps for the backward pass."""
    import torch

    head = Gaussian()
    counted = sum(layer.activations for layer in network.count(INPUTS, head, TIME))
    module = _module(network, head.outputs).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    kept: dict[int, torch.Tensor] = {}  # holding each makes sure that none takes the place of one that has gone

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with _fused_paths_off(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module(_input(), None)
    size = sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in weights)
    numbers = size / 4 / (BATCH * TIME)
    if not abs(counted - numbers) <= 0.1 * numbers:
        raise AssertionError(
            f"count says that {counted:,} activations a step are kept for the backward pass, torch keeps "
            f"{numbers:,.12g} (in numbers of 4 bytes). Give each layer of count its activations."
        )


def a_step_at_a_time_equals_the_whole(network: Network) -> None:
    """Where it streams, outputs from carried state equal those of the whole sequence to 1e-5."""
    if not network.streams:
        return
    import torch

    x, module = _input(), _module(network).eval()
    state, steps = None, []
    with torch.inference_mode():
        whole = module(x, None)[0]
        for k in range(TIME):
            raw, state = module(x[:, k : k + 1], state)
            steps.append(raw)
    apart = float((torch.cat(steps, dim=1) - whole).abs().max())
    if not apart <= 1e-5:
        raise AssertionError(
            f"step by step differs from the whole sequence by {apart:.3g}. Carry all that it remembers."
        )


def eight_samples_are_overfitted(network: Network) -> None:
    """Random labels of eight sequences are learnt: the error falls below a tenth of their variance."""
    import torch

    module = _module(network, 1).eval()  # without dropout, which is there to prevent this
    generator = torch.Generator().manual_seed(1)
    x, z = torch.randn(8, 6, INPUTS, generator=generator), torch.randn(8, generator=generator)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-2)
    share = 1.0
    for _ in range(400):
        loss = (module(x, None)[0][:, -1, 0] - z).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        share = float(loss.detach()) / float(z.var())
        if share < 0.1:
            return
    raise AssertionError(f"eight samples cannot be learnt: {share:.0%} of their variance is left after 400 steps.")


def fresh_outputs_have_a_sane_scale(network: Network) -> None:
    """On standard normal inputs, outputs before training neither vanish nor exceed a few label deviations."""
    import torch

    with torch.inference_mode():
        raw = _module(network).eval()(torch.randn(64, TIME, INPUTS, generator=torch.Generator().manual_seed(2)), None)[
            0
        ]
    spread, largest = float(raw.std(dim=(0, 1)).min()), float(raw.abs().max())
    if not 1e-4 < spread < 3.0 or not largest < 10.0:
        raise AssertionError(
            f"fresh outputs spread by {spread:.3g} and reach {largest:.3g}; "
            "labels come with deviation 1. Scale the initial weights."
        )


def the_export_forecasts_what_torch_does(network: Network) -> None:
    """Its graph in onnxruntime equals torch's forecasts to 1e-5, from windows and, where it streams, bar by bar."""
    from candlewick.train.infer import predict
    from candlewick.train.recipe import Recipe

    head, weights = Gaussian(), _fitted(network)
    rng = random.stream(0, "export")
    data = dataset(rng.standard_normal((_BARS, INPUTS)), np.zeros(_BARS), length=TIME)
    asked = Samples(data, np.flatnonzero(data.ready))
    for streams in (False, True)[: 1 + network.streams]:
        recipe = Recipe(sampling="streams" if streams else "windows", warmup=TIME - 1, threads=1)
        expected = predict(network, weights, asked, head=head, recipe=recipe)
        apart = float(np.abs(_exported(network, weights, asked, head, streams) - expected).max())
        if not apart <= 1e-5 * max(1.0, float(np.abs(expected).max())):
            how = "bar by bar" if streams else "from windows"
            raise AssertionError(
                f"the exported graph differs from torch by {apart:.3g} ({how}). "
                "Let forward do the same whoever calls it, with plain operations on any batch."
            )


def _exported(network: Network, weights: Weights, asked: Samples, head: Head, streams: bool) -> np.ndarray:
    from candlewick.runtime.onnx_session import OnnxSession
    from candlewick.train.export import to_graph

    graph = to_graph(network, weights, inputs=INPUTS, head=head, length=TIME, streams=streams)
    session = OnnxSession(
        graph, inputs=INPUTS, outputs=head.outputs, streams=streams, length=TIME, precision="fp32", threads=1
    )
    if not streams:
        lanes = session.begin(len(asked))
        lanes.x[:] = asked.batch(np.arange(len(asked)))
        lanes.step(len(asked))
        return lanes.raw
    lanes, raw = session.begin(1), []
    for row in asked.data.x:
        lanes.x[0] = row
        lanes.step(1)
        raw.append(lanes.raw[0].copy())
    return np.array(raw)[asked.index]


NETWORK_CONTRACTS: tuple[NetworkContract, ...] = (
    forward_gives_outputs_and_state,
    every_parameter_gets_a_gradient,
    outputs_depend_on_no_later_input,
    sequences_of_a_batch_do_not_meet,
    count_equals_the_network,
    multiply_adds_equal_torchs_count,
    activations_equal_what_torch_keeps,
    a_step_at_a_time_equals_the_whole,
    eight_samples_are_overfitted,
    fresh_outputs_have_a_sane_scale,
    the_export_forecasts_what_torch_does,
)


def _module(network: Network, outputs: int = OUTPUTS) -> "torch.nn.Module":
    import torch

    torch.manual_seed(0)
    return network.build(INPUTS, outputs)


def _fitted(network: Network) -> Weights:
    # Away from where training begins: an export that takes a bias of zero for none at all must not pass.
    import torch

    state = _module(network, Gaussian().outputs).state_dict()
    moved = {name: part + 0.1 * torch.randn_like(part) if part.is_floating_point() else part
             for name, part in state.items()}  # fmt: skip
    return {name: part.numpy() for name, part in moved.items()}


def _input() -> "torch.Tensor":
    import torch

    return torch.randn(BATCH, TIME, INPUTS, generator=torch.Generator().manual_seed(3))


@contextlib.contextmanager
def _fused_paths_off() -> Iterator[None]:
    # oneDNN's LSTM is one operation, in which torch counts no product, and keeps a workspace of its own making.
    import torch

    mkldnn: Any = torch.backends.mkldnn  # torch types the switch as what implements it
    before, mkldnn.enabled = mkldnn.enabled, False
    try:
        yield
    finally:
        mkldnn.enabled = before


def _both_modes(network: Network) -> Iterator[tuple["torch.nn.Module", str]]:
    yield _module(network).eval(), "while forecasting"
    yield _module(network).train(), "while training"


def _raw(module: "torch.nn.Module", x: "torch.Tensor") -> "torch.Tensor":
    import torch

    torch.manual_seed(4)  # the same dropout for both inputs
    with torch.no_grad():
        raw: torch.Tensor = module(x, None)[0]
        return raw
