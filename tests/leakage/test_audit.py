"""The audit catches planted leaks, each by the check that is meant for it, and stays quiet on honest work."""

import pytest

from candlewick.lab.audit import KINDS, audit
from candlewick.testing.planted import CLEAN, PLANTED, Planted

BY_NAME = {planted.name: planted for planted in (*PLANTED, *CLEAN)}

# One leak a check, which no other check would see.
ONE_EACH = {
    "bars": "back-fill in preparation",
    "stamps": "open stamps read as closes, by the sessions",
    "future_echo": "target in the file",
    "features": "shift by one row",
    "scale": "price level declared scale-free",
    "labels": "smoothed labels",
    "echo": "echo of the future",
    "split": "overlapping labels, not purged",
    "duplicates": "the same weeks twice",
    "fit": "selection on all rows",
    "forecasts": "smoothed forecasts",
    "truncate": "memory longer than declared",
    "delay": "history revised afterwards",
}


@pytest.mark.parametrize(("check", "name"), ONE_EACH.items(), ids=ONE_EACH)
def test_a_leak_is_caught_by_its_check_and_gets_through_without_it(check: str, name: str) -> None:
    experiment = BY_NAME[name].build()
    caught = audit(experiment, only=[check])
    assert caught.failed == (check,)
    assert audit(experiment, only=set(KINDS) - {check}).passed


def test_forecasts_of_shuffled_labels_that_come_true_are_caught() -> None:
    dishonest = BY_NAME["reads the labels of the test"].build()
    assert audit(dishonest, only=["shuffle"]).failed == ("shuffle",)
    honest = BY_NAME["returns, linear"].build()
    assert audit(honest, only=["shuffle"]).passed


@pytest.mark.parametrize(
    "name", ["returns, linear", "variance, har and linear", "purged k-fold", "an honest extra column"]
)
def test_honest_experiments_do_not_alarm(name: str) -> None:
    report = audit(BY_NAME[name].build())
    assert report.passed, [check.message for check in report.checks if not check.passed]
    assert {check.name for check in report.checks} == set(KINDS)


@pytest.mark.parametrize("name", ["network normalised by the batch", "bidirectional stream"])
def test_networks_that_look_ahead_are_caught_where_they_forecast(name: str) -> None:
    pytest.importorskip("torch")
    assert audit(BY_NAME[name].build(), only=["fit", "forecasts"]).failed == ("forecasts",)


def test_an_honest_stream_is_quiet() -> None:
    pytest.importorskip("torch")
    experiment = BY_NAME["lstm on streams, variance, fading features"].build()
    assert audit(experiment, only=["fit", "forecasts", "truncate"]).passed


def test_the_lists_hold_what_they_promise() -> None:
    assert len(PLANTED) >= 40
    assert len(CLEAN) >= 20
    assert len(BY_NAME) == len(PLANTED) + len(CLEAN)
    assert {planted.caught_by for planted in PLANTED} == set(KINDS) - {"shuffle"}
    assert not any(clean.caught_by for clean in CLEAN)


@pytest.mark.parametrize("planted", [*PLANTED, *CLEAN], ids=lambda planted: planted.name)
def test_every_listed_experiment_can_be_stated_and_stated_again(planted: Planted) -> None:
    experiment = planted.build()
    assert type(experiment).of(experiment.to_dict()).content_id == experiment.content_id
