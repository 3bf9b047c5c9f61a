"""Every model of the package keeps every contract, with no list of exceptions."""

import pytest

from candlewick.models import MODELS, Network
from candlewick.testing.model_contracts import MODEL_CONTRACTS, check_model
from candlewick.testing.network_contracts import NETWORK_CONTRACTS, outputs_depend_on_no_later_input


@pytest.mark.parametrize("name", MODELS.names())
def test_is_tried_by_every_contract_and_keeps_it(name):
    results = check_model(MODELS.member(name))
    broken = [f"{result.name}: {result.message}" for result in results if not result.passed]
    assert not broken, "\n".join(broken)
    contracts = (*MODEL_CONTRACTS, *(NETWORK_CONTRACTS if issubclass(MODELS.member(name), Network) else ()))
    assert {result.name.partition("[")[0] for result in results} == {contract.__name__ for contract in contracts}


def test_estimators_are_tried_with_every_head_they_take():
    heads = {result.name.partition("[")[2] for result in check_model(MODELS.member("linear"))}
    assert heads == {"point]", "variance]", "gaussian]", "quantile]", "classes]"}
    assert {result.name.partition("[")[2] for result in check_model(MODELS.member("har"))} == {"variance]"}


OWN_NETWORK = '''
"""A small GRU of a user's own."""

from pydantic import Field

from candlewick.models import LayerCount, Network


class Gru(Network):
    """One GRU layer and a linear head."""

    hidden: int = Field(16, ge=1, description="units")

    def count(self, inputs, head, length):
        gru = 3 * self.hidden * (inputs + self.hidden)
        return (LayerCount("gru", gru + 6 * self.hidden, gru, inputs + 7 * self.hidden),
                LayerCount("head", (self.hidden + 1) * head.outputs, self.hidden * head.outputs, self.hidden))

    def build(self, inputs, outputs):
        import torch

        class Module(torch.nn.Module):
            def __init__(self, hidden):
                super().__init__()
                self.gru = torch.nn.GRU(inputs, hidden, batch_first=True, bidirectional=False)
                self.head = torch.nn.Linear(hidden, outputs)

            def forward(self, x, state=None):
                out, _ = self.gru(x)
                return self.head(out), ()

        return Module(self.hidden)
'''


def test_a_users_own_network_is_held_to_the_same_contracts(tmp_path):
    pytest.importorskip("torch")
    own = tmp_path / "my_gru.py"
    own.write_text(OWN_NETWORK)
    results = check_model(MODELS.member(f"{own}:Gru"))
    assert len(results) == len(MODEL_CONTRACTS) + len(NETWORK_CONTRACTS)
    assert [result.message for result in results if not result.passed] == []
    # The same file with a flip of time in it: the network reads the future.
    own.write_text(OWN_NETWORK.replace("self.gru(x)", "self.gru(x.flip(1))"))
    with pytest.raises(AssertionError, match="outputs before the change moved"):
        outputs_depend_on_no_later_input(MODELS.member(f"{own}:Gru")())
