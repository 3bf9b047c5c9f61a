"""An exported model as a folder: specs in `model.json`, arrays in safetensors, graphs in ONNX; no pickle, no code.

`model.json` is written last and holds the sha256 of every other file, so a folder that has it is whole.

What is guaranteed of a folder from a hostile hand, also where the hashes were made to fit: it is refused with one
sentence, or every spec is valid, every array is finite and of the size its spec counts, and every graph is standard
operators over those arrays, without files of its own. Nothing is run that the folder brings; a member from a user's
own file is only loaded where the opener says so and the file is byte for byte the one it was trained with. Not
guaranteed: that onnxruntime, which is native code, withstands every graph that passes, or that a graph ends soon and
in little memory: who serves foreign models opens them in a process of their own.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from candlewick.core import files
from candlewick.core.errors import DataError, StorageError
from candlewick.core.spec import Spec
from candlewick.features._set import FeatureSet
from candlewick.labels import LABELS
from candlewick.models import MODELS
from candlewick.models._heads import AnyHead, HeadScale
from candlewick.runtime.arrays import packed, unpacked
from candlewick.runtime.exported import Exported, Graph, Judged
from candlewick.runtime.members import Trust, located, portable, require_same, without_place
from candlewick.runtime.proto import require_plain
from candlewick.runtime.session import Precision
from candlewick.runtime.sound import require_sound
from candlewick.runtime.strict_json import parse, refused

CARD, ARRAYS = "model.json", "arrays.safetensors"
_PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")
LARGEST = {".json": 2**20, ".onnx": 16 * 2**20, ".safetensors": 2 * 2**30}
"""Bytes that a file of each kind has at most; protobuf takes no more than two gigabytes."""

NAMES = {CARD, ARRAYS} | {f"{precision}{end}" for precision in _PRECISIONS for end in (".onnx", ".safetensors")}


class _GraphCard(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    opset: int
    own: list[str]
    """Weights that are the model's arrays of these names, and not stored again."""


class _Card(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    format: Literal[1]
    features: list[dict[str, Any]]
    label: dict[str, Any]
    model: dict[str, Any]
    head: dict[str, Any]
    scale: HeadScale
    length: int = Field(ge=1, le=1_000_000)
    streams: bool
    warmup: int = Field(ge=0, le=10_000_000)
    graphs: dict[Precision, _GraphCard]
    precisions: dict[Precision, Judged]
    lineage: dict[str, Any]
    sources: dict[str, str]
    files: dict[str, str]


class _HeadCard(BaseModel):
    head: AnyHead


def save(exported: Exported, folder: str | Path) -> None:
    """Write the model into `folder`, which is new, empty, or left behind by a save that was stopped.

    Raises:
        DataError: arrays that are not finite or do not fit the spec, or lineage that is no plain JSON of moderate size:
            what `open_exported` would refuse.
        StorageError: a graph it would refuse; the folder holds a model or other files, or cannot be written.
    """
    data = contents(exported)
    folder = Path(folder)
    _require_free(folder)
    for name, content in data.items():
        files.write_bytes(folder / name, content)


def contents(exported: Exported, *, placeless: bool = False) -> dict[str, bytes]:
    """The files of a saved model by name, `model.json` last.

    Args:
        placeless: members from a user's own file are named without the folder it stands in, for a model that leaves
            this machine; whoever opens it names folders (`Trust.folders`).

    Raises:
        DataError, StorageError: see `save`.
    """
    require_sound(exported)
    data: dict[str, bytes] = {ARRAYS: packed(_arrays(exported))}
    graphs = {}
    for precision, graph in exported.graphs.items():
        require_plain(graph.proto, graph.weights, graph.opset, f"the {precision} graph")
        own = [name for name, array in graph.weights.items() if _is_own(name, array, exported)]
        others = {name: array for name, array in graph.weights.items() if name not in own}
        graphs[precision] = {"opset": graph.opset, "own": own}
        data[f"{precision}.onnx"] = graph.proto
        if others:
            data[f"{precision}.safetensors"] = packed(others)
    data[CARD] = _plain(_described(exported, graphs, data, placeless))
    return data


def open_exported(folder: str | Path, *, trust_code: bool = False) -> Exported:
    """The model in `folder`, every claim of its files checked.

    Args:
        trust_code: whether members from a user's own files may be loaded from where the model says, which runs them.

    Raises:
        StorageError: a file is missing, damaged, foreign, or not what it says it is.
        ConfigError: a spec that is not valid here.
        DataError: arrays that are not finite or do not fit the spec.
    """
    folder = Path(folder)
    data = {name: files.read_bounded(folder / name, LARGEST[Path(name).suffix]) for name in sorted(_listed(folder))}
    return from_contents(data, str(folder), trust=Trust(code=trust_code))


def from_contents(data: Mapping[str, bytes], where: str, *, trust: Trust = Trust()) -> Exported:  # noqa: B008 (frozen)
    """As `open_exported`, from the files' bytes by name; `where` is for people.

    Raises:
        StorageError, ConfigError, DataError: see `open_exported`.
    """
    card = _card(data[CARD])
    graphs = {f"{precision}{end}" for precision in card.graphs for end in (".onnx", ".safetensors")}
    if data.keys() != {CARD, *card.files} or not card.files.keys() <= {ARRAYS, *graphs}:
        raise refused(where, f"holds {', '.join(sorted(data))} and tells of {', '.join(sorted(card.files))}")
    for name, digest in card.files.items():
        if hashlib.sha256(data[name]).hexdigest() != digest:
            raise refused(f"{where}/{name}", "does not have the sha256 that model.json tells of")
    exported = _rebuilt(card, where, data, trust)
    require_sound(exported)
    return exported


def _described(
    exported: Exported, graphs: Mapping[str, object], data: Mapping[str, bytes], placeless: bool
) -> dict[str, Any]:
    entry = portable if placeless else Spec.to_dict
    specs = (*exported.features.features, exported.label, exported.model)
    sources = {spec.spec_name(): spec.source_hash for spec in specs if spec.source_file}
    if placeless:
        sources = {without_place(name): digest for name, digest in sources.items()}
    return {
        "format": 1,
        "features": [entry(feature) for feature in exported.features.features],
        "label": entry(exported.label),
        "model": entry(exported.model),
        "head": exported.head.model_dump(mode="json"),
        "scale": asdict(exported.scale),
        "length": exported.length,
        "streams": exported.streams,
        "warmup": exported.warmup,
        "graphs": graphs,
        "precisions": {precision: asdict(judged) for precision, judged in exported.precisions.items()},
        "lineage": exported.lineage,
        "sources": sources,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in data.items()},
    }


