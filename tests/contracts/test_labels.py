import pytest

from candlewick.labels import LABELS
from candlewick.testing.label_contracts import LABEL_CONTRACTS, check_label, every_parameter_matters
from candlewick.testing.settings import judge, settings


@pytest.mark.parametrize("contract", LABEL_CONTRACTS, ids=lambda contract: contract.__name__)
@pytest.mark.parametrize("name", LABELS.names())
def test_every_label_keeps_the_contract_in_every_setting(name, contract):
    result = judge(contract.__name__, contract, settings(LABELS.member(name)))
    assert result.passed, result.message


@pytest.mark.parametrize("name", LABELS.names())
def test_every_parameter_matters(name):
    every_parameter_matters(LABELS.member(name))


@pytest.mark.parametrize("name", LABELS.names())
def test_a_configuration_entry_builds_the_same_spec(name):
    for spec in settings(LABELS.member(name)):
        again = LABELS.build(spec.to_dict())
        assert (again, again.content_id) == (spec, spec.content_id)


def test_a_report_names_every_contract_once():
    names = [result.name for result in check_label(LABELS.member("direction"))]
    assert names == [*(contract.__name__ for contract in LABEL_CONTRACTS), "every_parameter_matters"]
