"""What differs between two releases, by dotted key."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from candlewick.release.bundle import EXPERIMENT, MODEL, part, read_card
from candlewick.runtime import store
from candlewick.runtime.strict_json import parse

_ABSENT = object()
_SERVED = ("model", "head", "scale", "length", "streams", "warmup", "precisions")


@dataclass(frozen=True)
class Difference:
    """A key and its values; None where a release has no such key."""

    key: str
    one: Any
    other: Any


def differences(one: Path, other: Path) -> list[Difference]:
    """All that two releases say differently: card, experiment, and the model that is served; weights as a hash.

    Raises:
        StorageError: a release is damaged.
    """
    first, second = dict(_flat("", _told(one))), dict(_flat("", _told(other)))
    return [
        Difference(key, first.get(key), second.get(key))
        for key in sorted(first.keys() | second.keys())
        if first.get(key, _ABSENT) != second.get(key, _ABSENT)
    ]


def _told(folder: Path) -> dict[str, Any]:
    card = read_card(folder)
    plain = card.model_dump(mode="json", exclude={"files", "format", "content_id"})
    experiment = part(folder, EXPERIMENT, card)
    served = parse(part(folder, f"{MODEL}/{store.CARD}", card), store.CARD)
    weights = card.files.get(f"{MODEL}/{store.ARRAYS}", "")
    graphs = "".join(digest for name, digest in sorted(card.files.items()) if name.endswith(".onnx"))
    return {
        **plain,
        "experiment": parse(experiment, EXPERIMENT),
        "served": {name: served[name] for name in _SERVED if name in served},
        "weights": weights[:16],
        "graphs": hashlib.sha256(graphs.encode()).hexdigest()[:16] if graphs else None,
    }


def _flat(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value):
        inner = enumerate(value)
    if not inner:
        yield place, value
    for key, entry in inner:
        yield from _flat(f"{place}.{key}" if place else str(key), entry)
