"""Run an exported model or a release over history, bar by bar, as it runs live."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder, OwnMembers
from candlewick.cli.reading import ReadingOptions
from candlewick.cli.show import Show, table
from candlewick.core.errors import ConfigError

if TYPE_CHECKING:
    from candlewick.lab.replay import Replay

_QUANTILES = ("p50", "p95", "p99", "p99.9", "max")
_EXPORTS = ("run.json", "export.json", "model.json")
_WIDTH = 40


def replay(
    source: Annotated[
        Path, Parameter(help="A run's folder, its name below ./runs, the folder of an export, or a release.")
    ],
    bars: Annotated[
        Path | None, Parameter(help="The bars; a run's own data by default. A release holds none and needs them.")
    ] = None,
    /,
    *,
    model: Annotated[str | None, Parameter(help="A model of the run; the one it is about by default.")] = None,
    precision: Annotated[
        Literal["fp32", "bf16", "int8", "auto"] | None,
        Parameter(help="Of the weights; auto takes the fastest that may serve; as the reference by default."),
    ] = None,
    threads: Annotated[
        Literal["auto"] | int | None, Parameter(help="Processor threads of a step, or auto; as the reference.")
    ] = None,
    trust_code: Annotated[
        bool, Parameter(show_default=False, help="Load members of an export from files of their maker: runs them.")
    ] = False,
    reading: ReadingOptions = ReadingOptions(),  # noqa: B008 (frozen)
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    own: OwnMembers = OwnMembers(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> int:
    """Replay history through the live engine: is every bit that of the reference, and how long does a bar take?"""
    from dataclasses import asdict

    from candlewick.lab.replay import replay as carry_out

    options = reading.given() if bars is not None else {}
    with show.progress() as progress:
        how: dict[str, Any] = {"precision": precision, "threads": threads, "progress": progress}
        if _is_release(source, live):
            found = _of_release(source, bars, live, own, options, how)
        else:
            found = carry_out(source, bars, model=model, trust_code=trust_code, **how, **options)
    latency = {stage: times.summary() for stage, times in found.replayed.latency.items()}
    octaves = found.replayed.latency["total"].octaves()
    plain = {
        "sentence": found.sentence, "setting": asdict(found.setting), "difference": found.difference,
        "forecasts": len(found.replayed.t), "latency_us": latency, "histogram_us": octaves,
        "measured": [asdict(one) for one in found.measured],
    }  # fmt: skip
    if not show.data(plain):
        print(found.sentence)
        for one in found.measured:
            print(f"tried    {one.setting}: median {one.p50_us:.0f} us, p99 {one.p99_us:.0f} us a step")
        rows = [(stage, *(times.get(name) for name in _QUANTILES)) for stage, times in latency.items()]
        table(("stage, us", *_QUANTILES), rows)
        for line in _drawn(octaves):
            print(line)
    return int(found.failed)


def _is_release(source: Path, live: LiveFolder) -> bool:
    # A path of a run or an export goes before a release of the same name.
    if any((place / name).is_file() for place in (source, Path("runs") / source) for name in _EXPORTS):
        return False
    return (source / "release.json").is_file() or (len(source.parts) == 1 and (live.folder / "registry").is_dir())


def _of_release(
    source: Path, bars: Path | None, live: LiveFolder, own: OwnMembers, options: dict[str, Any], how: dict[str, Any]
) -> "Replay":
    from candlewick.data.read import read
    from candlewick.lab.replay import replay_exported
    from candlewick.release.bundle import open_bundle
    from candlewick.release.registry import Registry

    if bars is None:
        raise ConfigError("a release holds no bars, and none were given. Give a file of bars.")
    own_folder = (source / "release.json").is_file()
    folder = source if own_folder else Registry(live.folder).get(str(source)).folder
    bundle = open_bundle(folder, members=own.folders)
    return replay_exported(bundle.exported, bundle.reference(), read(bars, **options).panel, **how)


def _drawn(octaves: Sequence[tuple[float, float, int]]) -> Iterable[str]:
    most = max((number for *_, number in octaves), default=1)
    for begin, end, number in octaves:
        bar = "#" * -(-_WIDTH * number // most)
        yield f"{begin:10,.1f} to {end:10,.1f} us {number:10,} {bar}".rstrip()
