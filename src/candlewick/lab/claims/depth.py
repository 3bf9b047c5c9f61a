"""What depth is worth: errors of 1, 3, 5 and 10 layers on real bars, and the gradients that reach the first of them."""

import math
import re
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candlewick.core.words import number
from candlewick.evaluate.statistics.bootstrap import Interval
from candlewick.lab.claims.claim import Answer, Bench, Figure, Question, Reading, Verdict, Word, judge
from candlewick.lab.compare import compare
from candlewick.lab.experiment import Experiment
from candlewick.lab.prepare import prepare
from candlewick.lab.run import run
from candlewick.lab.unit import flow

EXPERIMENT = "lstm3_vs_lstm5"
DEPTHS, DEEP = (1, 3, 5, 10), 5
KEPT, FACTORS = 0.9, (1.5, 2, 3, 1.2)
FLOW_DEPTHS, HIDDEN = (3, 5, 10), 64
AS_GOOD_AS = 0.1
_EPOCHS, _PATIENCE, _FOLDS = 40, 8, 3
_LANES, _CHUNK = 4, 32  # a few thousand days need many small updates


def _experiment(bench: Bench, depths: tuple[int, ...]) -> Experiment:
    """The packaged experiment on next-day returns with one network a depth, the deep one first."""
    hidden = min(HIDDEN, bench.network.hidden)
    first, *rest = [{"name": "lstm", "layers": depth, "hidden": hidden} for depth in depths]
    packaged = Experiment.of(EXPERIMENT)
    effort = {"epochs": bench.repeats(_EPOCHS), "patience": _PATIENCE, "batch": _LANES, "chunk": _CHUNK}
    recipe = packaged.train.model_copy(update=effort)
    return Experiment.of(
        {
            **packaged.to_dict(), "title": "", "model": first, "rivals": rest, "baselines": [], "policy": None,
            "train": recipe.model_dump(mode="json"), "seeds": [0, 1],
            "split": {"name": "walk_forward", "n_folds": _FOLDS},
            # A few thousand days refuse such networks; whether they are worth it is the question here.
            "limits": {"parameters_per_sample": {"refuse": None}},
        }
    )  # fmt: skip


def _error(figure: Figure, bench: Bench) -> Answer:
    experiment = _experiment(bench, (DEEP, *(depth for depth in DEPTHS if depth != DEEP)))
    with tempfile.TemporaryDirectory() as folder:
        done = run(experiment, out=Path(folder) / "depth", workers=bench.threads, progress=bench.progress)
        found = compare(done, progress=bench.progress)
        tested = sum(fold["test"]["rows"] for fold in done.record["data"]["folds"])
    errors = {row["model"]: row["score"] for row in found.table if row["metric"] == "rmse"}
    readings = [
        Reading(f"{name(pair.first)} instead of {name(pair.second)}", *fall(pair.metrics["rmse"], errors[pair.second]))
        for pair in found.pairs if pair.first == found.names[0]
    ]  # fmt: skip
    explained = 1 - (1 - figure.value / 100) ** 2
    return Answer(
        (
            f"An error {figure.say()} smaller is a squared error {explained:.0%} smaller: "
            f"1 − (1 − {figure.value / 100:g})². Where the shallow network does no better than the mean, the deep one "
            f"explains {explained:.0%} of the variance.",
        ),
        tuple(readings),
        judge(figure, readings),
        (
            f"Next-day S&P 500 returns, {_FOLDS} walk-forward folds, {tested:,} test days, {len(experiment.seeds)} "
            f"seeds, {min(HIDDEN, bench.network.hidden)} hidden units, at most {experiment.train.epochs} epochs a fit. "
            f"Intervals are from paired block bootstraps. `candlewick compare {EXPERIMENT}` compares wider ones.",
            found.sentences[-1],
            "The comparison stands in the ledger of trials like any other on these bars.",
        ),
    )


def name(model: str) -> str:
    """`5 layers` from the label of a model that differs from its rivals in depth.

    >>> name("lstm[layers=5]"), name("lstm[layers=1]")
    ('5 layers', '1 layer')
    """
    layers = re.sub(r"\D", "", model)
    return f"{layers} layer{'s' * (layers != '1')}"


