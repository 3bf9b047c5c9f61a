"""Planning of an experiment: exact where it counts, refusing with a remedy, cheap where a run asks."""

import json

import pytest

from candlewick.core.errors import ConfigError
from candlewick.lab.experiment import Experiment
from candlewick.lab.planning import plan
from candlewick.lab.run import run

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
        plan(make(train={"sampling": sampling, "batch": 4, "chunk": 32, "warmup": 32})).models[0].sampling
        for sampling in ("streams", "windows")
    )
    assert (streams.windows, streams.streams) == (windows.windows, windows.streams)
    assert windows.windows == windows.rows * 24
    assert windows.rows <= windows.streams < 2 * windows.rows
    assert "set train.sampling=streams" in windows.sentence
    assert "as configured" in streams.sentence


def test_a_split_that_trains_after_its_test_allows_no_streams(make):
    found = plan(make(split={"name": "purged_kfold", "n_folds": 3}, train={"sampling": "windows"}))
    assert (
        "streams are not possible: purged_kfold trains on rows after its test rows" in found.models[0].sampling.sentence
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
