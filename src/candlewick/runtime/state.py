"""An engine's state on disk: plain arrays in a safetensors file."""

from pathlib import Path

import numpy as np

from candlewick.core import files
from candlewick.core.errors import DataError, StorageError
from candlewick.runtime.arrays import packed, unpacked

Arrays = dict[str, np.ndarray]
"""What `Engine.snapshot` gives and `Engine.restore` takes."""

_TEXTS = ("model", "arithmetic", "symbols")


def save(arrays: Arrays, path: str | Path) -> None:
    """Write a snapshot, whole or not at all."""
    files.write_bytes(path, packed(arrays))


def load(path: str | Path) -> Arrays:
    """What `save` wrote.

    Raises:
        StorageError: the file cannot be read, or is no such file or a damaged one.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error.strerror}. Give a file that save() wrote.") from error
    return unpacked(data, str(path))


def require_fits(arrays: Arrays, expected: Arrays) -> None:
    """Refuse a snapshot that does not fit an engine whose own would be `expected`.

    Raises:
        DataError: it is of another model or of other instruments, the model was run by another kernel or in another
            precision (which would go on to other bits than any replay), its arrays have other names, shapes or types,
            or the model's state or its inputs are not finite.
    """
    _require_same(arrays, expected)
    for name in _TEXTS:
        if not np.array_equal(arrays[name], expected[name]):
            raise DataError(
                f"the snapshot's {name} is {as_text(arrays[name])!r}, the engine's is {as_text(expected[name])!r}. "
                "Restore it into an engine like the one that it was taken from, or replay history."
            )
    for name, array in arrays.items():
        if (name == "x" or name.startswith("state.")) and not np.isfinite(array).all():
            raise DataError(f"the snapshot's {name} holds values that are not finite. Take another, or replay history.")


def _require_same(arrays: Arrays, expected: Arrays) -> None:
    if arrays.keys() != expected.keys():
        wrong = ", ".join(sorted(arrays.keys() ^ expected.keys()))
        raise DataError(f"a snapshot of this model holds {', '.join(expected)}; missing or foreign were: {wrong}.")
    for name, array in arrays.items():
        wanted = expected[name]
        if array.dtype != wanted.dtype or (array.shape != wanted.shape and name not in _TEXTS):
            raise DataError(
                f"the snapshot's {name} must be {wanted.dtype} {wanted.shape}, was {array.dtype} {array.shape}. "
                "Restore it into an engine like the one that it was taken from, or replay history."
            )


def as_bytes(text: str) -> np.ndarray:
    """Text as uint8."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


def as_text(array: np.ndarray) -> str:
    """What `as_bytes` was given."""
    return array.tobytes().decode(errors="replace")
