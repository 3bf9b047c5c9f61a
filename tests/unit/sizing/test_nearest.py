import pytest

from candlewick.models._heads import Point
from candlewick.models.gradient_boosting import GradientBoosting
from candlewick.models.har import Har
from candlewick.models.lstm import Lstm
from candlewick.sizing.nearest import nearest, steps_down


def parameters(model):
    return sum(layer.parameters for layer in model.count(40, Point(), 60))


def found(model, most):
    return nearest(model, lambda smaller: parameters(smaller) <= most, parameters)


LARGE = Lstm(layers=5, hidden=512, projection=256)


def test_half_the_width_says_what_it_saves():
    near = found(LARGE, 2_700_000)
    assert near.words == "hidden 256 instead of 512"
    assert near.sizes == {"hidden": 256}
    assert near.parameters == parameters(near.model) == 2_644_993
    assert near.saving == pytest.approx(0.735, abs=0.001)


@pytest.mark.parametrize("most", [9_000_000, 5_000_000, 1_000_000, 100_000])
def test_it_passes_and_nothing_larger_with_one_size_changed_does(most):
    near = found(LARGE, most)
    assert near.parameters <= most
    for name in ("hidden", "layers"):
        for value in steps_down(getattr(LARGE, name), 1):
            other = parameters(Lstm(**{"layers": 5, "hidden": 512, "projection": 256, name: value}))
            assert other > most or other <= near.parameters


def test_two_sizes_change_where_one_does_not_do():
    near = found(LARGE, parameters(Lstm(layers=3, hidden=16, projection=256)))
    assert len(near.sizes) == 2
    assert near.model.hidden > 16 or near.model.layers == 3


def test_skips_follow_the_depth():
    near = nearest(LARGE, lambda model: model.layers <= 3, parameters)
    assert near.model == Lstm(layers=3, hidden=512, projection=256)
    assert near.model.skips == ((2, 3),)


def test_skips_of_ones_own_allow_no_depth_that_they_do_not_fit():
    assert nearest(Lstm(layers=5, skips=((1, 5),)), lambda model: model.layers < 5, parameters) is None


def test_nothing_is_proposed_where_nothing_passes():
    assert found(LARGE, 10) is None
    assert nearest(Har(), lambda model: True, lambda model: 5) is None


def test_trees_have_sizes_too():
    assert found(GradientBoosting(rounds=200, leaves=15), 4_000).words == "leaves 10 instead of 15"