def fall(difference: Interval, shallow: float) -> tuple[float, tuple[float, float]]:
    """How many percent smaller the deep network's error is, with its interval.

    `difference` is its error minus the shallow one's, which is `shallow`.
    """
    percent = -100 / shallow
    return difference.estimate * percent, (difference.high * percent, difference.low * percent)


def survival(layers: int) -> float:
    """The published share of the gradient that survives so many layers.

    >>> round(survival(5), 2)
    6.38
    """
    return KEPT**layers * math.prod(FACTORS)


def _gradients(figure: Figure, bench: Bench) -> Answer:
    packaged = Experiment.of(EXPERIMENT)
    prepared = prepare(packaged)
    readings: list[Reading] = []
    measured: dict[int, float] = {}
    for layers in FLOW_DEPTHS:
        model = {"name": "lstm", "layers": layers, "hidden": min(HIDDEN, bench.network.hidden)}
        experiment = Experiment.of({**packaged.to_dict(), "model": model, "rivals": []})
        bench.progress.say(f"gradients of {layers} layers, each mechanism on and off")
        for variant in flow(experiment, prepared.data, prepared.folds[0]):
            if variant["title"] in ("as configured", "layer norm off", "skips off", "clipping off"):
                share = arriving(variant)
                readings.append(Reading(f"{layers} layers, {variant['title']}", share))
                measured.setdefault(layers, share)
    factors = " × ".join(f"{factor:g}" for factor in FACTORS)
    formula = {layers: survival(layers) for layers in FLOW_DEPTHS}
    return Answer(
        (
            f"{KEPT}^L × {factors} is "
            + ", ".join(f"{number(share)} for {layers} layers" for layers, share in formula.items())
            + ".",
            "A rate of survival is at most 1. The four factors are the same for every network and depth: nothing of a "
            "gradient enters them.",
        ),
        tuple(readings),
        surviving(figure, formula, measured),
        (
            "Measured is the norm of the gradient at the first LSTM layer over that at the last, the mean of the first "
            f"training steps on S&P 500 returns, {min(HIDDEN, bench.network.hidden)} hidden units. It is no "
            "rate of survival and may exceed 1.",
        ),
    )


def arriving(variant: Mapping[str, Any]) -> float:
    """Norm of the gradient at the first LSTM layer over that at the last, the mean over steps."""
    layers = [place for place, layer in enumerate(variant["layers"]) if layer.startswith("lstm.")]
    return statistics.fmean(step[layers[0]] / step[layers[-1]] for step in variant["gradient"])


def surviving(figure: Figure, formula: Mapping[int, float], measured: Mapping[int, float]) -> Verdict:
    """The verdict on a formula for a share, given the shares that were measured at the same depths."""
    said = ", ".join(f"{number(measured[layers])} at {layers} layers" for layers in measured)
    beyond = [layers for layers, share in formula.items() if not figure.met_by(share)]
    if beyond:
        return Verdict(
            "impossible here",
            f"it gives {number(formula[beyond[0]])} at {beyond[0]} layers, where 1 is all there is. Measured, the "
            f"first layer's gradient over the last one's is {said}.",
        )
    near = all(abs(formula[layers] / share - 1) <= AS_GOOD_AS for layers, share in measured.items())
    word: Word = "holds" if near else "not reached here"
    return Verdict(word, f"measured, the first layer's gradient over the last one's is {said}.")


QUESTIONS = (
    Question(
        "depth", "An error 31 % smaller by depth alone", "Depth alone makes the RMSE of return forecasts 31 % smaller.",
        Figure(31, "%", "at least"), _error, minutes=2,
    ),
    Question(
        "gradients", "A survival rate of gradients",
        "The share of the gradient that survives L layers is 0.9^L × 1.5 × 2 × 3 × 1.2.",
        Figure(1, ""), _gradients, minutes=0.1,
    ),
)  # fmt: skip
