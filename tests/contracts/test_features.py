import pytest

from candlewick.features import FEATURES
from candlewick.testing.feature_contracts import FEATURE_CONTRACTS, check_feature, every_parameter_matters
from candlewick.testing.settings import judge, settings


@pytest.mark.parametrize("contract", FEATURE_CONTRACTS, ids=lambda contract: contract.__name__)
@pytest.mark.parametrize("name", FEATURES.names())
def test_every_feature_keeps_the_contract_in_every_setting(name, contract):
    result = judge(contract.__name__, contract, settings(FEATURES.member(name)))
    assert result.passed, result.message


@pytest.mark.parametrize("name", FEATURES.names())
def test_every_parameter_matters(name):
    every_parameter_matters(FEATURES.member(name))


@pytest.mark.parametrize("name", FEATURES.names())
def test_a_configuration_entry_builds_the_same_spec(name):
    for spec in settings(FEATURES.member(name)):
        again = FEATURES.build(spec.to_dict())
        assert (again, again.content_id) == (spec, spec.content_id)


def test_every_setting_has_a_content_id_of_its_own():
    specs = [spec for name in FEATURES.names() for spec in settings(FEATURES.member(name))]
    assert len({spec.content_id for spec in specs}) == len(specs)


def test_a_report_names_every_contract_once():
    names = [result.name for result in check_feature(FEATURES.member("log_return"))]
    assert names == [*(contract.__name__ for contract in FEATURE_CONTRACTS), "every_parameter_matters"]


def test_a_feature_in_a_user_file_is_held_to_the_same_contracts(tmp_path):
    file = tmp_path / "my_features.py"
    file.write_text(USER_FILE)
    good, bad = FEATURES.member(f"{file}:CloseInRange"), FEATURES.member(f"{file}:WrongWarmup")
    assert [result for result in check_feature(good) if not result.passed] == []
    failed = {result.name: result.message for result in check_feature(bad) if not result.passed}
    assert "warmup says 2" in failed["warmup_is_exact"]


USER_FILE = '''
"""Where the close lies in the range of its bar."""
from typing import ClassVar
import numpy as np
from candlewick.core.compiled import compiled
from candlewick.features._base import STEP, Feature

class CloseInRange(Feature):
    columns: ClassVar[tuple[str, ...]] = ("high", "low", "close")
    outputs = property(lambda self: ("close_in_range",))
    warmup = property(lambda self: 1)
    state_size = property(lambda self: 0)

    def params(self):
        return np.zeros(0)

    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        out[0] = (row[2] - row[1]) / (row[0] - row[1]) if row[0] > row[1] else 0.5

class WrongWarmup(Feature):
    columns: ClassVar[tuple[str, ...]] = ("close",)
    outputs = property(lambda self: ("rises",))
    warmup = property(lambda self: 2)
    state_size = property(lambda self: 1)

    def params(self):
        return np.zeros(0)

    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        out[0] = 1.0 if row[0] > state[0] else 0.0
        state[0] = row[0]
'''
