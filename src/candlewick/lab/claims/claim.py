"""A published figure, what was measured against it, and the rule that makes a verdict of the two."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from candlewick.core.progress import Progress
from candlewick.core.words import number
from candlewick.models.lstm import Lstm
from candlewick.sizing.machine import Machine

Word = Literal["holds", "holds only as", "not reached here", "impossible here", "left out"]


@dataclass(frozen=True)
class Figure:
    """What was published: a value with a unit, and whether it promises no more than it, no less, or just it.

    >>> Figure(996, "µs").met_by(1_000), Figure(31, "%", "at least").met_by(31)
    (False, True)
    """

    value: float
    unit: str
    bound: Literal["at most", "at least", "exactly"] = "at most"

    def met_by(self, value: float) -> bool:
        """Whether `value`, in the same unit, keeps the promise."""
        if self.bound == "exactly":
            return value == self.value
        return value <= self.value if self.bound == "at most" else value >= self.value

    def say(self, value: float | None = None) -> str:
        """`value`, or the figure's own, with its unit."""
        return f"{number(self.value if value is None else value)} {self.unit}".rstrip()


@dataclass(frozen=True)
class Reading:
    """One measured value.

    Attributes:
        terms: what was measured, as it stands after "holds only as": `one stateful step in int8 (...)`.
        interval: 95 % interval of the value, where it is an estimate.
        unit: where it is not the figure's.
    """

    terms: str
    value: float
    interval: tuple[float, float] | None = None
    unit: str | None = None

    @property
    def least(self) -> float:
        """The lower end of what it may be."""
        return self.interval[0] if self.interval else self.value

    @property
    def most(self) -> float:
        """The upper end."""
        return self.interval[1] if self.interval else self.value


@dataclass(frozen=True)
class Verdict:
    """`sentence` says what follows from the figures, without repeating the word."""

    word: Word
    sentence: str


@dataclass(frozen=True)
class Answer:
    """What a measurement found.

    Attributes:
        needs: sentences about what the figure would need, with the arithmetic that was carried out.
        readings: measured values, the one on the figure's own terms first, weaker terms after it.
        notes: what else is worth knowing of them.
    """

    needs: tuple[str, ...]
    readings: tuple[Reading, ...]
    verdict: Verdict
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Bench:
    """What measurements are made with.

    Attributes:
        machine: its peaks and bandwidths.
        network: the one that speeds are measured of.
        threads: most processor threads that a measurement takes.
        scale: share of the usual effort; tests take less than 1.
    """

    machine: Machine
    network: Lstm
    threads: int
    progress: Progress
    scale: float = 1.0

    def repeats(self, usual: int) -> int:
        """How often to do what is usually done so many times; at least twice."""
        return max(2, round(usual * self.scale))


@dataclass(frozen=True)
class Question:
    """A published figure and the way to measure it.

    Attributes:
        name: what the command line calls it.
        title: heading on the page.
        published: the claim in our own words.
        figure: the value it promises.
        measure: carries the measurement out.
        minutes: about how long it takes on two cores; those above 0.5 are left out by `--quick`.
    """

    name: str
    title: str
    published: str
    figure: Figure
    measure: Callable[[Figure, Bench], Answer]
    minutes: float = 0.0

    @property
    def long(self) -> bool:
        """Whether a quick look leaves it out."""
        return self.minutes > 0.5


@dataclass(frozen=True)
class Claim:
    """A question with its answer.

    Attributes:
        seconds: that the measurement took.
        at: ns UTC when it ended.
    """

    question: Question
    answer: Answer
    seconds: float
    at: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        asked, found = self.question, self.answer
        return {
            "name": asked.name, "title": asked.title, "published": asked.published,
            "figure": vars(asked.figure), "needs": list(found.needs),
            "readings": [vars(reading) for reading in found.readings], "notes": list(found.notes),
            "verdict": vars(found.verdict), "seconds": self.seconds, "at": self.at,
        }  # fmt: skip


def judge(figure: Figure, readings: Sequence[Reading], *, limit: float | None = None, because: str = "") -> Verdict:
    """The verdict on a figure with a bound.

    It *holds* where the first reading meets it, *holds only as* the first of the later readings that does. Where none
    does, it is *impossible here* if not even `limit`, the best that can be had here in the figure's unit, meets it,
    and *not reached here* otherwise. A limit that some reading is beyond was measured wrongly and decides nothing. A
    reading with an interval meets a figure only with its unfavourable end.

    >>> judge(Figure(10, "ms"), [Reading("a whole window", 12.0), Reading("one step", 3.0)]).word
    'holds only as'
    >>> judge(Figure(10, "ms"), [Reading("a whole window", 12.0)], limit=11.0, because="by bandwidth").word
    'impossible here'
    """
    for place, reading in enumerate(readings):
        if figure.met_by(reading.most if figure.bound == "at most" else reading.least):
            said = f"{reading.terms}: {figure.say(reading.value)}{_spread(figure, reading)}"
            published = "as published" if reading.value == figure.value else f"against {figure.say()}"
            return Verdict("holds only as" if place else "holds", f"{said}, {published}.")
    closest = _closest(figure, readings)
    if limit is None:
        return Verdict("not reached here", f"{closest}, not {figure.say()}.")
    said = f"{because or 'the limit is'} {figure.say(limit)}"
    if any(Figure(limit, figure.unit, figure.bound).met_by(reading.value) for reading in readings):
        wrong = f"that {said} was measured while the machine was busy, for something here went beyond it"
        return Verdict("not reached here", f"{closest}, not {figure.say()}; {wrong}.")
    if figure.met_by(limit):
        return Verdict("not reached here", f"{closest}, not {figure.say()}, while {said}.")
    reached = f" Reached: {closest}." if closest else ""
    return Verdict("impossible here", f"{said}, not {figure.say()}.{reached}")


def _closest(figure: Figure, readings: Sequence[Reading]) -> str:
    if not readings:
        return ""
    best = (max if figure.bound == "at least" else min)(readings, key=lambda reading: reading.value)
    return f"{best.terms}: {figure.say(best.value)}{_spread(figure, best)}"


def _spread(figure: Figure, reading: Reading) -> str:
    if reading.interval is None:
        return ""
    return f" (95 % interval {number(reading.least)} to {number(reading.most)} {figure.unit})"
