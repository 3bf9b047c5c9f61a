"""Models side by side on the same folds, seeds and costs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from candlewick.cli.figures import metric_table
from candlewick.cli.show import Show, table
from candlewick.core.errors import ConfigError


def compare(
    *sources: Annotated[str, Parameter(help="Runs, or experiments by name or file. One alone with --models.")],
    models: Annotated[str | None, Parameter(help="Models to put in the only experiment: lstm3,lstm5.")] = None,
    out: Annotated[Path | None, Parameter(help="Folder for comparison.json.")] = None,
    workers: Annotated[int | None, Parameter(help="Processes that fit side by side; one a core by default.")] = None,
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Compare models on the same data, label, folds, seeds and costs, and say whether the difference is real."""
    from candlewick.lab.compare import compare as carry_out

    if not sources:
        raise ConfigError(
            "compare needs something to compare, was given nothing. "
            "Name two runs or experiments, or one experiment with --models lstm3,lstm5."
        )
    names = [name.strip() for name in models.split(",")] if models else []
    with show.progress() as progress:
        found = carry_out(*sources, models=names, out=out, workers=workers, progress=progress)
    if show.data(found.to_dict()):
        return
    for sentence in found.sentences:
        print(sentence)
    metric_table(found.table, title="metric [95 % interval]")
    costs = list(next(iter(found.costs.values())))
    rows = [[cost.replace("_", " "), *(found.costs[name][cost] for name in found.names)] for cost in costs]
    table(("cost", *found.names), rows)
    for run in found.runs:
        print(f"run      {run}")
