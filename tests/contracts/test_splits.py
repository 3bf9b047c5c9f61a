"""Every split of the family keeps every contract, in every setting, on panels with odd clocks."""

import pytest

from candlewick.samples.splits import SPLITS
from candlewick.testing.datasets import odd_dataset
from candlewick.testing.settings import judge, settings
from candlewick.testing.split_contracts import SPLIT_CONTRACTS, check_split, every_parameter_matters


@pytest.mark.parametrize("contract", SPLIT_CONTRACTS, ids=lambda contract: contract.__name__)
@pytest.mark.parametrize("name", SPLITS.names())
def test_every_split_keeps_the_contract_in_every_setting(name, contract):
    for data in (odd_dataset(5), odd_dataset(9, bars=(300,), length=8, horizon=15)):
        result = judge(contract.__name__, lambda split, data=data: contract(split, data), settings(SPLITS.member(name)))
        assert result.passed, result.message


@pytest.mark.parametrize("name", SPLITS.names())
def test_every_parameter_matters(name):
    every_parameter_matters(SPLITS.member(name))


@pytest.mark.parametrize("name", SPLITS.names())
def test_a_split_survives_its_plain_data(name):
    for spec in settings(SPLITS.member(name)):
        again = SPLITS.build(spec.to_dict())
        assert (again, again.content_id) == (spec, spec.content_id)


def test_a_report_names_every_contract_once():
    results = check_split(SPLITS.member("walk_forward"))
    assert [result.name for result in results] == [
        *(contract.__name__ for contract in SPLIT_CONTRACTS), "every_parameter_matters",
    ]  # fmt: skip
    assert [result.message for result in results if not result.passed] == []


USER_FILE = '''
from candlewick.samples.splits._base import Cut, Split

class LastMoments(Split):
    """The newest ten moments."""
    def cuts(self, steps):
        return (Cut(train=((0, steps - 10),), test=((steps - 10, steps),)),)

class TrainsOnTheFuture(Split):
    """Tests the oldest half without saying that it trains after it."""
    def cuts(self, steps):
        return (Cut(train=((steps // 2, steps),), test=((0, steps // 2),)),)
'''


def test_a_split_in_a_user_file_is_held_to_the_same_contracts(tmp_path):
    file = tmp_path / "my_splits.py"
    file.write_text(USER_FILE)
    good, bad = (check_split(SPLITS.member(f"{file}:{name}")) for name in ("LastMoments", "TrainsOnTheFuture"))
    assert [result.message for result in good if not result.passed] == []
    assert [result.name for result in bad if not result.passed] == ["streams_never_train_after_the_test"]
