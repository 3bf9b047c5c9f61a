"""Members from a user's own file in a model from elsewhere: named by file and sha256, never brought along.

A model that leaves its machine says `my_features.py:Skew` and the sha256 of that file; neither the code nor the place
goes with it. Where it is opened, the file is looked for in folders that the opener names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from candlewick.core import files
from candlewick.core.errors import StorageError
from candlewick.core.spec import Spec


@dataclass(frozen=True)
class Trust:
    """Whose code may be loaded, which runs it.

    Attributes:
        code: a file may stand where the model says.
        folders: where a file that is named without a place may stand.
    """

    code: bool = False
    folders: tuple[Path, ...] = ()


def is_own(name: str) -> bool:
    """Whether a member comes from a user's own file, as `Family.member` tells it."""
    return ".py" in name


def portable(spec: Spec) -> dict[str, Any]:
    """`spec.to_dict()` with a user's file named without its place."""
    entry = spec.to_dict()
    return {**entry, "name": without_place(entry["name"])}


def without_place(name: str) -> str:
    """A member's name without the folder of its file.

    >>> without_place("/home/.../my_features.py:Skew"), without_place("log_return")
    ('my_features.py:Skew', 'log_return')
    """
    path, colon, member = name.rpartition(":") if ":" in name else (name, "", "")
    return f"{Path(path).name}{colon}{member}" if is_own(name) else name


def located(entry: Mapping[str, Any], sources: Mapping[str, str], trust: Trust) -> dict[str, Any]:
    """`entry` as this machine can build it: the file of a user's own member found, and byte for byte the right one.

    Raises:
        StorageError: it may not be loaded, is not there, or was changed; nothing was loaded.
    """
    name = str(entry.get("name"))
    if not is_own(name):
        return dict(entry)
    file, _, member = name.partition(":")
    expected = sources.get(name)
    placeless = Path(file).name == file
    if trust.folders and placeless:
        return {**entry, "name": f"{_found(file, expected, trust.folders)}:{member}"}
    if not trust.code:
        remedy = "name the folder that it stands in (--members)" if placeless else "say so with trust_code=True"
        raise StorageError(
            f"the model has {name} from a file of its maker, was opened without trust in code. "
            f"Loading that file runs it. If it is yours, {remedy}{' (--trust-code)' * (not placeless)}."
        )
    path = Path(file)
    if not path.is_file() or files.sha256(path) != expected:
        fate = "was changed since" if path.is_file() else "is gone"
        raise StorageError(
            f"the model was trained with the file {path}, which {fate}. Nothing was loaded. "
            "Put back the file as it was, or train the model again."
        )
    return dict(entry)


def require_same(specs: Sequence[Spec], sources: Mapping[str, str]) -> None:
    """Refuse members whose file was changed between the look at it and its loading.

    Raises:
        StorageError: a file is another than the model was trained with.
    """
    for spec in specs:
        if spec.source_file and spec.source_hash not in sources.values():
            raise StorageError(
                f"the file {spec.source_file} was changed while it was loaded. Put it back as it was and start again."
            )


def _found(file: str, expected: str | None, folders: Sequence[Path]) -> Path:
    seen = {path: files.sha256(path) for folder in folders if (path := (folder / file).absolute()).is_file()}
    for path, digest in seen.items():
        if digest == expected:
            return path
    others = "; ".join(f"{path} has {digest[:12]}" for path, digest in seen.items())
    raise StorageError(
        f"the model needs the file {file} with the sha256 {str(expected)[:12]}..., was looked for in "
        f"{', '.join(str(folder) for folder in folders)}: {others or 'not there'}. Nothing was loaded. "
        "Put the file as it was when the model was trained into a folder of members (--members)."
    )
