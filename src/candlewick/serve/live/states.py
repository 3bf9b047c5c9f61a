"""States of engines by instrument, as one file with a digest of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from candlewick.core import files
from candlewick.core.errors import StorageError
from candlewick.core.spec import canonical_json
from candlewick.runtime.arrays import packed, unpacked
from candlewick.runtime.state import Arrays
from candlewick.runtime.strict_json import parse, refused


@dataclass(frozen=True)
class States:
    """What a release has become of an instrument's bars, for another process to go on with.

    Attributes:
        begun: by instrument, where its state began: first, before, known.
        arrays: of each engine, but of those that broke off.
        failed: by instrument, why its engine broke off.
        followed: bars of all instruments after `known` that have been stepped.
    """

    begun: dict[str, tuple[int, int, int]]
    arrays: dict[str, Arrays]
    failed: dict[str, str]
    followed: int


_DIGEST = 32


def write(path: Path, about: Mapping[str, Any], arrays: Arrays) -> None:
    """Plain data and arrays as one file, whole or not at all."""
    encoded = np.frombuffer(canonical_json(about), dtype=np.uint8)
    body = packed({**arrays, "about": encoded})
    files.write_bytes(path, blake2b(body, digest_size=_DIGEST).digest() + body)


def read(path: Path) -> tuple[dict[str, Any], Arrays]:
    """What `write` wrote.

    Raises:
        StorageError: missing or changed.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error.strerror}.") from error
    digest, body = data[:_DIGEST], data[_DIGEST:]
    if blake2b(body, digest_size=_DIGEST).digest() != digest:
        raise refused(str(path), "was changed since it was written")
    arrays = unpacked(body, path.name)
    return parse(arrays.pop("about").tobytes(), path.name), arrays


def save_states(path: Path, states: States) -> None:
    """States as a file."""
    about = {name: own for name, own in vars(states).items() if name != "arrays"}
    numbered = enumerate(states.arrays.values())
    arrays = {f"{k}/{name}": array for k, own in numbered for name, array in own.items()}
    write(path, {**about, "symbols": list(states.arrays)}, arrays)


def load_states(path: Path) -> States:
    """What `save_states` wrote.

    Raises:
        StorageError: missing or changed.
    """
    about, arrays = read(path)
    own = {symbol: under(arrays, f"{k}/") for k, symbol in enumerate(about["symbols"])}
    begun = {symbol: (first, before, known) for symbol, (first, before, known) in about["begun"].items()}
    return States(begun, own, about["failed"], about["followed"])


def under(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
