"""A finished run becomes a release of the model that its verdict names, and of another one with a reason only."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from candlewick.core import files
from candlewick.core.errors import ConfigError
from candlewick.data.bars import Bars, Panel
from candlewick.data.synthetic import MARKETS
from candlewick.lab.experiment import Experiment
from candlewick.lab.replay import replay_exported
from candlewick.lab.run import run
from candlewick.lab.runs import Run
from candlewick.release.bundle import EXPERIMENT, open_bundle, part
from candlewick.release.make import release, usual_step_ns
from candlewick.release.registry import Registry

pytestmark = pytest.mark.usefixtures("few_resamples")
HOUR = 3_600 * 10**9


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run whose verdict passes and names the simpler of two models, on bars that were given in Python."""
    folder = tmp_path_factory.mktemp("make")
    experiment = Experiment.of({
        "title": "Ridge beside HAR", "data": {"name": "synthetic", "market": "clustered", "bars": 1500, "seed": 7},
        "features": [{"name": "parkinson_volatility", "length": 1, "unit": "log_volatility"}, {"name": "ema_gap"}],
        "label": {"name": "forward_volatility", "estimator": "parkinson", "horizon": 1}, "length": 22,
        "scaler": "standard", "split": {"name": "walk_forward", "n_folds": 2}, "model": "linear", "baselines": ["har"],
        "policy": {"name": "volatility_target"}, "seeds": [0],
    })  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLEWICK_HOME", str(folder / "home"))
        yield run(experiment, out=folder / "run", workers=1)


def test_the_model_that_the_verdict_names_is_released_with_all_it_needs(done: Run, tmp_path: Path) -> None:
    made = release(done, live=tmp_path)
    verdict = done.record["verdicts"]["forecast"]
    assert (made.model, made.new, made.forced) == (verdict["use"], True, "")
    entry = Registry(tmp_path).get(made.id)
    assert (entry.origin, entry.reason) == ("run", "")
    bundle = open_bundle(entry.folder)
    card, panel = bundle.card, done.experiment.data.read().panel
    assert card.verdict.passed
    assert card.verdict.sentences == tuple(done.sentences)
    assert card.policy_spec == done.experiment.policy
    assert card.costs == done.experiment.costs
    assert card.fill == done.record["fill"]["price"]
    assert card.bars_per_year == done.record["bars_per_year"]
    assert card.interval_ns == panel.bars[0].interval_ns
    assert card.symbols == ("SYN",)
    assert not card.nonpositive
    assert card.lineage["data"] == panel.content_hash
    assert card.lineage["experiment"] == done.record["experiment"]
    assert (card.lineage["seed"], card.lineage["fold"]) == (0, 1)
    assert card.lineage["versions"] == done.record["versions"]
    assert json.loads(part(entry.folder, EXPERIMENT, card)) == done.experiment.to_dict()
    assert len(bundle.golden.t) == 32
    assert bundle.golden.t[-1] == bundle.reference().t[-1]


def test_its_own_test_bars_give_the_bits_of_its_reference(done: Run, tmp_path: Path) -> None:
    bundle = open_bundle(Registry(tmp_path).get(release(done, live=tmp_path).id).folder)
    found = replay_exported(bundle.exported, bundle.reference(), done.experiment.data.read().panel)
    assert found.difference == 0
    assert len(found.replayed.t) > 300


def test_twice_is_once(done: Run, tmp_path: Path) -> None:
    first, second = release(done, live=tmp_path), release(done, live=tmp_path)
    assert second.id == first.id
    assert not second.new
    assert len(Registry(tmp_path).entries) == 1


def test_what_the_verdict_does_not_speak_for_needs_a_reason_which_is_kept(done: Run, tmp_path: Path) -> None:
    for model in ("har", "naive last"):
        with pytest.raises(ConfigError, match=rf"names linear, was asked to release {model}.*Say --force REASON"):
            release(done, model=model, live=tmp_path)
        with pytest.raises(ConfigError, match="with a reason only"):
            release(done, model=model, live=tmp_path, force="  ")
    assert Registry(tmp_path).entries == ()
    made = release(done, model="naive last", live=tmp_path, force="the baseline beside it")
    entry = Registry(tmp_path).get(made.id)
    assert open_bundle(entry.folder).card.forced == made.forced == entry.reason == "the baseline beside it"
    assert release(done, live=tmp_path, force="not needed").forced == ""


