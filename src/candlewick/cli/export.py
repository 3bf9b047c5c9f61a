"""Export a run's model, ready to serve without torch, or the network of a release as one ONNX file."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from candlewick.cli.places import LiveFolder, OwnMembers
from candlewick.cli.show import Show

export = App(name="export", default_parameter=Parameter(negative=""), result_action="return_value")


@export.default
def from_run(
    run: Annotated[Path, Parameter(help="A run's folder, or its name below ./runs.")],
    /,
    *,
    model: Annotated[str | None, Parameter(help="A model of the run; the one it is about by default.")] = None,
    refit: Annotated[
        bool, Parameter(show_default=False, help="Fit the same recipe on all labelled rows; the run is no evidence.")
    ] = False,
    out: Annotated[Path | None, Parameter(help="A new folder; one inside the run's by default.")] = None,
    bars: Annotated[Path | None, Parameter(help="The run's bars, where it was given them in Python.")] = None,
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Export a run's model: weights, scaler, graphs, the precisions that may serve, and a reference for replays."""
    from candlewick.core.files import read_json
    from candlewick.lab.export import FIGURES
    from candlewick.lab.export import export as carry_out

    with show.progress() as progress:
        folder = carry_out(run, model=model, refit=refit, out=out, data=bars, progress=progress)
    figures = read_json(folder / FIGURES)
    if show.data({"folder": str(folder), **figures}):
        return
    for line in told(figures):
        print(line)
    print(f"folder   {folder}")


@export.command
def onnx(
    release: Annotated[str, Parameter(help="An id, the first digits of one, or an alias.")],
    file: Annotated[Path, Parameter(help="The file to write, such as model.onnx.")],
    /,
    *,
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    own: OwnMembers = OwnMembers(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Write the network of a release, weights and all, as one standard ONNX file, checked by onnxruntime."""
    from dataclasses import asdict

    from candlewick.release.bundle import open_bundle
    from candlewick.release.onnx import write_onnx
    from candlewick.release.registry import Registry

    entry = Registry(live.folder).get(release)
    written = write_onnx(open_bundle(entry.folder, members=own.folders), file)
    if show.data({"file": str(file), "release": entry.id, **asdict(written)}):
        return
    print(f"takes    {_shapes(written.takes)}")
    print(f"gives    {_shapes(written.gives)}")
    print(f"checked  onnxruntime gives the golden outputs to {written.difference:.1e}")
    print(f"file     {file}, {written.bytes:,} bytes, opset {written.opset}")


def _shapes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} ({', '.join(map(str, ('batch', *shape)))})" for name, shape in shapes.items())


def told(figures: Mapping[str, Any]) -> Iterable[str]:
    """An export's figures as lines: what may not serve first, then parity and evidence."""
    precisions = sorted(figures["precisions"].items(), key=lambda item: item[1]["allowed"])
    for precision, one in precisions:
        yield f"{precision:8} {'may serve' if one['allowed'] else 'refused'}: {one['reason']}"
    yield f"fitted   its forecasts differ by up to {figures['difference_to_model']:.1e} of the head's raw units"
    if figures["difference_to_run"] is not None:
        yield (
            f"run      its forecasts, which had seen all history, differ by up to {figures['difference_to_run']:.1e} "
            "of the label's scale"
        )
    seen = figures["lineage"]["evidence"]
    yield f"evidence {seen}"
    yield f"anchor   {figures['anchor']} bars before the first of {figures['forecasts']:,} reference forecasts"
