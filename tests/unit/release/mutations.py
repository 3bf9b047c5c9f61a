"""What a hostile or unlucky hand does to a release, drawn from a seed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from candlewick.core import files
from candlewick.core.spec import canonical_json
from candlewick.release.card import CARD

Random = np.random.Generator
_ODD = [0, -1, 1, 2**63, 10**400, -0.5, 1e308, True, None, "", "x" * 5_000, "../../etc/passwd", "/etc/passwd", "\x00",
        [], {}, [[[[]]]], {"name": "rsi"}, {"name": "../x.py:X"}, ["close"], "NaN", "1e999"]  # fmt: skip
_LITERALS = [
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"9" * 400,
    b'"\\ud800"',
    b"[" * 5_000,
    b"{",
    b"\xff\xfe",
    b"01",
]


def mutate(folder: Path, draw: Random) -> str:
    """One change of the release in `folder`, of which half have their hashes made to fit; says what it was."""
    changes: tuple[Callable[[Path, Random], str], ...] = (
        _bits, _bits, _bits, _truncated, _grown, _swapped, _value, _value, _value, _value, _literal, _twice, _extra,
        _link, _missing, _array, _array, _array, _header, _name,
    )  # fmt: skip
    said = changes[int(draw.integers(len(changes)))](folder, draw)
    if draw.random() < 0.6:
        _fit(folder)
        said += ", hashes made to fit"
    return said


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _one(folder: Path, draw: Random, ending: str = "") -> Path:
    found = [path for path in _files(folder) if path.name.endswith(ending)]
    return found[int(draw.integers(len(found)))]


def _bits(folder: Path, draw: Random) -> str:
    path = _one(folder, draw)
    data = bytearray(path.read_bytes())
    for _ in range(int(draw.integers(1, 4))):
        data[int(draw.integers(len(data)))] ^= 1 << int(draw.integers(8))
    path.write_bytes(data)
    return f"bits of {path.name}"


def _truncated(folder: Path, draw: Random) -> str:
    path = _one(folder, draw)
    os.truncate(path, int(draw.integers(path.stat().st_size)))
    return f"{path.name} cut"


def _grown(folder: Path, draw: Random) -> str:
    path = _one(folder, draw)
    with path.open("ab") as file:
        file.write(draw.bytes(int(draw.integers(1, 100))))
    return f"{path.name} grown"


def _swapped(folder: Path, draw: Random) -> str:
    one, other = _one(folder, draw), _one(folder, draw)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    return f"{one.name} and {other.name} swapped"


def _value(folder: Path, draw: Random) -> str:
    path = _one(folder, draw, ".json")
    plain = json.loads(path.read_bytes())
    holder, key = _place(plain, draw)
    holder[key] = odd = _ODD[int(draw.integers(len(_ODD)))]
    path.write_bytes(canonical_json(plain))
    return f"{key} of {path.name} is {str(odd)[:30]!r}"


def _literal(folder: Path, draw: Random) -> str:
    path = _one(folder, draw, ".json")
    plain = json.loads(path.read_bytes())
    holder, key = _place(plain, draw)
    holder[key] = "PLACE"
    literal = _LITERALS[int(draw.integers(len(_LITERALS)))]
    path.write_bytes(canonical_json(plain).replace(b'"PLACE"', literal, 1))
    return f"{key} of {path.name} is {literal[:20]!r}"


def _twice(folder: Path, draw: Random) -> str:
    path = _one(folder, draw, ".json")
    data = path.read_bytes()
    comma = data.find(b",", int(draw.integers(len(data) // 2)))
    key = data[1 : data.find(b":") + 1]
    path.write_bytes(data[: comma + 1] + key + b"1," + data[comma + 1 :])
    return f"a key twice in {path.name}"


def _extra(folder: Path, draw: Random) -> str:
    name = [
        "run.py",
        "model/more.onnx",
        ".hidden",
        "model/fp32.onnx",
        "model/int8.onnx",
        "golden.safetensors.bak",
        "sub",
    ][int(draw.integers(7))]
    if name == "sub":
        (folder / name).mkdir(exist_ok=True)
    else:
        (folder / name).write_bytes(draw.bytes(64))
    return f"{name} more"


def _link(folder: Path, draw: Random) -> str:
    path = _one(folder, draw)
    if draw.random() < 0.2:
        path = folder / "model"
    target = folder.parent / "outside"
    if target.is_dir():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    path.rename(target)
    path.symlink_to(target)
    return f"{path.name} a link"


def _missing(folder: Path, draw: Random) -> str:
    path = _one(folder, draw)
    path.unlink()
    return f"{path.name} gone"


def _array(folder: Path, draw: Random) -> str:
    """Numbers of an array: the most that can go unseen, where the hashes fit."""
    path = _one(folder, draw, ".safetensors")
    data = bytearray(path.read_bytes())
    body = 8 + int.from_bytes(data[:8], "little")
    at = body + int(draw.integers(max((len(data) - body) // 8, 1))) * 8
    kinds = [
        np.float64(np.nan),
        np.float64(np.inf),
        np.float64(1e300),
        np.float64(draw.standard_normal()),
        np.int64(-1),
    ]
    data[at : at + 8] = kinds[int(draw.integers(len(kinds)))].tobytes()
    path.write_bytes(data)
    return f"numbers of {path.name}"


def _header(folder: Path, draw: Random) -> str:
    path = _one(folder, draw, ".safetensors")
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    plain = json.loads(data[8 : 8 + size])
    holder, key = _place(plain, draw)
    holder[key] = odd = _ODD[int(draw.integers(len(_ODD)))]
    header = json.dumps(plain).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + size :])
    return f"{key} of the header of {path.name} is {str(odd)[:30]!r}"


def _name(folder: Path, draw: Random) -> str:
    card = json.loads((folder / CARD).read_bytes())
    names = ["../golden.safetensors", "/etc/passwd", "model/../x", "model", "", ".", "x" * 300, "model/fp32.onnx"]
    card["files"][names[int(draw.integers(len(names)))]] = "0" * 64
    (folder / CARD).write_bytes(canonical_json(card))
    return "a name in files"


def _place(plain: Any, draw: Random) -> tuple[Any, Any]:
    # A list or mapping somewhere in `plain`, and a key of it.
    while True:
        keys = list(plain) if isinstance(plain, dict) else list(range(len(plain)))
        key = keys[int(draw.integers(len(keys)))]
        inner = plain[key]
        if not isinstance(inner, dict | list) or not inner or draw.random() < 0.3:
            return plain, key
        plain = inner


def _fit(folder: Path) -> None:
    """Hashes as a hostile hand would write them; what is no JSON any more is left as it is."""
    for card, place in ((folder / "model" / "model.json", folder / "model"), (folder / CARD, folder)):
        try:
            plain = json.loads(card.read_bytes())
            plain["files"] = {
                path.relative_to(place).as_posix(): files.sha256(path) for path in _files(place) if path != card
            }
            card.write_bytes(canonical_json(plain))
        except (OSError, ValueError, TypeError, RecursionError):
            continue
