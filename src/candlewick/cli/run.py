"""Run an experiment."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from candlewick.cli.figures import metric_table
from candlewick.cli.show import Show
from candlewick.core.errors import ConfigError
from candlewick.core.words import duration

if TYPE_CHECKING:
    from candlewick.lab.runs import Run


def run(
    experiment: Annotated[str | None, Parameter(help="A packaged name, a YAML file, or nothing with --resume.")] = None,
    /,
    *overrides: Annotated[str, Parameter(help="For example model=lstm5 train.learning_rate=1e-4 features.0.length=5.")],
    out: Annotated[Path | None, Parameter(help="Folder for the run; a new one below ./runs by default.")] = None,
    resume: Annotated[Path | None, Parameter(help="Go on with the run in this folder, to the same bits.")] = None,
    workers: Annotated[int | None, Parameter(help="Processes that fit side by side; one a core by default.")] = None,
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Run an experiment: fit, forecast out of sample, back-test, judge and report."""
    from candlewick.lab.experiment import Experiment
    from candlewick.lab.run import run as carry_out
    from candlewick.lab.runs import open_run

    if experiment is not None:
        wanted = Experiment.of(experiment, *overrides)
    elif resume is not None:
        wanted = open_run(resume).experiment
    else:
        raise ConfigError(
            "run needs an experiment, was given none. "
            "Name one (`candlewick experiments` lists them) or resume a run with --resume FOLDER."
        )
    try:
        with show.progress() as progress:
            done = carry_out(wanted, out=out, resume=resume, workers=workers, progress=progress)
    except KeyboardInterrupt:
        show.remark("What was done is kept: `candlewick run --resume FOLDER` goes on; `candlewick runs` lists folders.")
        raise
    tell(done, show)


def tell(run: "Run", show: Show) -> None:
    """A run's verdicts, metrics and folder."""
    record = run.record
    if show.data({"run": str(run.folder), "report": str(run.report), "sentences": run.sentences, **record}):
        return
    for sentence in run.sentences:
        print(sentence)
    if record.get("metrics"):
        metric_table(record["metrics"], title="forecast, out of sample", main=record["model"])
    if record.get("trading"):
        metric_table(record["trading"], title="trading, net of costs", main=record["model"])
    if record.get("stability"):
        print(f"stable   {_stability(record)}")
    if planned := _planned(record):
        print(f"planned  {planned}")
    for model, told in record.get("export", {}).items():
        print(
            f"export   {run.folder / told['folder']}" if told["folder"] else f"export   no {model}: {told['refused']}"
        )
    print(f"run      {run.folder}")
    if run.report.is_file():
        print(f"report   {run.report}")


def _planned(record: Mapping[str, Any]) -> str:
    found = record.get("plan", {}).get("models", {}).get(record["model"], {})
    kinds = {"fit_seconds": "a fit", "latency_p50_s": "a forecast"}
    return "; ".join(
        f"{name} {duration(found[what]['predicted'])}, took {duration(found[what]['measured'])}"
        for what, name in kinds.items()
        if what in found
    )


def _stability(record: Mapping[str, Any]) -> str:
    found, took = record["stability"], record["resources"][record["model"]]
    spread = found["models"][record["model"]]
    varies = [f"{value:.1%} {key.replace('_', ' ')}" for key, value in spread.items() if value is not None]
    said = [f"skill of {record['model']} varies by {' and '.join(varies)} (limit {found['limit']:.0%})"] * bool(varies)
    if took["epoch_seconds"] is not None:
        said.append(f"{took['epoch_seconds']:.2g} s an epoch")
    said.append(f"at most {took['memory_bytes'] / 2**20:,.0f} MiB on {took['device']}")
    return "; ".join(said)
