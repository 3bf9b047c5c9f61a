"""What a model forecast when it was exported: every later replay of the same bars must give the same bits."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from candlewick.core import files
from candlewick.core.errors import StorageError
from candlewick.core.spec import canonical_json
from candlewick.data.bars import Panel
from candlewick.runtime.arrays import packed, unpacked
from candlewick.runtime.choose import Setting
from candlewick.runtime.exported import Exported
from candlewick.runtime.replay import Replayed
from candlewick.runtime.strict_json import parse, refused


@dataclass(frozen=True, eq=False)
class Reference:
    """A replay from the anchor, and the stretch of bars it was made of.

    Attributes:
        model: content id of the model that was run.
        symbols: the instruments, stepped together.
        span: int64 (symbols, 2), close of each one's first bar, which is the anchor, and of its last.
        bars: content hash of those bars.
        setting: how the model was run.
        symbol: int64 (m,), position in `symbols`.
        t: int64 (m,), close of the bar that was forecast from.
        raw: float64 (m, outputs), raw outputs.
    """

    model: str
    symbols: tuple[str, ...]
    span: np.ndarray
    bars: str
    setting: Setting
    symbol: np.ndarray
    t: np.ndarray
    raw: np.ndarray

    @classmethod
    def of(cls, model: Exported, panel: Panel, replayed: Replayed, setting: Setting) -> "Reference":
        """The replay of all of `panel`."""
        span = np.array([[bars.t[0], bars.t[-1]] for bars in panel.bars]).reshape(-1, 2)
        return cls(
            model.content_id,
            panel.symbols,
            span,
            panel.content_hash,
            setting,
            replayed.symbol,
            replayed.t,
            replayed.raw,
        )

    def require_of(self, model: Exported) -> None:
        """Refuse a model that did not make it: its forecasts would differ whatever the machine does.

        Raises:
            StorageError: the model is another, or was changed.
        """
        if self.model != model.content_id or self.raw.shape[1:] != (model.head.outputs,):
            raise StorageError(
                f"the reference was made by the model {self.model}, the model beside it is {model.content_id}: one of "
                "them was changed or comes from elsewhere. Export the model again."
            )

    def cut(self, panel: Panel) -> Panel | None:
        """The reference's own bars within `panel`; None where they are not in it, or not with the same values."""
        if not set(self.symbols) <= set(panel.symbols):
            return None
        found = []
        for symbol, (begin, end) in zip(self.symbols, self.span, strict=True):
            bars = panel[symbol]
            rows = slice(int(np.searchsorted(bars.t, begin)), int(np.searchsorted(bars.t, end, side="right")))
            found.append(bars[rows])
        own = Panel(tuple(found))
        return own if own.content_hash == self.bars else None

    def difference(self, replayed: Replayed) -> float:
        """Largest difference of raw outputs; 0 means equal bit for bit, infinity that other rows were forecast."""
        if not (np.array_equal(self.symbol, replayed.symbol) and np.array_equal(self.t, replayed.t)):
            return float("inf")
        if self.raw.tobytes() == replayed.raw.tobytes():
            return 0.0
        return float(np.abs(self.raw - replayed.raw).max(initial=np.finfo(float).tiny))

    def save(self, path: Path) -> None:
        """One safetensors file."""
        files.write_bytes(path, self.packed())

    def packed(self) -> bytes:
        """The content of that file."""
        about = {
            "model": self.model, "symbols": list(self.symbols), "bars": self.bars, "setting": asdict(self.setting),
        }  # fmt: skip
        encoded = np.frombuffer(canonical_json(about), dtype=np.uint8)
        return packed({**{name: getattr(self, name) for name in _ARRAYS}, "about": encoded})

    @classmethod
    def open(cls, path: Path) -> "Reference":
        """What `save` wrote.

        Raises:
            StorageError: missing, damaged, or none.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StorageError(f"{path} could not be read: {error.strerror}. Export the model again.") from error
        return cls.unpacked(data, path)

    @classmethod
    def unpacked(cls, data: bytes, path: Path) -> "Reference":
        """What `packed` gave; `path` is for people.

        Raises:
            StorageError: damaged, or none.
        """
        arrays = unpacked(data, path.name)
        shapes = {name: (array.dtype.type, array.ndim) for name, array in arrays.items()}
        if shapes != {**_ARRAYS, "about": (np.uint8, 1)} or not _aligned(arrays):
            raise refused(str(path), f"holds {', '.join(arrays)} of other types or sizes than a reference has")
        try:
            about = _About.model_validate(parse(arrays.pop("about").tobytes(), path.name))
        except ValidationError as error:
            wrong = error.errors()[0]
            place = ".".join(str(part) for part in wrong["loc"])
            raise refused(str(path), f"is wrong at {place}: {wrong['msg']}") from None
        if len(about.symbols) != len(arrays["span"]):
            raise refused(str(path), f"has {len(arrays['span'])} spans for {len(about.symbols)} instruments")
        return cls(about.model, tuple(about.symbols), bars=about.bars, setting=about.setting, **arrays)


_ARRAYS = {"span": (np.int64, 2), "symbol": (np.int64, 1), "t": (np.int64, 1), "raw": (np.float64, 2)}
"""Type and dimensions of each."""


class _About(BaseModel):
    model_config = ConfigDict(extra="forbid")
    model: str
    symbols: list[str]
    bars: str
    setting: Setting


def _aligned(arrays: Mapping[str, np.ndarray]) -> bool:
    rows = {len(arrays[name]) for name in ("symbol", "t", "raw")}
    return len(rows) == 1 and arrays["span"].shape[1] == 2
