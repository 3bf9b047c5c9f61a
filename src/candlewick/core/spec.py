"""A spec: a frozen, validated, hashable description of one part of an experiment."""

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """Base of every feature, label, model, split, recipe and experiment description.

    Fields are plain data. Two specs that say the same are equal and share a `content_id`.
    A spec holds no arrays and no state: what is fitted or running lives elsewhere.

    A class in a module of candlewick is named after its file; one in a user's file is named
    `path.py:Class`, and the bytes of that file enter its content id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    source_file: ClassVar[str | None] = None
    """Path of the user's file this class was loaded from; None inside the package."""

    source_hash: ClassVar[str | None] = None
    """sha256 of that file when it was loaded."""

    @classmethod
    def spec_name(cls) -> str:
        """What a configuration calls this member: `log_return`, or `my_features.py:Skew`."""
        if cls.source_file is not None:
            return f"{cls.source_file}:{cls.__qualname__}"
        return cls.__module__.rpartition(".")[2]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data from which the family builds an equal spec."""
        return {"name": self.spec_name(), **self.model_dump(mode="json")}

    def identity(self) -> dict[str, Any]:
        """What the content id is a hash of: names and values, and for a user's own class its source, not its place."""
        plain = self.model_dump(mode="json")
        values = {key: _identity(getattr(self, key), value) for key, value in plain.items()}
        if self.source_file is None:
            return {"name": self.spec_name(), **values}
        name = f"{Path(self.source_file).name}:{type(self).__qualname__}"
        return {"name": name, "source": self.source_hash, **values}

    @property
    def content_id(self) -> str:
        """16 hex digits of sha256 over the canonical JSON of `identity`: the same on every machine."""
        return content_id(self.identity())


def _identity(value: Any, plain: Any) -> Any:
    if isinstance(value, Spec):
        return value.identity()
    if isinstance(value, tuple):
        return [_identity(*pair) for pair in zip(value, plain, strict=True)]
    return plain


def canonical_json(data: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal data gives equal bytes.

    >>> canonical_json({"b": 1, "a": [1.5, None]})
    b'{"a":[1.5,null],"b":1}'
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def content_id(data: Any) -> str:
    """16 hex digits of sha256 over canonical JSON, for plain data that is not a spec."""
    return hashlib.sha256(canonical_json(data)).hexdigest()[:16]
