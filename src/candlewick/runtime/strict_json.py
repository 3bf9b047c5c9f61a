"""JSON from files that may be hostile: one meaning or none."""

import json
from typing import Any, NoReturn

from candlewick.core.errors import StorageError

_DEEPEST = 16


def parse(data: bytes, where: str) -> dict[str, Any]:
    """The mapping that `data` holds.

    Raises:
        StorageError: not JSON in UTF-8, not a mapping, a key that stands twice, NaN or an infinity, or lists and
            mappings more than 16 deep.
    """
    try:
        plain = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise refused(where, f"is not plain JSON: {error}") from error
    if not isinstance(plain, dict):
        raise refused(where, f"must hold a mapping, was {type(plain).__name__}")
    if _depth(plain) > _DEEPEST:
        raise refused(where, f"nests more than {_DEEPEST} deep")
    return plain


def refused(where: str, what: str) -> StorageError:
    """The error for a file that is damaged or was tampered with."""
    return StorageError(f"{where} {what}. Nothing was loaded. Take the model from where it came from again.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return mapping


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _depth(plain: Any) -> int:
    # Level by level and not by recursion, which the data would control.
    depth, level = 0, [plain]
    while level:
        depth += 1
        level = [
            inner for value in level if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]  # fmt: skip
    return depth
