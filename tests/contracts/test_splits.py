"""Every split of the family keeps every contract, on panels with odd clocks."""

import pytest

from candlewick.samples.splits import SPLITS
from candlewick.testing.datasets import odd_dataset
from candlewick.testing.split_contracts import SPLIT_CONTRACTS

VARIANTS = [
    *SPLITS.names(),
    {"name": "walk_forward", "n_folds": 3, "train_steps": 40},
    {"name": "holdout", "validation": 0.0},
    {"name": "purged_kfold", "n_folds": 2, "validation": 0.4},
    {"name": "combinatorial_purged", "groups": 5, "test_groups": 1},
]


@pytest.mark.parametrize("contract", SPLIT_CONTRACTS, ids=lambda contract: contract.__name__)
@pytest.mark.parametrize("entry", VARIANTS, ids=str)
def test_split(entry, contract):
    for seed in range(5):
        contract(SPLITS.build(entry), odd_dataset(seed))


@pytest.mark.parametrize("entry", VARIANTS, ids=str)
def test_split_on_one_instrument_with_long_labels(entry):
    for contract in SPLIT_CONTRACTS:
        contract(SPLITS.build(entry), odd_dataset(9, bars=(300,), length=8, horizon=20))


@pytest.mark.parametrize("name", SPLITS.names())
def test_a_split_survives_its_plain_data(name):
    spec = SPLITS.build(name)
    assert SPLITS.build(spec.to_dict()) == spec
