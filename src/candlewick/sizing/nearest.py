"""The nearest smaller model that passes: as few of its sizes changed as will do, and as little as will do."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from candlewick.models._base import Model


@dataclass(frozen=True)
class Nearest:
    """A smaller model of the same kind.

    Attributes:
        model: its spec.
        words: what changes, as in `hidden 256 instead of 512`.
        sizes: the same as fields and values, such as `{"hidden": 256}`.
        parameters: of the smaller model.
        saving: share of the larger model's parameters that it saves.
    """

    model: Model
    words: str
    sizes: dict[str, int]
    parameters: int
    saving: float


def nearest(model: Model, passes: Callable[[Model], bool], parameters: Callable[[Model], int]) -> Nearest | None:
    """The variant of `model` with the most parameters that `passes`, among those with the fewest sizes changed.

    Sizes are the fields that the model's class names in `sizes`. Each only goes down, to where `tiny` has it: alone by
    four steps an octave (512, 448, 384, 320, 256 ...) and below 16 one by one, with others by halves. None where no
    variant passes.
    """
    present = [name for name in model.sizes if getattr(model, name) is not None]
    for number in range(1, len(present) + 1):
        found = [smaller for names in itertools.combinations(present, number) for smaller in _smaller(model, names)]
        for smaller in sorted(found, key=parameters, reverse=True):
            if passes(smaller):
                return _told(model, smaller, present, parameters)
    return None


def _smaller(model: Model, names: tuple[str, ...]) -> Iterator[Model]:
    kept = _chosen(model)
    steps = steps_down if len(names) == 1 else halves
    for values in itertools.product(*(steps(getattr(model, name), model.tiny.get(name, 1)) for name in names)):
        try:
            yield type(model).model_validate({**kept, **dict(zip(names, values, strict=True))})
        except ValidationError:  # such as skips of a user's own that go to layers which are no longer there
            continue


def _chosen(model: Model) -> dict[str, object]:
    """Fields without those that follow from others and are as they follow."""
    fields = {name: getattr(model, name) for name in type(model).model_fields}
    return {
        name: value
        for name, value in fields.items()
        if type(model).model_fields[name].default_factory is None
        or type(model).model_validate({k: v for k, v in fields.items() if k != name}) != model
    }


def steps_down(size: int, least: int) -> tuple[int, ...]:
    """Sizes below `size` to try, largest first.

    >>> steps_down(72, 14)
    (64, 56, 48, 40, 32, 28, 24, 20, 16, 15, 14)
    """
    steps = []
    while size > least:
        step = 2 ** ((size - 1).bit_length() - 3) if size > 16 else 1
        size = max((size - 1) // step * step, least)
        steps.append(size)
    return tuple(steps)


def halves(size: int, least: int) -> tuple[int, ...]:
    """Sizes below `size` to try, each half of the one before.

    >>> halves(72, 14)
    (36, 18, 14)
    """
    steps = []
    while size > least:
        size = max(size // 2, least)
        steps.append(size)
    return tuple(steps)


def _told(model: Model, smaller: Model, sizes: list[str], parameters: Callable[[Model], int]) -> Nearest:
    changes = {name: getattr(smaller, name) for name in sizes if getattr(smaller, name) != getattr(model, name)}
    return Nearest(
        model=smaller,
        words=", ".join(f"{name} {value} instead of {getattr(model, name)}" for name, value in changes.items()),
        sizes=changes,
        parameters=parameters(smaller),
        saving=1 - parameters(smaller) / parameters(model),
    )