def _plain(card: dict[str, Any]) -> bytes:
    try:
        data = json.dumps(card, indent=2, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise DataError(f"a model's lineage and precisions must be plain JSON data, was: {error}.") from error
    _card(data)  # as it will be read
    if len(data) > LARGEST[".json"]:
        raise DataError(f"a model's description has {LARGEST['.json']:,} bytes at most, was {len(data):,}.")
    return data


def _arrays(exported: Exported) -> dict[str, np.ndarray]:
    parts = {"weights": exported.weights, "scaler": exported.scaler, "calibration": exported.calibration}
    return {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}


def _is_own(name: str, array: np.ndarray, exported: Exported) -> bool:
    own = exported.weights.get(name.removeprefix("weights."))
    return name.startswith("weights.") and own is not None and own.dtype == array.dtype and np.array_equal(own, array)


def _require_free(folder: Path) -> None:
    left = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    foreign = {name for name in left if not any(name == ours or name.startswith(f".{ours}.") for ours in NAMES)}
    if foreign or CARD in left:
        raise StorageError(
            f"{folder} must be a new folder, was one that holds {', '.join(sorted(foreign)[:5]) or 'a model'}. "
            "A saved model is never changed. Choose another folder."
        )
    for name in left:
        (folder / name).unlink()


def _listed(folder: Path) -> set[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise StorageError(
            f"{folder} could not be read: {error.strerror}. Name the folder of a saved model."
        ) from error
    for entry in entries:
        if entry.name not in NAMES or not entry.is_file(follow_symlinks=False):
            raise refused(str(folder), f"holds {entry.name!r}, which is no file of a model")
    if CARD not in {entry.name for entry in entries}:
        raise refused(str(folder), f"has no {CARD}, so it is no model, or one whose saving was stopped")
    return {entry.name for entry in entries}


def _card(data: bytes) -> _Card:
    parse(data, CARD)  # what two parsers could read in two ways is refused
    try:
        return _Card.model_validate_json(data)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise refused(CARD, f"is wrong at {'.'.join(str(part) for part in wrong['loc'])}: {wrong['msg']}") from None


def _rebuilt(card: _Card, where: str, contents: Mapping[str, bytes], trust: Trust) -> Exported:
    parts: dict[str, dict[str, np.ndarray]] = {"weights": {}, "scaler": {}, "calibration": {}}
    for name, array in unpacked(contents.get(ARRAYS, b""), ARRAYS).items():
        part, _, rest = name.partition(".")
        if part not in parts or not rest:
            raise refused(f"{where}/{ARRAYS}", f"holds {name!r}; its arrays are of {', '.join(parts)}")
        parts[part][rest] = array
    try:
        head = _HeadCard.model_validate({"head": card.head}).head
    except ValidationError as error:
        raise refused(CARD, f"has no valid head: {error.errors()[0]['msg']}") from None
    entries = [located(entry, card.sources, trust) for entry in (*card.features, card.label, card.model)]
    features, label, model = FeatureSet.of(entries[:-2]), LABELS.build(entries[-2]), MODELS.build(entries[-1])
    require_same([*features.features, label, model], card.sources)
    return Exported(
        features=features, label=label, length=card.length, model=model, **parts, head=head, scale=card.scale,
        streams=card.streams, warmup=card.warmup,
        graphs={precision: _graph(precision, entry, parts["weights"], contents)
                for precision, entry in card.graphs.items()},
        precisions=dict(card.precisions.items()), lineage=card.lineage,
    )  # fmt: skip


def _graph(precision: str, entry: _GraphCard, own: Mapping[str, np.ndarray], contents: Mapping[str, bytes]) -> Graph:
    proto, arrays = f"{precision}.onnx", f"{precision}.safetensors"
    weights = unpacked(contents[arrays], arrays) if arrays in contents else {}
    missing = [name for name in entry.own if name.removeprefix("weights.") not in own or name in weights]
    if proto not in contents or missing:
        raise refused(proto, f"is absent, or its weights are: {', '.join(missing) or 'none'}")
    weights |= {name: own[name.removeprefix("weights.")] for name in entry.own}
    require_plain(contents[proto], weights, entry.opset, proto)
    return Graph(contents[proto], weights, entry.opset)
