"""An exported run serves what was fitted, to the bit of its reference, and says what it is evidence for."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from candlewick.core import files
from candlewick.core.errors import ConfigError, DataError, StorageError, TrainingError
from candlewick.core.progress import Silent
from candlewick.data.bars import Panel
from candlewick.data.synthetic import MARKETS
from candlewick.lab import export as exporting
from candlewick.lab import precision
from candlewick.lab import refit as refitting
from candlewick.lab.experiment import Experiment
from candlewick.lab.export import FIGURES, MODEL, REFERENCE, TOLERANCE, export, export_folder
from candlewick.lab.offer import Offer, exported, offer
from candlewick.lab.predict import predict
from candlewick.lab.prepare import prepare
from candlewick.lab.replay import replay
from candlewick.lab.run import run
from candlewick.lab.runs import Run
from candlewick.lab.unit import raw_forecast
from candlewick.runtime import store
from candlewick.runtime.choose import candidates
from candlewick.runtime.exported import Exported, Judged
from candlewick.runtime.reference import Reference

Make = Callable[..., Experiment]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLEWICK_HOME", str(folder / "home"))
        yield folder


@pytest.fixture(scope="module")
def streams(make: Make, home: Path) -> Run:
    """A network that carries state, with a feature whose memory fades."""
    fading = [{"name": "parkinson_volatility", "unit": "log_volatility"}, {"name": "ema_gap", "length": 10}]
    network = {"name": "lstm", "layers": 2, "hidden": 32, "dropout": 0.0}
    return run(make(features=fading, model=network), out=home / "streams", workers=1)


def copied(done: Run, place: Path) -> Run:
    shutil.copytree(done.folder, place)
    return Run(place)


def test_a_run_ends_with_its_model_and_the_recommended_one_exported(streams: Run) -> None:
    record = streams.record["export"]
    assert set(record) == {"lstm", streams.record["verdicts"]["forecast"]["use"]}
    for model, told in record.items():
        folder = streams.folder / told["folder"]
        figures = files.read_json(folder / FIGURES)
        assert told.items() <= {**figures, "folder": told["folder"]}.items()
        assert figures["difference_to_model"] <= TOLERANCE
        ready = store.open_exported(folder / MODEL)
        assert ready.content_id == figures["content_id"]
        assert ready.lineage["model"] == model
        assert ready.lineage["evidence"] == "test fold 1 of walk_forward, which these weights were not fitted on"
    assert set(record["lstm"]["precisions"]) >= {"int8"}


def test_the_reference_is_the_last_folds_test_rows_from_the_anchor(streams: Run) -> None:
    reference = Reference.open(streams.folder / "export" / "lstm" / REFERENCE)
    prepared = prepare(streams.experiment)
    test, bars = prepared.folds[1].test.index, prepared.panel.bars[0]
    anchor = store.open_exported(streams.folder / "export" / "lstm" / MODEL).anchor
    assert anchor == streams.experiment.feature_set.warmup - 1 + 32  # and the carried state's
    assert reference.t.tolist() == bars.t[test[0] : test[-1] + 1].tolist()
    assert reference.span.tolist() == [[bars.t[test[0] - anchor], bars.t[test[-1]]]]


def test_differences_to_the_fitted_model_and_to_the_runs_own_forecasts_are_measured_apart(streams: Run) -> None:
    told = streams.record["export"]["lstm"]
    assert told["difference_to_model"] < 1e-6  # both began at the anchor
    reference = Reference.open(streams.folder / "export" / "lstm" / REFERENCE)
    ready = store.open_exported(streams.folder / "export" / "lstm" / MODEL)
    own = pl.col("model") == "lstm", pl.col("fold") == 1, pl.col("seed") == ready.lineage["seed"]
    stored = streams.forecasts().filter(*own)  # its features had faded over all history
    assert stored["t"].to_list() == reference.t.tolist()
    apart = np.abs(ready.head.decode(reference.raw, ready.scale).value - stored["value"].to_numpy()).max()
    assert told["difference_to_run"] == pytest.approx(apart / ready.scale.scale, rel=1e-9)
    assert 0 < told["difference_to_run"] < 1e-3


def test_a_replay_gives_the_bits_of_the_reference_whatever_history_surrounds_its_bars(streams: Run) -> None:
    found = replay(streams)
    assert found.difference == 0
    assert not found.failed
    assert "equal bit for bit to the reference" in found.sentence
    panel = prepare(streams.experiment).panel
    assert replay(streams.folder / "export" / "lstm", panel).difference == 0
    assert replay(streams.folder, Panel((panel.bars[0][300:],))).difference == 0


def test_other_bars_and_other_precisions_are_not_taken_for_the_reference(streams: Run) -> None:
    bars = prepare(streams.experiment).panel.bars[0]
    changed = bars.values.copy()
    changed[-5] *= 1.001
    other = replay(streams, bars.with_values(changed))
    assert other.difference is None
    assert "nothing to compare with" in other.sentence
    assert len(other.replayed.t) == len(bars) - other.exported.anchor  # all of history
    reduced = replay(streams, precision="int8", threads=1)
    assert reduced.setting.precision == "int8"
    assert reduced.difference is not None
    assert 1e-6 < reduced.difference < 0.5
    assert not reduced.failed
    fastest = replay(streams, precision="fp32", threads="auto")
    assert {one.setting.precision for one in fastest.measured} == {"fp32"}
    taken = next(one for one in fastest.measured if one.setting == fastest.setting)
    assert taken.p50_us <= 1.03 * min(one.p50_us for one in fastest.measured)


def test_bits_that_changed_are_noticed(streams: Run, tmp_path: Path) -> None:
    done = copied(streams, tmp_path / "streams")
    path = done.folder / "export" / "lstm" / REFERENCE
    reference = Reference.open(path)
    raw = reference.raw.copy()
    raw[7, 0] = np.nextafter(raw[7, 0], np.inf)
    replace(reference, raw=raw).save(path)
    found = replay(done)
    assert found.failed
    assert "Equal bits were expected" in found.sentence
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(StorageError, match=REFERENCE):
        replay(done)


def test_a_reference_is_compared_with_its_own_model_only(streams: Run, tmp_path: Path) -> None:
    done = copied(streams, tmp_path / "streams")
    other = next(done.folder / one["folder"] for name, one in done.record["export"].items() if name != "lstm")
    own = done.folder / "export" / "lstm"
    shutil.copy(other / REFERENCE, own / REFERENCE)
    with pytest.raises(StorageError, match=r"the reference was made by the model [0-9a-f]{16}, the model beside it is"):
        replay(done)
    shutil.rmtree(own / MODEL)
    shutil.copytree(other / MODEL, own / MODEL)
    shutil.copy(streams.folder / "export" / "lstm" / REFERENCE, own / REFERENCE)
    with pytest.raises(StorageError, match="Export the model again"):
        replay(done)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"raw": np.zeros((3, 1))}, "of other types or sizes"),
        ({"raw": np.zeros(5, np.float32)}, "of other types or sizes"),
        ({"span": np.zeros((1, 3), np.int64)}, "of other types or sizes"),
        ({"span": np.zeros((4, 2), np.int64)}, "4 spans for 1 instruments"),
        ({"bars": 5}, "is wrong at bars: Input should be a valid string"),
    ],
)
def test_a_reference_of_impossible_arrays_is_refused(
    streams: Run, tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    reference = Reference.open(streams.folder / "export" / "lstm" / REFERENCE)
    replace(reference, **changes).save(tmp_path / REFERENCE)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match=reason):
        Reference.open(tmp_path / REFERENCE)


def test_a_reference_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"{REFERENCE} could not be read: No such file or directory. Export the mod"):
        Reference.open(tmp_path / REFERENCE)


def test_a_machine_that_cannot_run_the_references_kernel_says_so(streams: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("candlewick.runtime.kernels.residual_lstm.compiled_precisions", lambda model: ())
    found = replay(streams)
    assert found.setting.kernel == "onnxruntime"
    assert not found.failed
    if found.reference is not None and found.reference.kernel == "compiled":
        assert found.sentence.endswith("This machine cannot run it as the reference was.")


OWN_FEATURE = """
from typing import ClassVar
import numpy as np
from candlewick.core.compiled import compiled
from candlewick.features import STEP, Feature
class Body(Feature):
    columns: ClassVar[tuple[str, ...]] = ("open", "close")
    @property
    def outputs(self): return ("body",)
    @property
    def warmup(self): return 1
    @property
    def state_size(self): return 0
    def params(self): return np.zeros(0)
    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        out[0] = row[1] / row[0] - 1.0
