"""Every scaler of the family keeps every contract."""

import numpy as np
import pytest

from candlewick.samples.roles import TrainRows
from candlewick.samples.scalers import SCALERS
from candlewick.testing.datasets import odd_dataset
from candlewick.testing.scaler_contracts import SCALER_CONTRACTS

VARIANTS = [
    *SCALERS.names(),
    {"name": "standard", "pooled": True},
    {"name": "robust", "pooled": True},
    {"name": "standard", "clip": 1.5},
]


@pytest.mark.parametrize("contract", SCALER_CONTRACTS, ids=lambda contract: contract.__name__)
@pytest.mark.parametrize("entry", VARIANTS, ids=str)
def test_scaler(entry, contract):
    for seed in range(3):
        data = odd_dataset(seed)
        early = np.flatnonzero(data.labelled & (data.t < np.median(data.t)))
        contract(SCALERS.build(entry), data, TrainRows(early))


@pytest.mark.parametrize("name", SCALERS.names())
def test_a_scaler_survives_its_plain_data(name):
    spec = SCALERS.build(name)
    assert SCALERS.build(spec.to_dict()) == spec
