"""Golden vectors: a few bars and what the engine made of them when the model was released."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from candlewick.core.errors import DataError, StorageError
from candlewick.core.spec import canonical_json
from candlewick.data.bars import Bars, Panel
from candlewick.models._heads import Belief
from candlewick.runtime.arrays import packed, unpacked
from candlewick.runtime.choose import Setting, open_session
from candlewick.runtime.exported import Exported
from candlewick.runtime.quantise import LARGEST_DIFFERENCE
from candlewick.runtime.replay import replay
from candlewick.runtime.session import Session
from candlewick.runtime.strict_json import parse, refused

GOLDEN = "golden.safetensors"
TOLERANCE = 1e-5
"""Largest difference of raw outputs in fp32, in the head's space, as a share where they are above one."""

MOST_SYMBOLS, MOST_FORECASTS, MOST_BARS = 4, 32, 200_000
"""Instruments; forecasts of each; bars in all."""

_SAME_BELIEF = 1e-9


@dataclass(frozen=True, eq=False)
class Golden:
    """Bars from an anchor on, and the forecasts of the last of them.

    Attributes:
        exported: the model.
        panel: the bars, with the columns that the model reads.
        setting: how the model was run.
        spread: float64 (k,), standard deviation of the forecasts over the whole reference, the measure of what a
            reduced precision may change.
        symbol: int64 (m,), position in the panel.
        t: int64 (m,), close of the bar that was forecast from.
        raw: float64 (m, outputs), calibrated raw outputs.
        belief: float64 (m, k), the forecasts made of them: probabilities, quantiles or values.
    """

    exported: Exported
    panel: Panel
    setting: Setting
    spread: np.ndarray
    symbol: np.ndarray
    t: np.ndarray
    raw: np.ndarray
    belief: np.ndarray

    @classmethod
    def made(cls, exported: Exported, panel: Panel, setting: Setting, spread: np.ndarray) -> "Golden":
        """Run the model over `panel`, which begins at its anchor.

        Raises:
            DataError: the bars give no forecast.
        """
        replayed = replay(exported, open_session(exported, setting), panel)
        if not len(replayed.t):
            raise DataError(
                f"a release needs bars that it can be checked on, was {len(panel):,} bars, which give no forecast. "
                f"Its first forecast needs {exported.anchor + 1:,}. Release a run with more test rows."
            )
        belief = compared(replayed.belief)
        return cls(exported, panel, setting, spread, replayed.symbol, replayed.t, replayed.raw, belief)

    def check(self, session: Session) -> float:
        """Run the golden bars through a session; gives the largest difference of raw outputs.

        In fp32 raw outputs may differ by 1e-5; in a reduced precision forecasts must be finite and within the limit
        that judged them: 5 % of their deviation.

        Raises:
            StorageError: it does not give the golden outputs.
        """
        found = replay(self.exported, session, self.panel)
        if not (np.array_equal(found.symbol, self.symbol) and np.array_equal(found.t, self.t)):
            # A bar whose forecast is not finite is one of those that no forecast is made of.
            raise _differs(session, "other bars are forecast from")
        apart = np.abs(found.raw - self.raw)
        largest = float(apart.max())
        if session.precision != "fp32":
            share = self._share(compared(found.belief))
            if not share <= LARGEST_DIFFERENCE:
                raise _differs(session, f"forecasts differ by {share:.1%} of their deviation")
        elif not (apart <= TOLERANCE * np.maximum(np.abs(self.raw), 1.0)).all():
            raise _differs(session, f"raw outputs differ by up to {largest:.1e}, {TOLERANCE:.0e} is rounding")
        own = compared(self.exported.head.decode(self.raw, self.exported.scale))
        if not np.allclose(own, self.belief, rtol=_SAME_BELIEF, atol=0.0):
            raise _differs(session, "the same raw outputs give other forecasts")
        return largest

    def stretch(self) -> tuple[str, np.ndarray, np.ndarray]:
        """Name, closes int64 (n,) and rows float64 (n, columns) of the first instrument, from the anchor on."""
        bars = self.panel.bars[0]
        return bars.symbol, bars.t, bars.values[:, bars.indices(self.exported.columns)]

    def packed(self) -> bytes:
        """The content of a file."""
        about = {
            "symbols": list(self.panel.symbols), "interval_ns": self.panel.bars[0].interval_ns,
            "columns": list(self.exported.columns), "setting": asdict(self.setting),
        }  # fmt: skip
        rows = [bars.values[:, bars.indices(self.exported.columns)] for bars in self.panel.bars]
        return packed({
            "about": np.frombuffer(canonical_json(about), dtype=np.uint8),
            "bar_symbol": np.repeat(np.arange(len(rows)), [len(part) for part in rows]),
            "bar_t": np.concatenate([bars.t for bars in self.panel.bars]),
            "bar_values": np.concatenate(rows),
            **{name: getattr(self, name) for name in _OUTPUTS},
        })  # fmt: skip

    @classmethod
    def unpacked(cls, data: bytes, exported: Exported) -> "Golden":
        """What `packed` gave.

        Raises:
            StorageError: damaged, or made of another model.
        """
        arrays = unpacked(data, GOLDEN)
        shapes = {name: (array.dtype.type, array.ndim) for name, array in arrays.items()}
        if shapes != {**_BARS, **_OUTPUTS} or not _aligned(arrays, exported):
            raise refused(GOLDEN, f"holds {', '.join(arrays)} of other types or sizes than golden vectors have")
        try:
            about = _About.model_validate(parse(arrays["about"].tobytes(), GOLDEN))
        except ValidationError as error:
            wrong = error.errors()[0]
            raise refused(GOLDEN, f"is wrong at {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from None
        if tuple(about.columns) != exported.columns:
            raise refused(GOLDEN, f"has the columns {', '.join(about.columns)}, the model reads others")
        panel = _panel(about, arrays)
        if not (np.isfinite(arrays["raw"]).all() and np.isfinite(arrays["belief"]).all()):
            raise refused(GOLDEN, "holds outputs that are not finite")
        return cls(exported, panel, about.setting, **{name: arrays[name] for name in _OUTPUTS})

    def _share(self, reduced: np.ndarray) -> float:
        rms = np.sqrt(np.square(reduced - self.belief).mean(axis=0))
        return float((rms / np.maximum(self.spread, np.finfo(float).tiny)).max())


def compared(belief: Belief) -> np.ndarray:
    """float64 (m, k), what a user reads of forecasts: probabilities, quantiles or values."""
    if belief.probabilities is not None:
        return belief.probabilities
    return belief.value[:, None] if belief.quantiles is None else belief.quantiles


_BARS = {"about": (np.uint8, 1), "bar_symbol": (np.int64, 1), "bar_t": (np.int64, 1), "bar_values": (np.float64, 2)}
_OUTPUTS = {
    "spread": (np.float64, 1), "symbol": (np.int64, 1), "t": (np.int64, 1), "raw": (np.float64, 2),
    "belief": (np.float64, 2),
}  # fmt: skip


class _About(BaseModel):
    model_config = ConfigDict(extra="forbid")
    symbols: list[str] = Field(min_length=1, max_length=MOST_SYMBOLS)
    interval_ns: int = Field(ge=1)
    columns: list[str]
    setting: Setting


def _aligned(arrays: Mapping[str, np.ndarray], exported: Exported) -> bool:
    bars = {len(arrays[name]) for name in ("bar_symbol", "bar_t", "bar_values")}
    rows = {len(arrays[name]) for name in ("symbol", "t", "raw", "belief")}
    widths = arrays["bar_values"].shape[1], arrays["raw"].shape[1], arrays["belief"].shape[1]
    return (
        len(bars) == len(rows) == 1
        and 0 < min(rows) <= MOST_SYMBOLS * MOST_FORECASTS
        and 0 < min(bars) <= MOST_BARS
        and widths == (len(exported.columns), exported.head.outputs, len(arrays["spread"]))
        and bool(np.isfinite(arrays["spread"]).all() and (arrays["spread"] >= 0).all())
    )


def _panel(about: _About, arrays: Mapping[str, np.ndarray]) -> Panel:
    found = []
    try:
        for k, symbol in enumerate(about.symbols):
            own = arrays["bar_symbol"] == k
            columns = dict(zip(about.columns, arrays["bar_values"][own].T, strict=True))
            found.append(Bars.of(symbol, arrays["bar_t"][own], columns, interval_ns=about.interval_ns))
        return Panel(tuple(found))
    except DataError as error:
        raise refused(GOLDEN, f"holds bars that are none: {error}") from error


def _differs(session: Session, what: str) -> StorageError:
    return StorageError(
        f"the golden vectors are not what they were, by the {session.kernel} kernel in {session.precision}: {what}. "
        "The files are damaged, or this machine or its libraries compute otherwise. Try `candlewick verify`."
    )
