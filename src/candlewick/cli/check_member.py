"""A family's contracts on one member: a file of the user's own, or a packaged name."""

import contextlib
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from candlewick.cli.families import FAMILIES, family
from candlewick.cli.show import Show
from candlewick.core.errors import ConfigError

if TYPE_CHECKING:
    from candlewick.testing.settings import Result

_CONTRACTS = {
    "features": "feature",
    "labels": "label",
    "models": "model",
    "scalers": "scaler",
    "splits": "split",
    "metrics": "metric",
    "policies": "policy",
}


def check_member(
    member: Annotated[str, Parameter(help="my_features.py, my_features.py:Class, or a packaged name such as rsi.")],
    /,
    *,
    show: Show = Show(),  # noqa: B008 (frozen)
) -> int:
    """Run the contracts of a member's family on it: the defaults, and every parameter moved.

    Exit code 0 where every contract is kept, 1 where one is broken.
    """
    # What a member prints is kept out of what is printed here, which a program may read.
    with contextlib.redirect_stdout(sys.stderr), show.progress() as progress:
        title, spec = _found(member)
        progress.stage(f"contracts of {title} on {spec.__name__}", 1)
        results = _results(title, spec)
        progress.advance()
    broken = sum(not result.passed for result in results)
    contracts = [{"contract": r.name, "passed": r.passed, "message": r.message} for r in results]
    if not show.data({"family": title, "member": spec.__name__, "passed": not broken, "contracts": contracts}):
        for result in results:
            mark = "ok     " if result.passed else "BROKEN "
            print(mark + result.name.replace("_", " ") + (f"\n       {result.message}" if result.message else ""))
        print(f"\n{spec.__name__} keeps {len(results) - broken} of {len(results)} contracts of {title}.")
    return int(bool(broken))


def _found(member: str) -> tuple[str, type[Any]]:
    refusals: list[str] = []
    for title in FAMILIES:
        try:
            spec = family(title).member(member)
        except ConfigError as error:
            refusals.append(str(error))
            continue
        if title not in _CONTRACTS:
            raise ConfigError(
                f"{member} is of the family {title}, which has no contracts. With: {', '.join(_CONTRACTS)}."
            )
        return title, spec
    if ".py" in member:
        # A file without a member of a family says "found none" for it; another refusal says more.
        telling = [text for text in refusals if "found none" not in text]
        if telling:
            raise ConfigError(telling[0])
        bases = ", ".join(family(title).base.__name__ for title in FAMILIES)
        raise ConfigError(
            f"{member} must define exactly one public class of a family: a subclass of {bases}; found none."
        )
    raise ConfigError(
        f"no family has a member called {member!r}. Name a file of your own, or a member that "
        f"`candlewick {'`, `candlewick '.join(_CONTRACTS)}` list."
    )


def _results(title: str, spec: type[Any]) -> Sequence["Result"]:
    one = _CONTRACTS[title]
    check = getattr(import_module(f"candlewick.testing.{one}_contracts"), f"check_{one}")
    results: Sequence[Result] = check(spec)
    return results