def copied(done: Run, place: Path, **record: object) -> Run:
    import shutil

    shutil.copytree(done.folder, place)
    files.write_json(place / "run.json", {**done.record, **record})
    return Run(place)


def test_a_verdict_that_fails_speaks_for_no_model(done: Run, tmp_path: Path) -> None:
    verdicts = done.record["verdicts"]
    failed = {**verdicts, "forecast": {**verdicts["forecast"], "passed": False, "use": "naive mean"}}
    other = copied(done, tmp_path / "run", verdicts=failed)
    with pytest.raises(ConfigError, match=r"fails, was asked to release naive mean.* Say --force REASON\.$"):
        release(other, live=tmp_path)
    made = release(other, live=tmp_path, force="nothing better is known")
    card = open_bundle(Registry(tmp_path).get(made.id).folder).card
    assert (card.model, card.verdict.passed, card.forced) == ("naive mean", False, "nothing better is known")


def test_a_run_that_is_not_finished_or_has_no_such_model_is_not_released(done: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"only a finished run can be released, was .*unfinished. Resume it"):
        release(copied(done, tmp_path / "run", status="running"), live=tmp_path)
    with pytest.raises(ConfigError, match="the run has no model 'gru'"):
        release(done, model="gru", live=tmp_path)


def test_only_the_runs_own_bars_will_do(done: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the data is not that of .*: its hash begins"):
        release(done, live=tmp_path, data=MARKETS.build("clustered").bars(1500, 8))


@pytest.mark.parametrize("rare", [2, 3])
def test_a_step_is_usual_where_it_occurred_three_times(rare: int) -> None:
    steps = np.concatenate([[HOUR] * 20, [17 * HOUR] * 5, [65 * HOUR] * rare, [500 * HOUR]])
    t = np.concatenate([[0], np.cumsum(steps)])
    panel = Panel((Bars.of("A", t, {"close": np.ones(len(t))}, interval_ns=HOUR),))
    assert usual_step_ns(panel, HOUR) == (65 if rare == 3 else 17) * HOUR


def test_bars_that_never_come_alike_are_usual_at_their_interval() -> None:
    t = np.cumsum(np.arange(1, 10)) * HOUR
    assert usual_step_ns(Panel((Bars.of("A", t, {"close": np.ones(9)}, interval_ns=HOUR),)), HOUR) == HOUR
    assert usual_step_ns(Panel((Bars.of("A", t[:1], {"close": np.ones(1)}, interval_ns=HOUR),)), HOUR) == HOUR


def test_no_folder_of_the_maker_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEWICK_HOME", str(tmp_path / "home"))
    own, secret = tmp_path / "secret" / "my_policy.py", tmp_path / "secret" / "bars.csv"
    own.parent.mkdir()
    own.write_text(
        "from candlewick.evaluate.policies.volatility_target import VolatilityTarget\n"
        "class Mine(VolatilityTarget): ...\n"
    )
    bars = MARKETS.build("clustered").bars(900, 1)
    rows = np.column_stack([bars.t, bars.values])
    lines = [",".join(("t", *bars.columns)), *(",".join([str(int(t)), *map(repr, map(float, v))]) for t, *v in rows)]
    secret.write_text("\n".join(lines))
    done = run(
        Experiment.of({
            "data": {"name": "file", "path": str(secret), "stamp": "close"},
            "features": [{"name": "parkinson_volatility", "length": 1, "unit": "log_volatility"}],
            "label": {"name": "forward_volatility", "estimator": "parkinson", "horizon": 1}, "length": 22,
            "scaler": "standard", "split": {"name": "walk_forward", "n_folds": 2}, "model": "linear",
            "policy": f"{own}:Mine", "seeds": [0],
        }), out=tmp_path / "run", workers=1,
    )  # fmt: skip
    made = release(done, live=tmp_path, model="linear", force="a test")
    folder = Registry(tmp_path).get(made.id).folder
    assert [path.name for path in folder.rglob("*") if path.is_file() and b"secret" in path.read_bytes()] == []
    card = open_bundle(folder, members=[own.parent]).card
    assert card.sources == {"my_policy.py:Mine": files.sha256(own)}
    assert card.policy is not None
    assert card.policy["name"] == "my_policy.py:Mine"


def test_the_folder_of_a_run_is_enough(done: Run, tmp_path: Path) -> None:
    assert release(str(done.folder), live=tmp_path).new
