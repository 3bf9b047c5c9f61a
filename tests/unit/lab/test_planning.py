"""Planning of an experiment: exact where it counts, refusing with a remedy, cheap where a run asks."""

import itertools
import json
from dataclasses import replace

import pytest

from candlewick.core.errors import ConfigError
from candlewick.core.progress import Silent
from candlewick.lab import planning
from candlewick.lab import run as running
from candlewick.lab.experiment import Experiment
from candlewick.lab.planning import measured_machine, plan
from candlewick.lab.prepare import prepare
from candlewick.lab.run import run
from candlewick.sizing.machine import Machine


@pytest.fixture(autouse=True)
def _this_machine(machine, monkeypatch):
    monkeypatch.setattr(planning, "measured_machine", lambda **_: machine)


LARGE = {"name": "lstm", "layers": 10, "hidden": 512}


def test_a_model_that_is_too_large_is_refused_with_the_nearest_that_passes(make):
    experiment = make(model=LARGE)
    found = plan(experiment)
    model = found.models[0]
    assert (found.outcome, model.outcome) == ("refuse", "refuse")
    assert [gate.name for gate in model.gates if gate.outcome == "refuse"] == ["parameters_per_sample"]
    near = plan(
        Experiment.of(experiment, *(f"model.{name}={value}" for name, value in model.nearest.sizes.items()))
    ).models[0]
    assert near.outcome != "refuse"
    assert near.parameters == model.nearest.parameters


