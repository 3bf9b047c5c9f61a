"""A fit's whole state in one file: safetensors with JSON in its header, sealed by a hash, written atomically."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from candlewick.core.clock import elapsed_s
from candlewick.core.errors import StorageError
from candlewick.core.files import atomic
from candlewick.core.spec import canonical_json
from candlewick.train._torch import torch

SAVE_EVERY_S = 10.0
"""Seconds between checkpoints, at least."""

SHARE_OF_TIME = 0.02
"""Part of the time of a fit that saving may cost, at most."""

Tensors = Mapping[str, Mapping[str, torch.Tensor]]


class Checkpoint:
    """One file that is replaced again and again while a fit goes on.

    `identity` says whose state it is (network, recipe, data, seed ...): another fit's file is refused.
    """

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        self.path, self.identity = path, identity
        self._next = elapsed_s() + SAVE_EVERY_S

    @property
    def due(self) -> bool:
        """Whether it is time to save again."""
        return elapsed_s() >= self._next

    def save(self, tensors: Tensors, facts: Mapping[str, Any]) -> None:
        """Replace the file by `tensors` (kind -> name -> tensor) and `facts` (plain data).

        Raises:
            StorageError: it cannot be written; the file before is as it was.
        """
        began = elapsed_s()
        flat = {
            f"{kind}/{name}": tensor.detach().cpu().contiguous()
            for kind, part in tensors.items()
            for name, tensor in part.items()
        }
        content = {"identity": self.identity, "facts": facts}
        header = {"candlewick": canonical_json(content).decode(), "sha256": _seal(flat, content)}
        with atomic(self.path) as temporary:
            try:
                save_file(flat, temporary, metadata=header)
            except SafetensorError as error:
                # The library wraps a full disk in its own error.
                raise OSError(str(error)) from error
        took = elapsed_s() - began
        self._next = elapsed_s() + max(SAVE_EVERY_S, took / SHARE_OF_TIME)

    def load(self) -> tuple[dict[str, dict[str, torch.Tensor]], dict[str, Any]] | None:
        """Tensors and facts of the last save; None where there is no file yet.

        Raises:
            StorageError: the file is damaged, or belongs to another fit.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                header = file.metadata() or {}
                flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            content = json.loads(header["candlewick"])
            whole = header["sha256"] == _seal(flat, content)
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise StorageError(f"{self.path} cannot be read as a checkpoint: {error!r}. {_REMEDY}") from error
        if not whole:
            raise StorageError(f"{self.path} is damaged: its content does not match its hash. {_REMEDY}")
        self._check_owner(content["identity"])
        tensors: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in flat.items():
            kind, _, rest = name.partition("/")
            tensors.setdefault(kind, {})[rest] = tensor
        return tensors, content["facts"]

    def _check_owner(self, found: dict[str, Any]) -> None:
        other = [name for name in self.identity if found.get(name) != self.identity[name]]
        if other:
            came = ", ".join(f"{name} was {found.get(name)} and is {self.identity[name]}" for name in other)
            raise StorageError(f"{self.path} belongs to another fit: {came}. {_REMEDY}")


_REMEDY = "Delete it to begin anew, or give another path."


def weights_hash(weights: Mapping[str, np.ndarray]) -> str:
    """Hex sha256 over names, types, shapes and bytes: equal exactly when every bit of every weight is."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name])
        digest.update(f"{name}|{array.dtype}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _seal(flat: Mapping[str, torch.Tensor], content: Mapping[str, Any]) -> str:
    # numpy has no bf16: bytes are taken as they lie.
    arrays = {name: tensor.reshape(-1).view(torch.uint8).numpy() for name, tensor in flat.items()}
    return hashlib.sha256(weights_hash(arrays).encode() + canonical_json(content)).hexdigest()
