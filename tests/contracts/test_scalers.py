"""Every scaler of the family keeps every contract, in every setting."""

import pytest

from candlewick.samples.scalers import SCALERS
from candlewick.testing.scaler_contracts import SCALER_CONTRACTS, check_scaler
from candlewick.testing.settings import settings


@pytest.mark.parametrize("name", SCALERS.names())
def test_every_scaler_keeps_every_contract_in_every_setting(name):
    results = check_scaler(SCALERS.member(name))
    assert [result.name for result in results] == [
        *(contract.__name__ for contract in SCALER_CONTRACTS), "every_parameter_matters",
    ]  # fmt: skip
    assert [result.message for result in results if not result.passed] == []


@pytest.mark.parametrize("name", SCALERS.names())
def test_a_scaler_survives_its_plain_data(name):
    for spec in settings(SCALERS.member(name)):
        again = SCALERS.build(spec.to_dict())
        assert (again, again.content_id) == (spec, spec.content_id)