"""


def test_a_members_file_that_was_changed_since_the_fit_is_noticed(make: Make, home: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(OWN_FEATURE)
    panel = make().data.read().panel
    run(make(features=[str(own)], model="linear", baselines=[], train={}, policy=None), out=tmp_path / "run", workers=1)
    assert replay(tmp_path / "run").difference == 0
    own.write_text(OWN_FEATURE.replace("- 1.0", "* 7.0"))
    for model in ("linear", "naive mean"):  # exported already, and not yet
        with pytest.raises((ConfigError, StorageError), match=r"own\.py.* was changed since"):
            predict(tmp_path / "run", panel, model=model)
    with pytest.raises(StorageError, match=r"was changed since\. Nothing was loaded\. Put back the file as it was"):
        replay(tmp_path / "run")
    for refit in (False, True):
        with pytest.raises(ConfigError, match=r"own\.py was changed since .* was fitted with it"):
            export(tmp_path / "run", refit=refit, out=tmp_path / "out")
    own.unlink()
    with pytest.raises(StorageError, match=r"is gone\. Nothing was loaded"):
        store.open_exported(tmp_path / "run" / "export" / "linear" / MODEL, trust_code=True)


def test_a_model_that_forecasts_otherwise_than_it_was_fitted_is_not_exported(
    streams: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(*given: object) -> Exported:
        model = exported(*given)  # type: ignore[arg-type]
        return replace(model, scaler={**model.scaler, "center": model.scaler["center"] + 1e-3})

    monkeypatch.setattr(exporting, "exported", shifted)
    with pytest.raises(TrainingError, match=r"lstm is not exported: .* forecasts otherwise than as it was fitted"):
        export(streams, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_that_gives_no_forecast_where_the_fitted_one_does_is_not_exported(
    streams: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mute(*given: object) -> Exported:
        model = exported(*given)  # type: ignore[arg-type]
        return replace(model, weights={name: array * np.nan for name, array in model.weights.items()})

    monkeypatch.setattr(exporting, "exported", mute)
    with pytest.raises(TrainingError, match="forecasts otherwise than as it was fitted"):
        export(streams, model="har", out=tmp_path / "out")


def test_a_run_whose_network_cannot_be_exported_is_complete_and_says_why(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> Exported:
        raise ConfigError("no operators for this.")

    monkeypatch.setattr(exporting, "exported", refuse)
    done = run(make(model="linear", seeds=[0]), out=tmp_path / "run", workers=1)
    assert done.complete
    assert done.record["export"]["linear"] == {"folder": None, "refused": "no operators for this."}
    with pytest.raises(ConfigError, match=r"candlewick export .*run --model linear"):
        replay(done)


def test_an_export_that_was_stopped_is_made_again_and_a_whole_one_kept(streams: Run, tmp_path: Path) -> None:
    done = copied(streams, tmp_path / "streams")
    folder = export_folder(done, "lstm")
    before = {path.name: path.read_bytes() for path in (folder / MODEL).iterdir()}
    written = (folder / FIGURES).stat().st_mtime_ns
    assert export(done) == folder
    assert (folder / FIGURES).stat().st_mtime_ns == written
    (folder / FIGURES).unlink()
    (folder / MODEL / store.CARD).unlink()
    again = run(done.experiment, resume=done.folder, workers=1)
    assert {path.name: path.read_bytes() for path in (folder / MODEL).iterdir()} == before
    assert replay(again).difference == 0


def test_two_processes_do_not_export_into_one_run(streams: Run, tmp_path: Path) -> None:
    done = copied(streams, tmp_path / "streams")
    folder = export_folder(done, "lstm")
    (folder / FIGURES).unlink()
    with files.locked(done.folder / ".lock"), pytest.raises(StorageError, match="being worked on by another process"):
        export(done)
    assert (folder / MODEL / store.CARD).is_file()  # the other process may be writing it


def test_a_refit_trains_for_the_best_number_of_epochs_and_stops_no_earlier(
    streams: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, seen, fit = copied(streams, tmp_path / "streams"), [], refitting.fit
    for path in (done.folder / "units").glob("lstm*/record.json"):
        files.write_json(path, files.read_json(path) | {"best_epoch": 2})

    def noted(experiment: Experiment, *given: object, **more: object) -> object:
        seen.append((experiment.train.epochs, experiment.train.patience))
        fitted, record = fit(experiment, *given, **more)  # type: ignore[arg-type]
        return replace(fitted, calibration={}), record

    monkeypatch.setattr(refitting, "fit", noted)
    assert done.experiment.train.epochs == 3
    calibration = {"spread": np.array([2.0])}
    monkeypatch.setattr(refitting, "offer", lambda *given: with_calibration(offer(*given), calibration))
    made = refitting.refitted(done, "lstm", prepare(done.experiment), Silent())
    assert seen == [(2, None)]
    assert made.fitted.calibration == calibration  # there are no rows left to fit another on


def with_calibration(offered: Offer, calibration: dict[str, np.ndarray]) -> Offer:
    return replace(offered, fitted=replace(offered.fitted, calibration=calibration))


def test_every_model_of_a_run_can_be_exported_elsewhere_and_only_with_its_own_data(
    streams: Run, tmp_path: Path
) -> None:
    assert replay(export(streams, model="har", out=tmp_path / "har"), prepare(streams.experiment).panel).difference == 0
    with pytest.raises(StorageError, match="new folder"):
        export(streams, model="har", out=tmp_path / "har")
    with pytest.raises(ConfigError, match=r"not that of .*streams"):
        export(streams, model="har", out=tmp_path / "b", data=MARKETS.build("clustered").bars(900, 2))
    with pytest.raises(ConfigError, match="It has: lstm, har"):
        export(streams, model="gru")
    with pytest.raises(ConfigError, match="an export holds no bars"):
        replay(tmp_path / "har")


def test_refitted_weights_are_of_all_rows_and_marked_so(streams: Run) -> None:
    folder = export(streams, refit=True)
    figures = files.read_json(folder / FIGURES)
    lineage = figures["lineage"]
    assert folder.name == "lstm-refit"
    assert lineage["evidence"] == "evidence for the recipe, not for these weights"
    prepared = prepare(streams.experiment)
    assert lineage["rows"] == prepared.data.labelled.sum()
    units = [u for u in streams.record["units"] if u["model"] == "lstm" and u["seed"] == lineage["seed"]]
    assert lineage["epochs"] == round(float(np.median([unit["best_epoch"] for unit in units])))
    assert figures["difference_to_run"] is None
    assert figures["difference_to_model"] <= TOLERANCE
    mine, offered = store.open_exported(folder / MODEL), store.open_exported(export_folder(streams, "lstm") / MODEL)
    assert mine.content_id != offered.content_id
    rows = prepared.data.labelled
    assert mine.scaler["center"][0] == pytest.approx(prepared.data.x[rows].mean(axis=0, dtype=float), rel=1e-6)


@pytest.mark.parametrize("sampling", ["streams", "windows"])
def test_precisions_are_judged_along_the_validation_rows_as_torch_forecasts_them(
    make: Make, streams: Run, home: Path, sampling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from candlewick.train.export import quantised

    windows = {"sampling": "windows", "epochs": 1, "batch": 64}
    done = streams if sampling == "streams" else run(make(train=windows, seeds=[0]), out=home / "windows", workers=1)
    seen = []

    def noted(full: np.ndarray, reduced: np.ndarray, **given: object) -> object:
        seen.append((full, given))
        return original(full, reduced, **given)  # type: ignore[arg-type]

    original = precision.judge
    monkeypatch.setattr(precision, "judge", noted)
    prepared, made = prepare(done.experiment), offer(done, "lstm")
    model, rows = exported(done, made), prepared.folds[1].validation.index
    model = replace(model, graphs={**model.graphs, "int8": quantised(model.graphs["fp32"])})
    trivials = {name: offer(done, name).fitted for name in done.experiment.trivials}
    judged = precision.judged(model, done.experiment, prepared.data, rows, trivials)
    full, given = seen[0]
    warm = prepared.data.ready.argmax() - prepared.data.length + 1  # the first row whose features are known
    alike = Experiment.of(done.experiment, f"train.warmup={rows[0] - warm}")  # all history, short of 1,000 rows
    raw = raw_forecast(alike, prepared.data, alike.model, made.fitted, rows)
    assert full == pytest.approx(model.head.decode(raw, model.scale).value, rel=1e-4)
    assert given["steps"] == (rows[-1] - warm + 1 if sampling == "streams" else len(rows))
    assert judged["bf16" if "bf16" in judged else "int8"].steps == given["steps"]


def test_a_precision_that_is_far_off_is_refused_with_its_figures(
    streams: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import candlewick.train.export as tracing

    def rough(graph: object) -> object:
        found = quantised(graph)  # type: ignore[arg-type]
        worse = {name: array // 64 * 64 if array.dtype == np.int8 else array for name, array in found.weights.items()}
        return replace(found, weights=worse)

    quantised = tracing.quantised
    monkeypatch.setattr(tracing, "quantised", rough)
    folder = export(streams, out=tmp_path / "out")
    ready = store.open_exported(folder / MODEL)
    assert not ready.precisions["int8"].allowed
    assert "onnxruntime" in ready.precisions["int8"].reason
    assert "limit 5%" in ready.precisions["int8"].reason
    assert "int8" not in {setting.precision for setting in candidates(ready)}
    with pytest.raises(ConfigError, match="int8 is refused for this model: by the onnxruntime kernel"):
        replay(folder, prepare(streams.experiment).panel, precision="int8")


def test_of_the_kernels_that_offer_a_precision_the_worst_counts(streams: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, good = prepare(streams.experiment), Judged(True, 0.01, None, 1_000, "")
    model = store.open_exported(export_folder(streams, "lstm") / MODEL)
    model = replace(model, precisions={"bf16": good, "int8": good})
    tried = [one.precision for one in candidates(model) if one.threads == 1 and one.precision != "fp32"]
    rows = prepared.folds[1].validation.index[-50:]
    trivials = {name: offer(streams, name).fitted for name in streams.experiment.trivials}
    for bad in range(len(tried)):
        verdicts = iter([replace(good, allowed=k != bad) for k in range(len(tried))])
        monkeypatch.setattr(precision, "judge", lambda *_, verdicts=verdicts, **__: next(verdicts))
        found = precision.judged(model, streams.experiment, prepared.data, rows, trivials)
        assert [name for name, one in found.items() if not one.allowed] == [tried[bad]]


def test_instruments_with_less_history_than_the_anchor_are_in_the_reference_from_where_they_are_warm(
    make: Make, tmp_path: Path
) -> None:
    market = MARKETS.build("clustered")
    late = market.bars(900, 2, "LATE")[560:]
    pooled = make(scaler={"name": "standard", "pooled": True}, seeds=[0], split={"name": "holdout", "test": 0.45})
    done = run(pooled, data=Panel((market.bars(900, 1, "AAA"), late)), out=tmp_path / "run", workers=1)
    reference = Reference.open(export_folder(done, "lstm") / REFERENCE)
    anchor = store.open_exported(export_folder(done, "lstm") / MODEL).anchor
    assert reference.symbols == ("AAA", "LATE")
    assert reference.t[reference.symbol == 1].min() == late.t[anchor]
    assert done.record["export"]["lstm"]["difference_to_model"] <= TOLERANCE
    with pytest.raises(DataError, match="names no data of its own"):
        replay(done)
    assert replay(done, Panel((late, market.bars(900, 1, "AAA")))).difference == 0


def test_forecasting_and_replaying_work_where_torch_is_not_installed(streams: Run, tmp_path: Path) -> None:
    program = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "onnx", "onnxscript"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocked())
from candlewick.lab.predict import predict
from candlewick.lab.replay import replay
from candlewick.lab.runs import open_run
done = open_run(sys.argv[1])
assert replay(done).difference == 0
predict(done, done.experiment.data.read().panel).write_parquet(sys.argv[2])
assert "torch" not in sys.modules
"""
    out = tmp_path / "forecasts.parquet"
    done = subprocess.run(
        [sys.executable, "-c", program, streams.folder, out], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(out).equals(predict(streams, streams.experiment.data.read().panel))


def test_a_run_without_an_export_forecasts_the_same(streams: Run, tmp_path: Path) -> None:
    bare = copied(streams, tmp_path / "streams")
    shutil.rmtree(bare.folder / "export")
    panel = streams.experiment.data.read().panel
    assert predict(bare, panel).equals(predict(streams, panel))
