"""Every model of the package keeps every contract, with no list of exceptions."""

import pytest

from candlewick.models import MODELS
from candlewick.testing.model_contracts import MODEL_CONTRACTS, check_model
from candlewick.testing.network_contracts import NETWORK_CONTRACTS


@pytest.mark.parametrize("name", MODELS.names())
def test_keeps_every_contract(name):
    outcomes = check_model(MODELS.member(name))
    broken = [f"{outcome.contract}: {outcome.message}" for outcome in outcomes if not outcome.passed]
    assert not broken, "\n".join(broken)


def test_networks_are_tried_by_both_sets_of_contracts():
    tried = [
        outcome.contract.partition("[")[0]
        for outcome in check_model(MODELS.build({"name": "lstm", "layers": 1, "hidden": 8}))
    ]
    assert tried == [contract.__name__ for contract in (*MODEL_CONTRACTS, *NETWORK_CONTRACTS)]


def test_estimators_are_tried_with_every_head_they_take():
    heads = {outcome.contract.partition("[")[2] for outcome in check_model(MODELS.member("linear"))}
    assert heads == {"point]", "variance]", "gaussian]", "quantile]", "classes]"}
    assert {outcome.contract.partition("[")[2] for outcome in check_model(MODELS.member("har"))} == {"variance]"}
