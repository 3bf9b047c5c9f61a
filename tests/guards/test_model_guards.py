"""Every model contract catches a planted fault of its kind."""

import numpy as np
import pytest

from candlewick.models import Estimator, Network
from candlewick.models._base import LayerCount
from candlewick.models._heads import Classes, Point, Variance
from candlewick.models.linear import Linear
from candlewick.models.lstm import Lstm
from candlewick.models.naive import Naive
from candlewick.testing import model_contracts, network_contracts
from candlewick.testing.model_contracts import MODEL_CONTRACTS, check_model
from candlewick.testing.model_trial import Trial
from candlewick.testing.network_contracts import NETWORK_CONTRACTS

torch = pytest.importorskip("torch")
nn = torch.nn


class HalfAlways(Estimator):
    """Forecasts equal probabilities whatever it is given."""

    def count(self, inputs, head, length):
        return (LayerCount("nothing", 0, 0),)

    def fit(self, train, *, head, scale, seed):
        return {"half": np.zeros(1)}

    def predict(self, weights, samples, *, head, scale):
        return np.zeros((len(samples), head.outputs))


class PeeksAtTheNextEcho(Naive):
    """Reads the echo of the row after, which is this row's label."""

    def predict(self, weights, samples, *, head, scale):
        return (
            samples.data.echo[np.minimum(samples.index + 1, len(samples.data) - 1), None] - scale.center
        ) / scale.scale


class CentredWindow(Linear):
    """Smooths a feature with the row after."""

    def predict(self, weights, samples, *, head, scale):
        x = samples.data.x
        smoothed = samples.data.with_x((x + np.roll(x, -1, axis=0)) / 2)
        return super().predict(weights, type(samples)(smoothed, samples.index), head=head, scale=scale)


class FitsOnAllRows(Linear):
    """Scales features by the whole data set's deviation while it is fitted."""

    def fit(self, train, *, head, scale, seed):
        data = train.data.with_x(train.data.x / train.data.x.std(axis=0))
        return super().fit(type(train)(data, train.index), head=head, scale=scale, seed=seed)


class ScalesTheAskedRows(Linear):
    """A z-score over whatever is asked for."""

    def predict(self, weights, samples, *, head, scale):
        raw = super().predict(weights, samples, head=head, scale=scale)
        return raw / raw.std()


class DrawsUnseeded(Linear):
    def fit(self, train, *, head, scale, seed):
        weights = super().fit(train, head=head, scale=scale, seed=seed)
        return weights | {"intercept": weights["intercept"] + 1e-6 * np.random.default_rng().standard_normal()}


class SinglePrecision(Linear):
    def predict(self, weights, samples, *, head, scale):
        return super().predict(weights, samples, head=head, scale=scale).astype(np.float32)


KEPT = {}


class RemembersOutsideItsWeights(Linear):
    """Keeps the fitted intercept beside the weights, where no file holds it."""

    def fit(self, train, *, head, scale, seed):
        weights = super().fit(train, head=head, scale=scale, seed=seed)
        KEPT[id(weights)] = weights.pop("intercept") + 1.0
        return weights

    def predict(self, weights, samples, *, head, scale):
        intercept = KEPT.get(id(weights), np.zeros(1))
        return super().predict(weights | {"intercept": intercept}, samples, head=head, scale=scale)


class KnowsTheHour(Linear):
    """Adds something that depends on the row's stamp, which no window holds."""

    def predict(self, weights, samples, *, head, scale):
        hour = samples.data.t[samples.index] // 3_600_000_000_000
        return super().predict(weights, samples, head=head, scale=scale) + 0.01 * hour[:, None]


class CountsHalves(Linear):
    def count(self, inputs, head, length):
        return (LayerCount("regression", inputs / 2, 0),)


class TriesEveryLabel(Estimator):
    """Learns the labels of test rows by looking them up."""

    def count(self, inputs, head, length):
        return (LayerCount("table", 0, 0),)

    def fit(self, train, *, head, scale, seed):
        return {"answers": np.nan_to_num(train.data.y)}

    def predict(self, weights, samples, *, head, scale):
        return (weights["answers"][samples.index, None] - scale.center) / scale.scale


MODEL_FAULTS = [
    ("forecasts_are_finite_and_shaped", SinglePrecision(), Point(), "float64"),
    ("same_seed_gives_the_same_bits", DrawsUnseeded(), Point(), "second fit"),
    ("fit_sees_its_rows_alone", FitsOnAllRows(), Point(), "after the last training row"),
    ("fit_sees_its_rows_alone", TriesEveryLabel(), Point(), "answers"),
    ("forecasts_see_no_later_row", CentredWindow(), Point(), "only later rows"),
    ("forecasts_see_no_later_row", PeeksAtTheNextEcho(), Point(), "only later rows"),
    ("a_forecast_stands_alone", ScalesTheAskedRows(), Point(), "asked for"),
    ("planted_signal_is_found", HalfAlways(), Classes(), "not found"),
    ("planted_signal_is_found", Naive(rule="mean"), Variance(), "not found"),
    ("nothing_is_found_in_shuffled_labels", PeeksAtTheNextEcho(), Point(), "dealt out at random"),
    ("nothing_is_found_in_shuffled_labels", TriesEveryLabel(), Point(), "dealt out at random"),
    ("weights_survive_safetensors", RemembersOutsideItsWeights(), Point(), "saved and read"),
    ("serving_gives_the_same_forecasts", KnowsTheHour(), Point(), "a served forecast is"),
    ("cost_is_counted", CountsHalves(), Point(), "whole numbers"),
]


