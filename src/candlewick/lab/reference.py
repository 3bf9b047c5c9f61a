"""What a model forecast when it was exported: every later replay of the same bars must give the same bits."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from candlewick.core import files
from candlewick.core.errors import StorageError
from candlewick.core.spec import canonical_json
from candlewick.data.bars import Panel
from candlewick.runtime.arrays import packed, unpacked
from candlewick.runtime.choose import Setting
from candlewick.runtime.replay import Replayed
from candlewick.runtime.strict_json import parse


@dataclass(frozen=True, eq=False)
class Reference:
    """A replay from the anchor, and the stretch of bars it was made of.

    Attributes:
        symbols: the instruments, stepped together.
        span: int64 (symbols, 2), close of each one's first bar, which is the anchor, and of its last.
        bars: content hash of those bars.
        setting: how the model was run.
        symbol: int64 (m,), position in `symbols`.
        t: int64 (m,), close of the bar that was forecast from.
        raw: float64 (m, outputs), raw outputs.
    """

    symbols: tuple[str, ...]
    span: np.ndarray
    bars: str
    setting: Setting
    symbol: np.ndarray
    t: np.ndarray
    raw: np.ndarray

    @classmethod
    def of(cls, panel: Panel, replayed: Replayed, setting: Setting) -> "Reference":
        """The replay of all of `panel`."""
        span = np.array([[bars.t[0], bars.t[-1]] for bars in panel.bars])
        return cls(panel.symbols, span, panel.content_hash, setting, replayed.symbol, replayed.t, replayed.raw)

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
        about = {"symbols": list(self.symbols), "bars": self.bars, "setting": asdict(self.setting)}
        arrays = {"span": self.span, "symbol": self.symbol, "t": self.t, "raw": self.raw}
        encoded = np.frombuffer(canonical_json(about), dtype=np.uint8)
        files.write_bytes(path, packed({**arrays, "about": encoded}))

    @classmethod
    def open(cls, path: Path) -> "Reference":
        """What `save` wrote.

        Raises:
            StorageError: missing, damaged, or none.
        """
        try:
            arrays = unpacked(path.read_bytes(), path.name)
            about: dict[str, Any] = parse(arrays.pop("about").tobytes(), path.name)
            setting = Setting(**about["setting"])
            return cls(tuple(about["symbols"]), bars=about["bars"], setting=setting, **arrays)
        except (OSError, KeyError, TypeError) as error:
            raise StorageError(f"{path} could not be read as a reference: {error}. Export the model again.") from error
