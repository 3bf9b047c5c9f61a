"""The gate lets through what may serve, and says every reason against what may not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_releases import HOUR, small_release

from candlewick.core.errors import ConfigError, StorageError
from candlewick.evaluate.costs import Costs
from candlewick.evaluate.policies.volatility_target import VolatilityTarget
from candlewick.release.bundle import Bundle, open_bundle
from candlewick.release.card import Card, Evidence
from candlewick.release.gate import Asked, Decision, GateError, decide
from candlewick.release.promotion import promote, rollback
from candlewick.release.registry import Registry

Releases = Callable[..., Path]


@pytest.fixture
def bundle(releases: Releases) -> Bundle:
    return open_bundle(releases())


def with_card(bundle: Bundle, **changes: Any) -> Bundle:
    return replace(bundle, card=bundle.card.model_copy(update=changes))


def refusal(asked: Asked) -> str:
    decision = decide(asked)
    assert not decision.allowed
    return "; ".join(decision.reasons)


def test_what_speaks_for_a_release_is_told(bundle: Bundle) -> None:
    columns = (*bundle.card.columns, "volume")
    decision = decide(Asked(bundle, champion=bundle.card, columns=columns, symbols=("A",)))
    assert decision.allowed
    assert decision.reasons == (
        "the verdict of its run passed and names it",
        "its golden vectors are equal on this machine to 0.0e+00",
        "the bars that come in have all it reads",
        decision.reasons[-1],
    )
    assert decision.reasons[-1].startswith("its policy wants at most 0.")


def test_a_verdict_that_does_not_speak_for_it_keeps_the_champion(bundle: Bundle) -> None:
    failed = with_card(bundle, verdict=Evidence(passed=False, use="naive mean", sentences=()))
    other = with_card(bundle, verdict=Evidence(passed=True, use="har", sentences=()))
    assert refusal(Asked(failed)) == "the verdict of its run did not pass, and it was not released by force"
    assert refusal(Asked(other)) == "the verdict of its run names har, and it was not released by force"
    forced = decide(Asked(with_card(failed, forced="to watch it")))
    assert forced.allowed
    assert forced.reasons[0] == "it was released by force: to watch it"
    assert decide(Asked(failed, "challenger")).allowed  # it is there to be tried


def test_golden_vectors_that_do_not_come_out_keep_the_champion(bundle: Bundle) -> None:
    golden = replace(bundle.golden, raw=bundle.golden.raw + 0.01)
    wrong = replace(bundle, golden=golden)
    assert "the golden vectors are not what they were" in refusal(Asked(wrong))
    assert "the golden vectors are not what they were" in refusal(Asked(wrong, "shadow"))
    assert decide(Asked(wrong, checked=True)).allowed


def test_other_bars_than_those_that_come_in_keep_the_champion(bundle: Bundle) -> None:
    assert refusal(Asked(bundle, columns=("close",))) == "it reads high, low, the bars that come in have close"
    assert refusal(Asked(bundle, symbols=("A", "B"))) == "its scaler knows A, bars of B come in too"
    assert decide(Asked(with_card(bundle, symbols=None), symbols=("A", "B"))).allowed
    champion = bundle.card.model_copy(update={"interval_ns": 24 * HOUR})
    assert refusal(Asked(bundle, champion=champion)) == "it forecasts bars of 1h, the champion bars of 1d"


def test_trading_that_cannot_be_meant_keeps_the_champion(bundle: Bundle) -> None:
    dear = replace(bundle, costs=Costs(fee=1000.0))
    assert refusal(Asked(dear)) == "its costs are 10.0% of every trade, 5% is the most that can be meant"
    wild = VolatilityTarget.model_construct(target=1e9, max_leverage=1e9, band=0.0)
    assert "its policy wants positions up to" in refusal(Asked(replace(bundle, policy=wild)))
    belief = bundle.golden.raw * np.nan
    broken = replace(bundle, golden=replace(bundle.golden, raw=belief))
    assert "wants positions up to nan" in refusal(Asked(broken, checked=True))
    assert decide(Asked(replace(bundle, policy=None))).reasons[-1] == "it trades nothing"


def test_every_reason_against_it_is_told(bundle: Bundle) -> None:
    failed = with_card(bundle, verdict=Evidence(passed=False, use="naive mean", sentences=()))
    decision = decide(Asked(replace(failed, costs=Costs(fee=1000.0)), columns=("close",)))
    assert len(decision.reasons) == 3


# Where no server runs


def test_a_release_is_promoted_and_rolled_back_and_every_decision_is_kept(tmp_path: Path) -> None:
    one, _ = small_release(tmp_path)
    other, _ = small_release(tmp_path, "har")
    assert promote(tmp_path, one[:8]).generation == 1
    assert promote(tmp_path, other, reason="better").previous == one
    moved = rollback(tmp_path, reason="worse")
    assert (moved.release, moved.why, moved.reason, moved.generation) == (one, "rollback", "worse", 3)
    assert [(entry.release, entry.allowed) for entry in Registry(tmp_path).decisions] == [(one, True), (other, True)]


def test_a_refused_promotion_moves_nothing_and_is_kept(tmp_path: Path) -> None:
    one, _ = small_release(tmp_path)
    bad, _ = small_release(tmp_path, "har", passed=False)
    promote(tmp_path, one)
    with pytest.raises(GateError, match=r"was not promoted: the verdict .* The champion stays what it was"):
        promote(tmp_path, bad)
    registry = Registry(tmp_path)
    assert registry.aliases == {"champion": one}
    assert [entry.allowed for entry in registry.decisions] == [True, False]
    assert promote(tmp_path, bad, alias="challenger").alias == "challenger"


def test_a_champion_of_another_interval_is_not_followed(tmp_path: Path) -> None:
    one, _ = small_release(tmp_path)
    promote(tmp_path, one)
    champion: Card = open_bundle(Registry(tmp_path).get(one).folder).card
    assert champion.interval_ns == HOUR
    from small_releases import market, parts, small_exported

    from candlewick.release.publish import publish

    panel = market(bars=300)
    exported, experiment = small_exported(panel)
    other, _ = publish(*parts(exported, experiment, panel, interval_ns=2 * HOUR, usual_step_ns=2 * HOUR), tmp_path)
    Registry(tmp_path).register(other, origin="run")
    with pytest.raises(GateError, match="it forecasts bars of 2h, the champion bars of 1h"):
        promote(tmp_path, other)


def test_a_damaged_release_is_neither_promoted_nor_gone_back_to(tmp_path: Path) -> None:
    one, _ = small_release(tmp_path)
    other, _ = small_release(tmp_path, "har")
    promote(tmp_path, one)
    promote(tmp_path, other)
    path = Registry(tmp_path).get(one).folder / "model" / "arrays.safetensors"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(StorageError, match="does not have the sha256"):
        rollback(tmp_path)
    with pytest.raises(StorageError, match="does not have the sha256"):
        promote(tmp_path, one, alias="shadow")
    assert Registry(tmp_path).aliases == {"champion": other}


def test_what_is_there_already_is_not_judged_again(tmp_path: Path) -> None:
    one, _ = small_release(tmp_path)
    promote(tmp_path, one)
    with pytest.raises(ConfigError, match="is the champion already"):
        promote(tmp_path, one)
    assert Registry(tmp_path).decisions[-1] == Registry(tmp_path).decisions[0]
    assert isinstance(decide(Asked(open_bundle(Registry(tmp_path).get(one).folder))), Decision)