def test_a_run_is_refused_before_anything_is_trained_or_written(make, tmp_path):
    with pytest.raises(
        ConfigError, match=r"a sample.*hidden .* instead of 512.*limits\.parameters_per_sample\.refuse=null"
    ):
        run(make(model=LARGE), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_limits_are_part_of_no_identity(make):
    free = make(limits={"parameters_per_sample": {"refuse": None}, "latency": {"refuse": 1.0}})
    assert free.content_id == make().content_id
    assert free != make()
    assert Experiment.of(free.to_dict()) == free


def test_a_limit_of_ones_own_is_kept(make):
    found = plan(make(limits={"parameters_per_sample": {"refuse": 0.1}})).models
    assert found[0].outcome == "refuse"
    assert "refused from 0.1" in found[0].gates[0].sentence


def test_estimators_are_planned_without_a_fit(make):
    har = plan(make()).models[1]
    assert (har.label, har.parameters, har.training, har.sampling, har.outcome) == ("har", 5, None, None, "pass")
    # Estimators are fitted on validation rows too.
    assert all(
        own.rows > network.rows for own, network in zip(har.samples, plan(make()).models[0].samples, strict=True)
    )


def test_streams_and_windows_are_counted_as_they_are_laid_out(make):
    streams, windows = (
        plan(make(train={"sampling": sampling, "batch": 4, "chunk": 32, "warmup": 32})).models[0]
        for sampling in ("streams", "windows")
    )
    assert (streams.sampling.windows, streams.sampling.streams) == (windows.sampling.windows, windows.sampling.streams)
    rows = max(samples.rows for samples in windows.samples)
    found = windows.sampling
    assert found.windows.bars == rows * 24
    assert rows <= found.streams.bars < 2 * rows
    assert found.windows.multiply_adds == 3 * found.windows.bars * windows.multiply_adds
    assert found.streams.seconds == streams.predicted.training["fp32"].epoch
    assert found.windows.seconds == windows.predicted.training["fp32"].epoch
    assert "Set train.sampling=streams" in found.sentence
    assert "as configured" in streams.sampling.sentence


def test_a_split_that_trains_after_its_test_allows_no_streams(make):
    found = plan(make(split={"name": "purged_kfold", "n_folds": 3}, train={"sampling": "windows"}))
    assert (
        "Streams are not possible: purged_kfold trains on rows after its test rows" in found.models[0].sampling.sentence
    )


def test_overlapping_labels_count_for_less(make):
    label = {"name": "forward_volatility", "estimator": "parkinson", "horizon": 10}
    samples = plan(make(label=label, baselines=[])).models[0].samples[0]
    assert samples.effective == pytest.approx(samples.rows / 10, rel=0.05)


def test_a_plan_is_plain_data(make):
    found = plan(make(model=LARGE)).to_dict()
    assert json.loads(json.dumps(found))["models"][0]["nearest"]["sizes"]


@pytest.mark.parametrize("name", ["quickstart", "lstm3_vs_lstm5"])
def test_what_ships_is_not_refused(name):
    assert plan(name).outcome != "refuse"


def test_what_it_takes_is_predicted_for_every_model(make, machine):
    found = plan(make(baselines=["har", "gradient_boosting"], seeds=[0, 1, 2]), workers=2)
    lstm, har, trees = found.models
    assert (lstm.fits.number, har.fits.number) == (2 * 3, 2)
    assert lstm.fits.precision == "fp32"
    assert 0 < lstm.fits.shortest <= lstm.fits.longest
    assert trees.fits.longest > har.fits.longest
    assert {one.precision for one in lstm.predicted.latency} == {"fp32", "bf16", "int8"}
    assert {one.precision for one in har.predicted.latency} == {"fp32"}
    alone = plan(make(seeds=[0, 1, 2]), workers=1).models[0]
    assert alone.fits.longest == pytest.approx(2 * lstm.fits.longest, rel=0.3)
    assert {gate.name for gate in lstm.gates} == {"latency", "memory", "training_time", "parameters_per_sample"}


def test_a_training_process_is_weighed_before_libraries_are_loaded_that_it_does_not_have(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(planning, "measured", lambda supplies, **_: supplies)
    supplies = measured_machine()
    assert [trial.path for trial in supplies["process"](1)] == ["runtime"]
    assert list(supplies)[:2] == ["process", "torch"]
    whats = [trial.what for trial in itertools.islice(supplies["torch"](1), 5)]
    assert whats.index("resident") > whats.index("streams loop")  # with what the first update loads


def test_a_run_has_as_many_processes_as_it_may_use_cores(make, monkeypatch, tmp_path):
    def asked(*_, workers, **__):
        raise ConfigError(f"{workers} workers")

    monkeypatch.setattr(running, "require_affordable", asked)
    monkeypatch.setattr(running, "cores", lambda: 3)
    with pytest.raises(ConfigError, match="3 workers"):
        run(make(model="linear"), out=tmp_path / "run")


def test_fits_that_share_cores_are_done_no_sooner(make, machine):
    assert machine.cores == 2
    plain = make(seeds=[0, 1, 2])
    two, crowd = (plan(plain, workers=workers).models[0] for workers in (2, 64))
    assert crowd.fits == two.fits
    wide = Experiment.of(plain, "train.threads=2")
    assert plan(wide, workers=2).models[0].fits == plan(wide, workers=1).models[0].fits


def test_bf16_is_taken_where_it_is_worth_it_and_measured(make, machine, monkeypatch):
    train = {"sampling": "streams", "precision": "auto", "batch": 4, "chunk": 32, "warmup": 32, "epochs": 3}
    large = {"name": "lstm", "layers": 2, "hidden": 256}
    assert plan(make(model=large, train=train)).models[0].fits.precision == "bf16"
    assert plan(make(train=train)).models[0].fits.precision == "fp32"
    without = [one for one in machine.measurements if (one.what, one.precision) != ("lstm training", "bf16")]
    monkeypatch.setattr(planning, "measured_machine", lambda **_: replace(machine, measurements=tuple(without)))
    assert plan(make(model=large, train=train)).models[0].fits.precision == "fp32"


def test_ten_layers_that_miss_a_budget_get_a_proposal_that_meets_it(make):
    budget = {"latency": {"refuse": 0.1}, "parameters_per_sample": {"refuse": None}}
    model = plan(make(model=LARGE, limits=budget)).models[0]
    assert [gate.name for gate in model.gates if gate.outcome == "refuse"] == ["latency"]
    smaller = {**LARGE, **model.nearest.sizes}
    assert plan(make(model=smaller, limits=budget)).models[0].outcome != "refuse"
    assert model.nearest.parameters > 1_000_000, "the nearest, not the smallest"


def test_a_training_budget_refuses(make):
    model = plan(make(limits={"training_time": {"refuse": 1e-7}})).models[0]
    assert model.outcome == "refuse"
    assert model.nearest is None
    assert model.proposal == ""


def test_a_machine_without_torch_plans_what_it_can(make, machine, monkeypatch):
    bare = tuple(one for one in machine.measurements if not one.path.startswith("torch"))
    monkeypatch.setattr(planning, "measured_machine", lambda **_: replace(machine, measurements=bare))
    lstm = plan(make()).models[0]
    assert lstm.fits is None
    assert "torch" in lstm.predicted.untold
    assert {gate.name for gate in lstm.gates} == {"latency", "memory", "parameters_per_sample"}


def test_a_run_warns_of_what_needs_no_measurement(make, monkeypatch):
    said = []

    class Listening(Silent):
        def say(self, text):
            said.append(text)

    experiment = make(limits={"parameters_per_sample": {"warn": 0.01, "refuse": None}}, baselines=[])
    planning.require_affordable(experiment, prepare(experiment), None, workers=1, progress=Listening())
    assert [text for text in said if text.startswith("warning: lstm: ")]


def test_learning_curves_come_with_the_plan_where_asked(make):
    assert plan(make()).learning == ()
    found = plan(make(model="linear", baselines=[]), learning_curve=True)
    [linear] = found.learning
    assert linear.model == "linear"
    assert json.loads(json.dumps(found.to_dict()))["learning"][0]["sentence"] == linear.sentence


def test_a_proposal_asks_the_machine_no_more_often_than_a_plan_can_bear(make, machine, monkeypatch):
    asked = []
    monkeypatch.setattr(Machine, "of", lambda self, *a, of=Machine.of, **k: asked.append(a) or of(self, *a, **k))
    plan(make(model=LARGE, limits={"latency": {"refuse": 1e-6}, "parameters_per_sample": {"refuse": None}}))
    assert 0 < len(asked) < 100_000, "only the gates that refused are asked of each smaller model"
