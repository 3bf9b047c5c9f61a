"""Several settings of a member, found from its fields, and the outcome of its contracts over them."""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np
from annotated_types import Ge
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from candlewick.core.errors import CandlewickError, ConfigError
from candlewick.core.spec import Spec

S = TypeVar("S", bound=Spec)
T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """Whether a member keeps one contract; `message` says what broke it, and is empty where nothing did."""

    name: str
    passed: bool
    message: str


def require(kept: bool | np.bool_, message: str) -> None:
    """Raise AssertionError with `message` unless `kept`; an `assert` would be gone under `python -O`."""
    if not kept:
        raise AssertionError(message)


def settings(member: type[S]) -> tuple[S, ...]:
    """The defaults, then every field moved on its own.

    Raises:
        AssertionError: a field has no default.
    """
    base = defaults(member)
    return tuple(dict.fromkeys([base, *(spec for name in member.model_fields for spec in moved(base, name))]))


def defaults(member: type[S]) -> S:
    """The member as it comes.

    Raises:
        AssertionError: a field has no default.
    """
    required = [name for name, field in member.model_fields.items() if field.is_required()]
    require(not required, f"{member.__name__} has no default for {', '.join(required)}. Give each field a default.")
    return member()


def moved(base: S, name: str) -> tuple[S, ...]:
    """`base` with other values of the field `name`: its `examples`, else values within its bounds.

    Raises:
        AssertionError: the field has no other value that could be found.
    """
    specs = []
    for value in _candidates(type(base).model_fields[name], getattr(base, name)):
        try:
            specs.append(type(base).model_validate({**base.model_dump(), name: value}))
        except (ValidationError, ConfigError):
            continue
    others = tuple(spec for spec in dict.fromkeys(specs) if spec != base)
    require(bool(others), f"no other value of {name} is known. Give its Field examples=[...]: values worth trying.")
    return others


def judge(name: str, contract: Callable[[T], None], cases: Iterable[T]) -> Result:
    """One contract over several settings; the first that breaks it gives the message."""
    for case in cases:
        try:
            contract(case)
        except (AssertionError, CandlewickError) as error:
            return Result(name, False, f"{_told(case)}: {error}")
        except Exception as error:  # a stranger's member may raise anything: that is a broken contract, not our crash
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}, line {last.lineno}, in {last.name}"
            return Result(name, False, f"{_told(case)}: {type(error).__name__}: {error} ({place})")
    return Result(name, True, "")


def _told(case: Any) -> str:
    return case.__name__ if isinstance(case, type) else repr(case)


def _candidates(field: FieldInfo, now: Any) -> list[Any]:
    union = get_origin(field.annotation) in (Union, UnionType)
    kinds = get_args(field.annotation) if union else (field.annotation,)
    found: list[Any] = list(field.examples or [])
    for kind in () if found else kinds:
        if get_origin(kind) is Literal:
            found += get_args(kind)
        elif kind is bool:
            found.append(not now)
        elif kind is int:
            found += [now or 0, (now or 0) + 1, 2 * (now or 0) + 3, *_lowest(field)]
        elif kind is float:
            # Halves and doubles stay within most bounds; shares (0 .. 1) have at least the half.
            found += [2 * (now or 0.5), (now or 0.5) / 2]
    return [*found, None] if NoneType in kinds else found


def _lowest(field: FieldInfo) -> list[Any]:
    return [bound.ge for bound in field.metadata if isinstance(bound, Ge)]
