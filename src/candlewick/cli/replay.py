"""Run an exported model over history, bar by bar, as it runs live."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from candlewick.cli.reading import ReadingOptions
from candlewick.cli.show import Show, table

_QUANTILES = ("p50", "p95", "p99", "p99.9", "max")


def replay(
    source: Annotated[Path, Parameter(help="A run's folder, its name below ./runs, or the folder of an export.")],
    bars: Annotated[Path | None, Parameter(help="The bars; the run's own data by default.")] = None,
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
    show: Show = Show(),  # noqa: B008 (frozen)
) -> int:
    """Replay history through the live engine: is every bit that of the reference, and how long does a bar take?"""
    from dataclasses import asdict

    from candlewick.lab.replay import replay as carry_out

    with show.progress() as progress:
        found = carry_out(
            source, bars, model=model, precision=precision, threads=threads, trust_code=trust_code, progress=progress,
            **(reading.given() if bars is not None else {}),
        )  # fmt: skip
    latency = {stage: times.summary() for stage, times in found.replayed.latency.items()}
    plain = {
        "sentence": found.sentence, "setting": asdict(found.setting), "difference": found.difference,
        "forecasts": len(found.replayed.t), "latency_us": latency,
        "measured": [asdict(one) for one in found.measured],
    }  # fmt: skip
    if not show.data(plain):
        print(found.sentence)
        for one in found.measured:
            print(f"tried    {one.setting}: median {one.p50_us:.0f} us, p99 {one.p99_us:.0f} us a step")
        rows = [(stage, *(times.get(name) for name in _QUANTILES)) for stage, times in latency.items()]
        table(("stage, us", *_QUANTILES), rows)
    return int(found.failed)
