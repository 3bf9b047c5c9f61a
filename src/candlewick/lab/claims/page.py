"""The figures as a page to read: verdicts first, then how each was reached."""

import re
from collections.abc import Iterator

from candlewick.core.clock import iso
from candlewick.core.words import number
from candlewick.lab.claims.claim import Claim, Reading
from candlewick.lab.claims.latency import peaks
from candlewick.lab.claims.run import Claims

_WORDS = """* **holds**: measured here, on the terms of the claim.
* **holds only as**: met here on weaker terms, which are named.
* **not reached here**: what was measured does not meet it, though nothing rules it out.
* **impossible here**: not even the best that arithmetic or this machine allows meets it."""


def page(found: Claims) -> str:
    """The page in Markdown."""
    return "\n\n".join([*_opening(found), *(section(claim) for claim in found.claims)]) + "\n"


def _opening(found: Claims) -> Iterator[str]:
    machine = found.machine
    yield "# The figures this project set out from, measured"
    yield (
        "Deep networks for trading were promised with figures. This page says which of them are true on one machine. "
        "No figure on it was typed in: it was written by the command below, from what was measured or counted."
    )
    yield f"**Of {len(found.claims)} figures: {found.tally}.**"
    yield "\n".join(["| figure | verdict | because |", "|---|---|---|", *(_row(claim) for claim in found.claims)])
    yield _WORDS
    versions = ", ".join(f"{library} {version}" for library, version in machine.versions.items())
    yield (
        f"Made by `{found.command}` in {found.seconds / 60:.1f} minutes, {_day(found.at)}, on {machine.processor}, "
        f"{machine.cores} cores, {machine.memory / 2**30:.0f} GiB. Best products measured there: {peaks(machine)}; the "
        f"middle one of its measurements varied by {machine.spread:.0%} from round to round. With {versions}."
    )


def _row(claim: Claim) -> str:
    title, verdict = claim.question.title, claim.answer.verdict
    return f"| [{title}](#{_anchor(title)}) | **{verdict.word}** | {_cell(verdict.sentence)} |"


def section(claim: Claim) -> str:
    """One figure: claim, verdict, what it would need, what was measured."""
    asked, found = claim.question, claim.answer
    parts = [
        f"## {asked.title}",
        f"Published: {asked.published}",
        f"**{found.verdict.word.capitalize()}**: {found.verdict.sentence}",
    ]
    if found.needs:
        parts += ["What it would need:", "\n".join(f"* {sentence}" for sentence in found.needs)]
    if found.readings:
        parts.append(f"Measured by `candlewick claims --only {asked.name}`, {_day(claim.at)}, {claim.seconds:.0f} s:")
        rows = [f"| {_cell(reading.terms)} | {_value(claim, reading)} |" for reading in found.readings]
        parts.append("\n".join(["| what | value |", "|---|---|", *rows]))
    return "\n\n".join([*parts, *found.notes])


def _value(claim: Claim, reading: Reading) -> str:
    unit = claim.question.figure.unit if reading.unit is None else reading.unit
    spread = f" [{number(reading.least)}, {number(reading.most)}]" if reading.interval else ""
    return f"{number(reading.value)}{spread} {unit}".rstrip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _day(at: int) -> str:
    return iso(at)[:16].replace("T", " ") + " UTC"
