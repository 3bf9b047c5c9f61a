"""Make a release of a run's model."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder
from candlewick.cli.show import Show


def release(
    run: Annotated[Path, Parameter(help="A finished run's folder, or its name below ./runs.")],
    /,
    *,
    model: Annotated[
        str | None, Parameter(help="A model of the run, baselines included; the one its verdict names by default.")
    ] = None,
    force: Annotated[
        str, Parameter(help="Why it is released although the verdict does not speak for it; kept in its card.")
    ] = "",
    bars: Annotated[Path | None, Parameter(help="The run's bars, where it was given them in Python.")] = None,
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Make an immutable release of a run's model: weights, features, policy, evidence, and vectors that check it."""
    from candlewick.release.bundle import SHORT
    from candlewick.release.make import release as carry_out

    with show.progress() as progress:
        made = carry_out(run, model=model, force=force, live=live.folder, data=bars, progress=progress)
    if show.data({"release": made.id, "model": made.model, "new": made.new, "forced": made.forced}):
        return
    print(f"release {made.id}")
    if not made.new:
        print(f"{made.model} of this run had been released already, as this very release. Nothing was changed.")
        return
    print(f"{made.model} is {made.id[:SHORT]} in {live.folder}{f', forced: {made.forced}' if made.forced else ''}.")
    show.remark(f"`candlewick promote {made.id[:SHORT]} --as champion` lets it serve.")
