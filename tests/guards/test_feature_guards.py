"""For every contract of features, a planted fault that it must catch; a sound plant beside them must pass."""

from math import log, nan
from typing import ClassVar

import numpy as np
import pytest

from candlewick.core.compiled import compiled
from candlewick.features._base import STEP, Feature
from candlewick.features._window import mean, push
from candlewick.testing.feature_contracts import FEATURE_CONTRACTS, check_feature


class Sound(Feature):
    """ln(close / mean of the last 5 closes): the honest feature that every plant below spoils in one way."""

    columns: ClassVar[tuple[str, ...]] = ("close",)
    length: int = 5

    @property
    def outputs(self):
        return ("gap",)

    @property
    def warmup(self):
        return self.length

    @property
    def state_size(self):
        return self.length + 1

    def params(self):
        return np.zeros(1)

    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        full = push(state, row[0])
        out[0] = log(row[0] / mean(state[1:])) if full else nan


class Cheating(Sound):
    """History is computed by `cheat`, over the whole series at once."""

    def run(self, bars):
        out = self.cheat(np.log(np.abs(bars.column("close"))))[:, None].copy()
        out[: self.warmup - 1] = np.nan
        return out


class WholeSeriesFourier(Cheating):
    def cheat(self, x):
        spectrum = np.fft.rfft(x)
        spectrum[len(spectrum) // 10 :] = 0
        return np.fft.irfft(spectrum, len(x))


class WholeSeriesZscore(Cheating):
    def cheat(self, x):
        return (x - x.mean()) / x.std()


class CentredWindow(Cheating):
    def cheat(self, x):
        return x - np.convolve(np.pad(x, 2, mode="edge"), np.ones(5) / 5, mode="valid")


class NextBar(Cheating):
    def cheat(self, x):
        return np.append(np.diff(x), 0.0)


class VectorisedHistory(Cheating):
    """The same formula in another order of additions: right to 1e-15, yet not what is served."""

    def cheat(self, x):
        means = np.convolve(np.exp(x), np.ones(5) / 5, mode="full")[: len(x)]
        return x - np.log(means)


class BackFilled(Sound):
    def run(self, bars):
        out = super().run(bars)
        out[: self.warmup - 1] = out[self.warmup - 1 : self.warmup]
        return out


class RemembersBetweenRuns(Sound):
    """The second run of a process differs from the first."""

    calls: ClassVar[list[int]] = []

    def run(self, bars):
        self.calls.append(1)
        return super().run(bars) + 1e-3 * len(self.calls)


class HidesStateInParams(Sound):
    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        full = push(state, row[0])
        params[0] = 0.5 * params[0] + row[0]
        out[0] = log(row[0] / params[0]) if full else nan


class HidesStateInOut(Sound):
    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        full = push(state, row[0])
        before = out[0] if abs(out[0]) < 10.0 else 0.0
        out[0] = log(row[0] / mean(state[1:])) + 0.5 * before if full else nan


class RunningSum(Sound):
    """Adds the newest and takes off the oldest: its last bits depend on where history began."""

    @property
    def state_size(self):
        return self.length + 2

    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        window = state[1:]
        state[0] += row[0] - window[1]
        full = push(window, row[0])
        out[0] = log(row[0] / (state[0] / (window.shape[0] - 1))) if full else nan


class EndlessMemory(Sound):
    """An average since the beginning, declared as finite."""

    @property
    def state_size(self):
        return 2

    def params(self):
        return np.array([float(self.length)])

    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        state[0] += 1.0
        state[1] += log(row[0])
        out[0] = log(row[0]) - state[1] / state[0] if state[0] >= params[0] else nan


class BoundTooSmall(EndlessMemory):
    @property
    def fade_bound(self):
        return 1e-6


class BoundOfNothing(Sound):
    @property
    def fade_bound(self):
        return 1.0


class WarmupTooShort(Sound):
    @property
    def warmup(self):
        return self.length - 1


class WarmupTooLong(Sound):
    """Waits for 9 bars and looks at 5."""

    @property
    def warmup(self):
        return self.length + 4

    @property
    def state_size(self):
        return self.length + 5

    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        full = push(state, row[0])
        out[0] = log(row[0] / mean(state[5:])) if full else nan


class ZeroInsteadOfUnknown(Sound):
    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        full = push(state, row[0])
        out[0] = log(row[0] / mean(state[1:])) if full else 0.0


class IgnoredParameter(Sound):
    threshold: float = 0.5


class PriceLevel(Sound):
    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        out[0] = mean(state[1:]) if push(state, row[0]) else nan


class DenialOfScale(Sound):
    scale_free: ClassVar[bool] = False


class VolumeLevel(Sound):
    columns: ClassVar[tuple[str, ...]] = ("volume",)

    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        out[0] = log(1.0 + mean(state[1:])) if push(state, row[0]) else nan


class UndefinedWhenFlat(Sound):
    @staticmethod
    @compiled(STEP)
    def step(params, t, row, state, out):
        full = push(state, row[0])
        average = mean(state[1:])
        spread = 0.0
        for i in range(1, state.shape[0]):
            spread += abs(state[i] - average)
        out[0] = (row[0] - average) / spread if full else nan


class SilentlyUnknown(Sound):
    """Swallows the error of the base, so that a price below zero becomes a NaN that nobody hears of."""

    def run(self, bars):
        positive = bars.column("close") > 0
        if positive.all():
            return super().run(bars)
        return np.where(positive[:, None], 1.0, np.nan)


class SameNameTwice(Sound):
    @property
    def outputs(self):
        return ("gap", "gap")


class NotCompiled(Sound):
    @staticmethod
    def step(params, t, row, state, out):
        out[0] = row[0]


class ForgetsAField(Sound):
    """Its plain data does not tell all there is."""

    def to_dict(self):
        return {"name": self.spec_name()} if self.length == 5 else {"name": self.spec_name(), "length": 5}


PLANTS = {
    WholeSeriesFourier: "future_moves_nothing",
    WholeSeriesZscore: "future_moves_nothing",
    CentredWindow: "future_moves_nothing",
    NextBar: "future_moves_nothing",
    VectorisedHistory: "history_equals_live",
    RemembersBetweenRuns: "history_equals_live",
    BackFilled: "warmup_is_exact",
    HidesStateInParams: "state_is_all_there_is",
    HidesStateInOut: "state_is_all_there_is",
    RunningSum: "memory_is_as_declared",
    EndlessMemory: "memory_is_as_declared",
    BoundTooSmall: "memory_is_as_declared",
    BoundOfNothing: "memory_is_as_declared",
    WarmupTooShort: "warmup_is_exact",
    WarmupTooLong: "oldest_bar_matters",
    ZeroInsteadOfUnknown: "warmup_is_exact",
    IgnoredParameter: "every_parameter_matters",
    PriceLevel: "scale_is_as_declared",
    DenialOfScale: "scale_is_as_declared",
    VolumeLevel: "scale_is_as_declared",
    UndefinedWhenFlat: "odd_markets_are_answered",
    SilentlyUnknown: "bad_input_is_refused",
    SameNameTwice: "describes_itself",
    NotCompiled: "describes_itself",
    ForgetsAField: "describes_itself",
}


def test_a_sound_feature_raises_no_alarm():
    assert [result for result in check_feature(Sound) if not result.passed] == []


@pytest.mark.parametrize(("plant", "contract"), PLANTS.items(), ids=lambda value: getattr(value, "__name__", value))
def test_the_planted_fault_is_caught(plant, contract):
    failed = {result.name: result.message for result in check_feature(plant) if not result.passed}
    assert contract in failed
    assert "length=5" in failed[contract] or plant.__name__ in failed[contract]


def test_every_contract_has_a_plant():
    assert {contract.__name__ for contract in FEATURE_CONTRACTS} | {"every_parameter_matters"} == set(PLANTS.values())
