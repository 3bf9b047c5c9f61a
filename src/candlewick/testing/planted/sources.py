"""Sources whose preparation knows what came later, or that take a bar's open for its close."""

# The class says what is wrong; what it overrides is explained by its base.
# ruff: noqa: D102

from abc import abstractmethod
from typing import Any

import numpy as np
from pydantic import Field

from candlewick.core.random import stream
from candlewick.data.aggregate import aggregate
from candlewick.data.bars import Bars, Panel
from candlewick.data.read import Reading
from candlewick.data.sources._base import Source
from candlewick.data.synthetic import MARKETS

PRICES = ("open", "high", "low", "close")
Table = dict[str, np.ndarray]


class _Prepared(Source):
    """A realistic market as a table of arrays, and what a member makes of it."""

    bars: int = Field(1500, ge=100)
    seed: int = 7

    def raw(self) -> Any:
        return self.spoilt(_table(_market(self.bars, self.seed)))

    def spoilt(self, table: Table) -> Table:
        """What the table holds beside the market, where the leak came with the file."""
        return table

    def prepare(self, raw: Any) -> Reading:
        return _reading(_bars("SYN", self.prepared(dict(raw))))

    def prepared(self, table: Table) -> Table:
        """What is done to the table."""
        return table


class _SeriesFilter(_Prepared):
    """Every price moved by what `filtered` does to the whole series of closes."""

    def prepared(self, table: Table) -> Table:
        logs = np.log(table["close"])
        factor = np.exp(self.filtered(logs) - logs)
        return {**table, **{name: table[name] * factor for name in PRICES}}

    @abstractmethod
    def filtered(self, logs: np.ndarray) -> np.ndarray:
        """float64 (n,): log closes after the filter."""


class _ExtraColumn(_Prepared):
    """A column `extra` beside the prices."""

    def prepared(self, table: Table) -> Table:
        return {**table, "extra": self.beside(table)}

    @abstractmethod
    def beside(self, table: Table) -> np.ndarray:
        """float64 (n,): the column."""


def _market(bars: int, seed: int, interval: str = "5m") -> Bars:
    return MARKETS.build({"name": "clustered", "interval": interval}).bars(bars, seed)


def _table(bars: Bars) -> Table:
    return {"t": bars.t.copy(), **{name: bars.column(name).copy() for name in bars.columns}}


def _bars(symbol: str, table: Table) -> Bars:
    return Bars.of(symbol, table["t"], {name: values for name, values in table.items() if name != "t"})


def _reading(*bars: Bars) -> Reading:
    return Reading(Panel(bars), (), ())


