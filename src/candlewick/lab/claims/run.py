"""All the figures in turn, on the machine at hand."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from candlewick.core.clock import elapsed_s, now_ns
from candlewick.core.errors import ConfigError
from candlewick.core.progress import Progress, Silent
from candlewick.lab.claims import arithmetic, capacity, depth, latency, training
from candlewick.lab.claims.claim import Answer, Bench, Claim, Question, Verdict
from candlewick.lab.claims.network import published
from candlewick.lab.planning import measured_machine
from candlewick.sizing.machine import Machine
from candlewick.sizing.measure import cores
from candlewick.train.requirement import require_torch

QUESTIONS: tuple[Question, ...] = (
    *latency.QUESTIONS,
    *training.QUESTIONS,
    *depth.QUESTIONS,
    *capacity.QUESTIONS,
    *arithmetic.QUESTIONS,
)
"""In the order of the page."""


@dataclass(frozen=True)
class Claims:
    """Every figure that was asked for, with its verdict.

    Attributes:
        machine: where they were measured.
        seconds: that all of it took.
        command: what was called.
        at: ns UTC when it ended.
    """

    claims: tuple[Claim, ...]
    machine: Machine
    seconds: float
    command: str
    at: int

    @property
    def tally(self) -> str:
        """How many figures there are of each verdict, in words."""
        words = Counter(claim.answer.verdict.word for claim in self.claims)
        return ", ".join(f"{count} {word}" for word, count in words.most_common())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        facts = {name: getattr(self.machine, name) for name in ("processor", "cores", "memory", "versions")}
        return {
            "claims": [claim.to_dict() for claim in self.claims], "machine": facts, "seconds": self.seconds,
            "command": self.command, "at": self.at,
        }  # fmt: skip


def claims(
    *, only: Collection[str] | None = None, quick: bool = False, progress: Progress | None = None
) -> Claims:  # fmt: skip
    """Measure the figures this project set out from, on this machine.

    `only` names some of `QUESTIONS`; `quick` leaves out those that take more than half a minute, by name. The machine's
    peaks are measured anew where all of them are asked for.

    Raises:
        ConfigError: `only` names none of them.
        MissingDependencyError: torch is not installed.
    """
    progress, started = progress or Silent(), elapsed_s()
    asked = _asked(only)
    require_torch()
    machine = measured_machine(progress=progress, remeasure=only is None)
    bench = Bench(machine, published(), min(2, cores()), progress)
    found = tuple(_answered(asked, bench, quick=quick))
    command = " ".join(["candlewick claims", *(["--only", ",".join(only)] if only else []), *["--quick"] * quick])
    return Claims(found, machine, elapsed_s() - started, command, now_ns())


def _asked(only: Collection[str] | None) -> tuple[Question, ...]:
    names = [question.name for question in QUESTIONS]
    unknown = sorted(set(only or ()) - set(names))
    if unknown:
        raise ConfigError(f"no figure is called {', '.join(unknown)}. There are: {', '.join(names)}.")
    return tuple(question for question in QUESTIONS if only is None or question.name in only)


def _answered(asked: tuple[Question, ...], bench: Bench, *, quick: bool) -> Iterator[Claim]:
    for place, question in enumerate(asked):
        bench.progress.stage(f"figure {place + 1} of {len(asked)}: {question.title}", 1)
        began = elapsed_s()
        skipped = quick and question.long
        answer = _left_out(question) if skipped else question.measure(question.figure, bench)
        yield Claim(question, answer, elapsed_s() - began, now_ns())
        bench.progress.advance(note=answer.verdict.word)


def _left_out(question: Question) -> Answer:
    said = f"it takes about {question.minutes:g} minutes. Measure it with `candlewick claims --only {question.name}`."
    return Answer((), (), Verdict("left out", said))
