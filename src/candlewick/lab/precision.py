"""Which reduced precisions may serve a network: judged on the validation rows of its fold."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from candlewick.lab.experiment import Experiment
from candlewick.lab.gather import loss_metric
from candlewick.lab.unit import Fitted, forecast
from candlewick.models._heads import Belief
from candlewick.runtime.choose import Setting, candidates, open_session
from candlewick.runtime.exported import Exported, Judged
from candlewick.runtime.quantise import ENOUGH_STEPS, judge, stream_raw
from candlewick.samples.dataset import Dataset
from candlewick.samples.scalers._base import Scaler

MOST_STEPS = 4 * ENOUGH_STEPS
"""Rows of an instrument that are compared at most: the newest."""

MOST_INSTRUMENTS = 4
"""Instruments that are run at most."""

_UNTRIED = Judged(True, 0.0, None, 0, "")


def judged(
    exported: Exported, experiment: Experiment, data: Dataset, rows: np.ndarray, trivials: Mapping[str, Fitted]
) -> dict[str, Judged]:
    """bf16 and int8 beside fp32 on the rows `rows` of `data` (unscaled), as far as some kernel here offers them.

    Each kernel is run along the same rows with one thread. Where several offer a precision the worst of them counts,
    because any may serve later. Skill is what the model's loss, by the run's own metric, is below that of the best
    of the fitted trivial baselines.
    """
    stretches = list(_stretches(exported, data, rows))
    asked = np.concatenate([index for index, _ in stretches])
    skill = _skill(experiment, data, asked, trivials)

    def run(setting: Setting) -> Belief:
        session = open_session(trial, setting)
        raw = [stream_raw(session, x)[-(index[-1] - index[0] + 1) :][index - index[0]] for index, x in stretches]
        return exported.head.decode(np.concatenate(raw), exported.scale)

    trial = replace(exported, precisions={"bf16": _UNTRIED, "int8": _UNTRIED})
    settings = [setting for setting in candidates(trial) if setting.threads == 1]
    full = run(settings[0])
    steps = max(len(x) for _, x in stretches) if exported.streams else len(asked)
    found: dict[str, Judged] = {}
    for setting in settings:
        if setting.precision == "fp32":
            continue
        reduced = run(setting)
        one = judge(_compared(full), _compared(reduced), skill=(skill(full), skill(reduced)), steps=steps)
        one = replace(one, reason=f"by the {setting.kernel} kernel {one.reason}")
        worst = min((one, found.get(setting.precision, one)), key=lambda j: (j.allowed, -j.difference))
        found[setting.precision] = worst
    return found


def _stretches(exported: Exported, data: Dataset, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    # Some instruments' newest rows among `rows`, and the scaled feature rows that lead up to them and span them.
    x = Scaler.apply(exported.scaler, data, rows)
    for index in _chosen(data, rows):
        span = int(index[-1] - index[0]) + 1
        # A carried state comes to these rows after `ENOUGH_STEPS` in all, for errors need time to grow in it.
        before = max(exported.warmup, ENOUGH_STEPS - span) if exported.streams else exported.length - 1
        edge = int(np.searchsorted(data.symbol, data.symbol[index[0]]))
        warm = edge + int(np.argmax(data.ready[edge:])) - data.length + 1  # the first row whose features are known
        yield index, x[max(int(index[0]) - before, warm) : index[-1] + 1]


def _chosen(data: Dataset, rows: np.ndarray) -> list[np.ndarray]:
    # The instruments with most rows, as many as it takes for ENOUGH_STEPS of them; in the order of rows.
    by_instrument = [rows[data.symbol[rows] == k][-MOST_STEPS:] for k in np.unique(data.symbol[rows])]
    by_instrument.sort(key=len, reverse=True)
    enough = int(np.searchsorted(np.cumsum([len(index) for index in by_instrument]), ENOUGH_STEPS)) + 1
    return sorted(by_instrument[: min(enough, MOST_INSTRUMENTS)], key=lambda index: int(index[0]))


def _skill(
    experiment: Experiment, data: Dataset, rows: np.ndarray, trivials: Mapping[str, Fitted]
) -> Callable[[Belief], float]:
    metric = loss_metric(experiment.label.kind)

    def loss(belief: Belief) -> float:
        each = metric.rows(data.y[rows], belief.value, belief.probabilities)
        assert each is not None, "the loss of a label kind is a mean over rows"
        return float(each.mean())

    models = experiment.trivials
    base = min(loss(forecast(experiment, data, models[name], fitted, rows)) for name, fitted in trivials.items())
    # A difference and no share: the level of some losses (QLIKE) is arbitrary, and only the share that is lost counts.
    return lambda belief: base - loss(belief)


def _compared(belief: Belief) -> np.ndarray:
    # What a user reads of a forecast.
    if belief.probabilities is not None:
        return belief.probabilities
    return belief.value if belief.quantiles is None else belief.quantiles