@pytest.mark.parametrize(("contract", "model", "head", "says"), MODEL_FAULTS, ids=lambda value: str(value)[:40])
def test_model_contract_catches(contract, model, head, says):
    with pytest.raises(AssertionError, match=says):
        getattr(model_contracts, contract)(Trial(model, head))


def _over(module):
    """A network spec around a function that makes a module of (inputs, outputs)."""

    class Faulty(Network):
        def count(self, inputs, head, length):
            return Lstm(**Lstm.tiny).count(inputs, head, length)

        def build(self, inputs, outputs):
            return module(inputs, outputs)

    return Faulty()


class Dense(nn.Module):
    """A layer at each time on its own; a fault is put around it."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.dense, self.head = nn.Linear(inputs, 8), nn.Linear(8, outputs)

    def forward(self, x, state=None):
        return self.head(self.mix(torch.tanh(self.dense(x)))), ()

    def mix(self, x):
        return x


class DeadParameter(Dense):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.unused = nn.Parameter(torch.ones(3))


class OneOutput(Dense):
    def forward(self, x, state=None):
        return super().forward(x, state)[0][:, -1], ()


class AttentionOverTheFuture(Dense):
    def mix(self, x):
        return nn.functional.scaled_dot_product_attention(x, x, x)


class FourierOverTheWindow(Dense):
    def mix(self, x):
        return torch.fft.irfft(torch.fft.rfft(x, dim=1)[:, :4], n=x.shape[1], dim=1)


class NormOverTheBatch(Dense):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.norm = nn.BatchNorm1d(8)

    def mix(self, x):
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


class Explodes(Dense):
    def mix(self, x):
        return 1e3 * x


class Constant(Dense):
    def mix(self, x):
        return 0.0 * x


class ForgetsBetweenSteps(Lstm):
    """Claims to stream and gives back the zero state."""

    def build(self, inputs, outputs):
        class Forgets(nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.inner = inner

            def forward(self, x, state=None):
                raw, after = self.inner(x, state)
                return raw, tuple(torch.zeros_like(part) for part in after)

        return Forgets(super().build(inputs, outputs))


class CountsOneBias(Lstm):
    def count(self, inputs, head, length):
        return tuple(
            LayerCount(layer.layer, layer.parameters - 4 * self.hidden * layer.layer.startswith("lstm"), 0)
            for layer in super().count(inputs, head, length)
        )


class CountsNoProjection(Lstm):
    def count(self, inputs, head, length):
        return tuple(
            LayerCount(layer.layer, layer.parameters, layer.multiply_adds * (layer.layer != "projection"))
            for layer in super().count(inputs, head, length)
        )


class KnowsWhenItIsExported(Dense):
    def mix(self, x):
        return 1.1 * x if torch.compiler.is_exporting() else x


class RemembersOutsideItsState(Lstm):
    """Carries a running sum in the module, which a graph does not have."""

    def build(self, inputs, outputs):
        class Remembers(nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.inner, self.sum = inner, 0.0

            def forward(self, x, state=None):
                self.sum = 0.0 if state is None else self.sum + 0.01
                raw, after = self.inner(x, state)
                return raw + self.sum, after

        return Remembers(super().build(inputs, outputs))


NETWORK_FAULTS = [
    ("forward_gives_outputs_and_state", _over(OneOutput), "forward must give"),
    ("every_parameter_gets_a_gradient", _over(DeadParameter), "unused"),
    ("outputs_depend_on_no_later_input", _over(AttentionOverTheFuture), "mask"),
    ("outputs_depend_on_no_later_input", _over(FourierOverTheWindow), "mask"),
    ("outputs_depend_on_no_later_input", _over(NormOverTheBatch), "while training"),
    ("sequences_of_a_batch_do_not_meet", _over(NormOverTheBatch), "over the batch"),
    ("count_equals_the_network", CountsOneBias(hidden=8), "lstm.0: 384 counted, 416 built"),
    ("count_equals_the_network", _over(Dense), "belongs to no layer"),
    ("multiply_adds_equal_torchs_count", CountsNoProjection(hidden=8, projection=4), "torch does 1,436"),
    ("activations_equal_what_torch_keeps", CountsNoProjection(hidden=8, projection=4), "0 activations"),
    ("a_step_at_a_time_equals_the_whole", ForgetsBetweenSteps(hidden=8), "step by step"),
    ("eight_samples_are_overfitted", _over(Constant), "cannot be learnt"),
    ("fresh_outputs_have_a_sane_scale", _over(Explodes), "sane|spread"),
    ("fresh_outputs_have_a_sane_scale", _over(Constant), "spread"),
    ("the_export_forecasts_what_torch_does", _over(KnowsWhenItIsExported), "from windows"),
    ("the_export_forecasts_what_torch_does", RemembersOutsideItsState(hidden=8), "bar by bar"),
]


@pytest.mark.parametrize(("contract", "network", "says"), NETWORK_FAULTS, ids=lambda value: str(value)[:40])
def test_network_contract_catches(contract, network, says):
    torch.set_num_threads(1)
    with pytest.raises(AssertionError, match=says):
        getattr(network_contracts, contract)(network)


def test_every_contract_has_a_fault_that_it_must_catch():
    guarded = {fault[0] for fault in (*MODEL_FAULTS, *NETWORK_FAULTS)}
    assert guarded == {contract.__name__ for contract in (*MODEL_CONTRACTS, *NETWORK_CONTRACTS)}


def test_check_model_reports_a_fault_and_an_exception_and_goes_on():
    class Raises(HalfAlways):
        def predict(self, weights, samples, *, head, scale):
            raise ValueError("no idea")

    results = check_model(Raises)
    failed = {result.name for result in results if not result.passed}
    assert "planted_signal_is_found[point]" in failed
    assert any("ValueError: no idea" in result.message for result in results)
    assert any(result.passed for result in results)