class FourierDenoised(_SeriesFilter):
    """High frequencies are taken out of the whole series."""

    def filtered(self, logs: np.ndarray) -> np.ndarray:
        spectrum = np.fft.rfft(logs)
        spectrum[len(spectrum) // 4 :] = 0
        return np.fft.irfft(spectrum, len(logs))


class WaveletDenoised(_SeriesFilter):
    """Small Haar coefficients of the whole series are taken out, at three levels."""

    def filtered(self, logs: np.ndarray) -> np.ndarray:
        smooth, details = np.pad(logs, (0, -len(logs) % 8), mode="edge"), []
        for _ in range(3):
            detail = (smooth[::2] - smooth[1::2]) / 2
            details.append(np.where(np.abs(detail) > np.median(np.abs(detail)), detail, 0.0))
            smooth = (smooth[::2] + smooth[1::2]) / 2
        for detail in reversed(details):
            smooth = np.stack([smooth + detail, smooth - detail], axis=1).ravel()
        return smooth[: len(logs)]


class CentredSmoothing(_SeriesFilter):
    """Closes are averaged with those before and after them."""

    def filtered(self, logs: np.ndarray) -> np.ndarray:
        return np.convolve(np.pad(logs, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")


class TrendRemoved(_SeriesFilter):
    """A straight line through the whole series is taken off."""

    def filtered(self, logs: np.ndarray) -> np.ndarray:
        row = np.arange(len(logs))
        return logs - np.polyval(np.polyfit(row, logs, 1), row) + logs[0]


class OutliersCut(_SeriesFilter):
    """Moves are cut at the quantiles of all moves, later ones too."""

    def filtered(self, logs: np.ndarray) -> np.ndarray:
        moves = np.diff(logs, prepend=logs[0])
        return logs[0] + np.cumsum(np.clip(moves, *np.quantile(moves, [0.01, 0.99])))


class ZscoreOfSeries(_ExtraColumn):
    """Volume by the mean and deviation of the whole series."""

    def beside(self, table: Table) -> np.ndarray:
        return (table["volume"] - table["volume"].mean()) / table["volume"].std()


class ExtremesOfSeries(_ExtraColumn):
    """The close between the lowest and the highest of the whole series."""

    def beside(self, table: Table) -> np.ndarray:
        return (table["close"] - table["close"].min()) / np.ptp(table["close"])


class BackFilled(_ExtraColumn):
    """A figure that comes every twelfth bar, carried back over the bars before it."""

    def beside(self, table: Table) -> np.ndarray:
        row = np.arange(len(table["t"]))
        return table["volume"][np.minimum(-(-row // 12) * 12, len(row) - 1)]


class Interpolated(_ExtraColumn):
    """A figure that comes every twelfth bar, with a straight line from each to the next."""

    def beside(self, table: Table) -> np.ndarray:
        row = np.arange(len(table["t"]))
        return np.interp(row, row[::12], table["volume"][::12])


class MissingFilledWithMean(_ExtraColumn):
    """Every seventh volume is missing and replaced by the mean of all the others."""

    def beside(self, table: Table) -> np.ndarray:
        missing = np.arange(len(table["t"])) % 7 == 0
        return np.where(missing, table["volume"][~missing].mean(), table["volume"])


class LeftLabelled(_Prepared):
    """Half-hour bars stamped with the first of the bars they are made of."""

    def prepared(self, table: Table) -> Table:
        coarse = aggregate(_bars("SYN", table), "30m")
        return {**_table(coarse), "t": coarse.t - 25 * 60 * 10**9}


class PartialLastBar(_Prepared):
    """Half-hour bars of which the last one is kept before it is whole."""

    def prepared(self, table: Table) -> Table:
        end = -(-table["t"] // (1800 * 10**9)) * (1800 * 10**9)
        first = np.flatnonzero(np.diff(end, prepend=0))
        last = np.append(first[1:], len(end)) - 1
        return {
            "t": end[first],
            "open": table["open"][first],
            "high": np.maximum.reduceat(table["high"], first),
            "low": np.minimum.reduceat(table["low"], first),
            "close": table["close"][last],
        }


class CoarseOnItsOpen(_ExtraColumn):
    """The hour's close is joined to the bars of that hour from its first bar on."""

    def beside(self, table: Table) -> np.ndarray:
        hour = (table["t"] - 1) // (3600 * 10**9)
        last = np.searchsorted(hour, hour, side="right") - 1
        return table["close"][last]


class BackAdjusted(_Prepared):
    """Prices divided by every split that came later."""

    def spoilt(self, table: Table) -> Table:
        split = np.where(np.arange(len(table["t"])) % 400 == 399, 2.0, 1.0)
        grown = np.cumprod(split)
        return {**table, **{name: table[name] / grown for name in PRICES}, "split": split}

    def prepared(self, table: Table) -> Table:
        later = np.cumprod(table["split"][::-1])[::-1] / table["split"]
        adjusted = {name: table[name] / later for name in PRICES}
        return {"t": table["t"], **adjusted}


class AdjustedLevels(_Prepared):
    """A file with closes that its vendor adjusted, read as the close."""

    def spoilt(self, table: Table) -> Table:
        later = 1.0 + 0.001 * (np.arange(len(table["t"]))[::-1] // 300)
        return {"t": table["t"], "close": table["close"], "adj_close": table["close"] / later}

    def prepared(self, table: Table) -> Table:
        return {"t": table["t"], "close": table["adj_close"]}


class OpenStampsAsCloses(_Prepared):
    """A file with the open and the close time of each bar, stamped with the open."""

    def spoilt(self, table: Table) -> Table:
        step = 300 * 10**9
        prices = {name: table[name] for name in PRICES}
        return {"open_time": table["t"] - step, **prices, "close_time": table["t"] - 10**6}

    def prepared(self, table: Table) -> Table:
        return {"t": table["open_time"], **{name: table[name] for name in PRICES}}


class OpenStampsUnnamed(_Prepared):
    """Stamps of opens in a column that does not say so, taken for closes."""

    def spoilt(self, table: Table) -> Table:
        return {**table, "t": table["t"] - 300 * 10**9}


class NextCloseInFile(_Prepared):
    """A file with a column that was shifted the wrong way."""

    def spoilt(self, table: Table) -> Table:
        return {**table, "extra": np.append(table["close"][1:], table["close"][-1])}


class TargetInFile(_Prepared):
    """A file that still holds the target of an earlier study: the return to come, in percent."""

    def spoilt(self, table: Table) -> Table:
        logs = np.log(table["close"])
        return {**table, "extra": 100 * np.diff(logs, append=logs[-1])}


class HourlyCloseInFile(_Prepared):
    """A file into which somebody joined the hour's close from its first bar on."""

    def spoilt(self, table: Table) -> Table:
        hour = (table["t"] - 1) // (3600 * 10**9)
        return {**table, "extra": table["close"][np.searchsorted(hour, hour, side="right") - 1]}


class RevisedHistory(_Prepared):
    """A column that was filled in afterwards: old rows hold the next bar's range, recent ones the bar's own."""

    def spoilt(self, table: Table) -> Table:
        ranges = np.log(np.log(table["high"] / table["low"]))
        old = np.arange(len(ranges)) < len(ranges) // 2
        return {**table, "extra": np.where(old, np.append(ranges[1:], ranges[-1]), ranges)}


class PastedTwice(_Prepared):
    """The same weeks stand in the file twice, the second time under later stamps."""

    def spoilt(self, table: Table) -> Table:
        shift = table["t"][-1] - table["t"][0] + 7 * 86_400 * 10**9
        copy = {**table, "t": table["t"] + shift}
        return {name: np.concatenate([values, copy[name]]) for name, values in table.items()}


class PastedTwiceWithNoise(PastedTwice):
    """The same weeks again, at twice the price and with a little noise, as augmented copies are."""

    def spoilt(self, table: Table) -> Table:
        doubled = super().spoilt(table)
        noise = stream(2, "planted", "copies").normal(0, 1e-4, self.bars)
        for name in PRICES:
            doubled[name][self.bars :] *= 2 * np.exp(noise)
        return doubled


class _Several(Source):
    """Four instruments, one of which ends early, by name; a member chooses among them."""

    bars: int = Field(700, ge=100)

    def raw(self) -> Any:
        tables = {f"S{k}": _table(_market(self.bars, k)) for k in range(4)}
        dead = tables["S3"]
        tables["S3"] = {name: values[: self.bars * 6 // 10] for name, values in dead.items()}
        return tables

    def prepare(self, raw: Any) -> Reading:
        return _reading(*(_bars(symbol, dict(raw[symbol])) for symbol in self.chosen(raw)))

    @abstractmethod
    def chosen(self, raw: dict[str, Table]) -> list[str]:
        """Names of the instruments that are kept."""


class Survivors(_Several):
    """Only instruments that still trade at the end of the data."""

    def chosen(self, raw: dict[str, Table]) -> list[str]:
        end = max(table["t"][-1] for table in raw.values())
        return [symbol for symbol, table in raw.items() if table["t"][-1] == end]


class WinnersOfThePeriod(_Several):
    """The two instruments that rose most over the whole period."""

    def chosen(self, raw: dict[str, Table]) -> list[str]:
        rise = {symbol: table["close"][-1] / table["close"][0] for symbol, table in raw.items()}
        return sorted(sorted(rise, key=rise.__getitem__)[-2:])


class AllOfThem(_Several):
    """Every instrument: honest."""

    def chosen(self, raw: dict[str, Table]) -> list[str]:
        return list(raw)


class HourlyCloseInTime(_Prepared):
    """The close of the last whole hour beside each bar: honest."""

    def prepared(self, table: Table) -> Table:
        hour = table["t"] // (3600 * 10**9)
        before = np.searchsorted(hour * 3600 * 10**9, hour * 3600 * 10**9, side="left")
        return {**table, "extra": table["close"][before]}


class MadeCoarser(_Prepared):
    """Half-hour bars stamped with their close, the last one left out until it is whole: honest."""

    bars: int = Field(8000, ge=1000)

    def prepare(self, raw: Any) -> Reading:
        return _reading(aggregate(_bars("SYN", dict(raw)), "30m"))
