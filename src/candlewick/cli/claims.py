"""Which of the published figures are true on this machine."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from candlewick.cli.show import Show, table


def claims(
    *,
    out: Annotated[Path | None, Parameter(help="The page; docs/claims.md by default, or claims.md.")] = None,
    only: Annotated[str | None, Parameter(help="Only these figures: batch,epochs. A page then needs --out.")] = None,
    quick: Annotated[bool, Parameter(help="Leave out, by name, what takes more than half a minute.")] = False,
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Measure the figures this project set out from on this machine, and write a page with a verdict on each.

    It takes about five minutes on two idle cores; the page is written when all is done.
    """
    from candlewick.core import files
    from candlewick.lab.claims import claims as carry_out
    from candlewick.lab.claims import page

    wanted = [name.strip() for name in only.split(",")] if only else None
    with show.progress() as progress:
        found = carry_out(only=wanted, quick=quick, progress=progress)
    path = out or (None if wanted else Path("docs/claims.md") if Path("docs").is_dir() else Path("claims.md"))
    if path is not None:
        files.write_bytes(path, page(found).encode())
    if show.data({**found.to_dict(), "page": str(path) if path else None}):
        return
    rows = [(claim.question.title, claim.answer.verdict.word, claim.answer.verdict.sentence) for claim in found.claims]
    table(("figure", "verdict", "because"), rows)
    if path is not None:
        print(f"page     {path}")
