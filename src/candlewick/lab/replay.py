"""An exported model over given history, through the engine that serves it live."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from candlewick.core.clock import iso
from candlewick.core.errors import ConfigError
from candlewick.core.progress import Progress
from candlewick.data.bars import Panel
from candlewick.lab.export import FIGURES, MODEL, REFERENCE, export_folder
from candlewick.lab.offer import require_model
from candlewick.lab.prepare import reading_of
from candlewick.lab.runs import Run, open_run
from candlewick.runtime import store
from candlewick.runtime.choose import Measured, Setting, candidates, choose, open_session
from candlewick.runtime.exported import Exported
from candlewick.runtime.reference import Reference
from candlewick.runtime.replay import Replayed
from candlewick.runtime.replay import replay as through_engine
from candlewick.runtime.session import Precision


@dataclass(frozen=True, eq=False)
class Replay:
    """What a replay gave.

    Attributes:
        exported: the model.
        setting: how it was run.
        replayed: forecasts and latency.
        difference: largest difference of raw outputs to the stored reference, 0 where every bit is equal; None where
            the bars do not hold the reference's own, so that there is nothing to compare with.
        reference: how the reference was run; None where there is nothing to compare with.
        measured: times of the settings that were tried, where one was to be chosen.
    """

    exported: Exported
    setting: Setting
    replayed: Replayed
    difference: float | None
    reference: Setting | None
    measured: tuple[Measured, ...]

    @property
    def failed(self) -> bool:
        """Whether the bits differ although the model was run as for the reference."""
        return self.setting == self.reference and self.difference != 0

    @property
    def sentence(self) -> str:
        """What came out, in words."""
        t = self.replayed.t
        span = f" from {iso(t.min())} to {iso(t.max())}" if len(t) else ""
        made = f"{len(t):,} forecasts{span}, run by {self.setting}"
        if self.difference is None:
            return f"{made}. These bars do not hold those of the model's reference: there is nothing to compare with."
        if self.difference == 0:
            return f"{made}: equal bit for bit to the reference, run by {self.reference}."
        end = " Equal bits were expected." if self.failed else ""
        if self.reference not in candidates(self.exported):
            end = " This machine cannot run it as the reference was."
        return (
            f"{made}: they differ from the reference, run by {self.reference}, by up to {self.difference:.2g} of the "
            f"head's raw units.{end}"
        )


def replay(
    source: Run | str | Path, bars: Any = None, *, model: str | None = None,
    precision: Precision | Literal["auto"] | None = None, threads: int | Literal["auto"] | None = None,
    trust_code: bool = False, progress: Progress | None = None, **reading: Any,
) -> Replay:  # fmt: skip
    """Run an exported model bar by bar over history, from its anchor, and compare with its stored reference.

    Bars that hold the reference's own (the last fold's test rows and the warm-up before them) are replayed over that
    stretch, to the same bits; of other bars all are replayed.

    Args:
        source: a run, or the folder of an export.
        bars: anything `read` takes, with its options; the run's own data by default.
        model: a label of the run; the one it is about by default.
        precision: "fp32", "bf16", "int8", or "auto" for the fastest that may serve; as the reference by default.
        threads: of a step, or "auto"; as the reference by default.
        trust_code: an export's members from a user's own file may be loaded, which runs it; a run's always are.

    Raises:
        ConfigError: nothing was exported, a precision that was refused, or no such way to run the model here.
        DataError: the bars cannot be used.
        StorageError: the export is damaged.
    """
    exported, reference, run = _opened(source, model, trust_code)
    panel = _panel(run, bars, reading)
    return replay_exported(exported, reference, panel, precision=precision, threads=threads, progress=progress)


def replay_exported(
    exported: Exported, reference: Reference | None, panel: Panel,
    *, precision: Precision | Literal["auto"] | None = None, threads: int | Literal["auto"] | None = None,
    progress: Progress | None = None,
) -> Replay:  # fmt: skip
    """As `replay`, of a model that is open already.

    Raises:
        ConfigError, DataError: see `replay`.
    """
    stretch = reference.cut(panel) if reference is not None else None
    setting, measured = _setting(exported, reference, precision, threads, len((stretch or panel).bars))
    found = through_engine(exported, open_session(exported, setting), stretch or panel, progress=progress)
    if reference is None or stretch is None:
        return Replay(exported, setting, found, None, None, measured)
    return Replay(exported, setting, found, reference.difference(found), reference.setting, measured)


def _opened(
    source: Run | str | Path, model: str | None, trust_code: bool
) -> tuple[Exported, Reference | None, Run | None]:  # fmt: skip
    if isinstance(source, str | Path) and (Path(source) / store.CARD).is_file():
        return store.open_exported(source, trust_code=trust_code), None, None
    if isinstance(source, str | Path) and (Path(source) / FIGURES).is_file():
        folder, run = Path(source), None
    else:
        run = source if isinstance(source, Run) else open_run(source)
        model = model or run.experiment.model_label
        require_model(run, model)
        folder = export_folder(run, model)
        if not (folder / FIGURES).is_file():
            raise ConfigError(
                f"{model} of {run.folder} was not exported, so there is nothing to replay. "
                f"`candlewick export {run.folder} --model {model}` exports it."
            )
    exported = store.open_exported(folder / MODEL, trust_code=trust_code or run is not None)
    reference = Reference.open(folder / REFERENCE)
    reference.require_of(exported)
    return exported, reference, run


def _panel(run: Run | None, bars: Any, options: Mapping[str, Any]) -> Panel:
    given = reading_of(bars, options)
    if given is None and run is None:
        raise ConfigError("an export holds no bars, and none were given. Give a file of bars.")
    if given is None and run is not None:
        given = run.experiment.data.read()
    assert given is not None
    return given if isinstance(given, Panel) else given.panel


def _setting(
    exported: Exported, reference: Reference | None, precision: str | None, threads: int | str | None, instruments: int
) -> tuple[Setting, tuple[Measured, ...]]:
    def fits(setting: Setting) -> bool:
        return precision in (None, "auto", setting.precision) and threads in (None, "auto", setting.threads)

    possible = [setting for setting in candidates(exported) if fits(setting)]
    judged = exported.precisions.get(precision or "")
    if judged is not None and not judged.allowed:
        raise ConfigError(f"{precision} is refused for this model: {judged.reason}. Use fp32.")
    if not possible:
        ways = "; ".join(str(setting) for setting in candidates(exported))
        raise ConfigError(
            f"the model cannot be run so here, was precision {precision or 'fp32'} and threads {threads or 1}. "
            f"Here it can be run by: {ways}."
        )
    if "auto" in (precision, threads):
        return choose(exported, instruments, settings=possible)
    if reference is not None and precision is None and threads is None and reference.setting in possible:
        return reference.setting, ()
    return possible[0], ()
