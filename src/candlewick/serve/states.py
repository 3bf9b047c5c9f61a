"""States of engines by instrument, as one file with a digest of its own."""

from collections.abc import Mapping
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

States = dict[str, tuple[tuple[int, int, int], Arrays]]
"""By instrument: where its state began (first, before, known), and the engine's arrays."""

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
    begun = {symbol: list(own) for symbol, (own, _) in states.items()}
    numbered = enumerate(states.values())
    arrays = {f"{k}/{name}": array for k, (_, own) in numbered for name, array in own.items()}
    write(path, {"symbols": list(states), "begun": begun}, arrays)


def load_states(path: Path) -> States:
    """What `save_states` wrote.

    Raises:
        StorageError: missing or changed.
    """
    about, arrays = read(path)
    found: States = {}
    for k, symbol in enumerate(about["symbols"]):
        first, before, known = about["begun"][symbol]
        found[symbol] = (first, before, known), under(arrays, f"{k}/")
    return found


def under(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
