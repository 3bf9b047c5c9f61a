"""What few samples allow: parameters for each of them, and the memory that they need."""

import numpy as np

from candlewick.core.random import stream
from candlewick.lab.claims.arithmetic import CLASSES, COLUMNS, jade
from candlewick.lab.claims.claim import Answer, Bench, Figure, Question, Reading, Verdict, judge
from candlewick.models._heads import Classes, HeadScale
from candlewick.models.lstm import Lstm
from candlewick.samples.dataset import Dataset, Samples
from candlewick.sizing.count import training_bytes
from candlewick.train.recipe import Recipe

WINDOWS, BARS, LIMIT = 174, 105, 1000
UNSEEN = 500
_EPOCHS = 40
_GIGABYTE = 1e9


def coins(windows: int, name: str) -> Samples:
    """Windows of standard normal columns whose classes are coin flips: there is nothing to learn."""
    rng, rows = stream(0, "claims", "coins", name), windows * BARS
    t = np.arange(rows, dtype=np.int64)
    ready = t % BARS == BARS - 1
    data = Dataset(
        x=rng.standard_normal((rows, COLUMNS), dtype=np.float32), columns=tuple(f"f{k}" for k in range(COLUMNS)), t=t,
        symbol=np.zeros(rows, dtype=np.int64), symbols=("COINS",), y=rng.integers(0, CLASSES, rows).astype(float),
        known_at=t + 1, echo=np.full(rows, np.nan), start=np.maximum(t - BARS + 1, 0), length=BARS, ready=ready,
    )  # fmt: skip
    return Samples(data, np.flatnonzero(ready))


def sized(parameters: int) -> Lstm:
    """The widest network of two layers with at most so many parameters, on four columns and two classes."""
    hidden = 1
    while _size(Lstm(layers=2, hidden=hidden + 1, dropout=0.0)) <= parameters:
        hidden += 1
    return Lstm(layers=2, hidden=hidden, dropout=0.0)


def _size(network: Lstm) -> int:
    return sum(layer.parameters for layer in network.count(COLUMNS, Classes(), BARS))


def accuracies(network: Lstm, epochs: int) -> tuple[float, float]:
    """On the coin flips that it was trained on, and on others."""
    from candlewick.train.infer import predict
    from candlewick.train.loop import fit

    train, unseen, head = coins(WINDOWS, "train"), coins(UNSEEN, "unseen"), Classes(classes=CLASSES)
    recipe = Recipe(
        batch=16, learning_rate=3e-3, weight_decay=0.0, schedule="constant", epochs=epochs
    )  # fmt: skip
    nothing = Samples(train.data, np.array([], dtype=np.int64))
    done = fit(network, train, nothing, head=head, scale=HeadScale(0.0, 1.0), recipe=recipe, seed=0)

    def accuracy(samples: Samples) -> float:
        raw = predict(network, done.weights, samples, head=head, recipe=recipe)
        return float(np.mean(raw.argmax(axis=1) == samples.y))

    return accuracy(train), accuracy(unseen)


def _ratio(figure: Figure, bench: Bench) -> Answer:
    parameters = jade(64, 32)
    ratio = parameters // WINDOWS
    network = sized(parameters)
    seen, unseen = accuracies(network, bench.repeats(_EPOCHS))
    half = 196 * (0.25 / WINDOWS) ** 0.5
    own = f"{_size(network):,} parameters, {_size(network) // WINDOWS} a window"
    return Answer(
        (
            f"{parameters:,} parameters for {WINDOWS} windows are {ratio} a window.",
            f"What a gate cannot say: with {WINDOWS} windows the 95 % interval of an accuracy near one half reaches "
            f"{half:.2g} points to either side.",
        ),
        (
            Reading("parameters for each window", ratio),
            Reading(f"right on {WINDOWS} coin flips that an LSTM was trained on ({own})", 100 * seen, unit="%"),
            Reading(f"right on {UNSEEN} others", 100 * unseen, unit="%"),
        ),
        gated(figure, ratio, seen, unseen),
        ("Whether a network of this size forecasts is for cross-validation to say, against the majority class.",),
    )


def gated(figure: Figure, ratio: float, seen: float, unseen: float) -> Verdict:
    """The verdict on a ratio as evidence, given what a network within it made of coin flips.

    Where it learned them by heart, the ratio keeps nobody from over-fitting: it is a gate and no proof.
    """
    inside = judge(figure, [Reading("parameters for each window", ratio)])
    if inside.word != "holds":
        return inside
    if seen - unseen < 0.2:
        return Verdict("holds", f"{inside.sentence} A network of this size did not learn coin flips by heart.")
    return Verdict(
        "holds only as",
        f"a gate, and no proof: a network of this size learned coin flips by heart ({seen:.0%} right on those it saw, "
        f"{unseen:.0%} on others).",
    )


def _memory(figure: Figure, bench: Bench) -> Answer:
    from candlewick.train.device import choose_device

    data = WINDOWS * BARS * COLUMNS * 4
    network = sized(jade(64, 32))
    layers = network.count(COLUMNS, Classes(), BARS)
    one = training_bytes(layers, sequences=16, steps=BARS, kahan=False).total
    every = training_bytes(layers, sequences=WINDOWS, steps=BARS, kahan=False).total
    readings = (
        Reading("the data set", data / _GIGABYTE),
        Reading("weights, gradients, AdamW's moments and the activations of a batch of 16", one / _GIGABYTE),
        Reading(f"the same with all {WINDOWS} windows in one batch", every / _GIGABYTE),
    )
    return Answer(
        (
            f"{WINDOWS} windows of {BARS} bars and {COLUMNS} columns in float32 are {data / 1e6:.2g} MB.",
            f"Training on them takes {one / 1e6:.2g} MB with a batch of 16, counted from the layers.",
        ),
        readings,
        occupied(figure, max(reading.value for reading in readings), choose_device(Recipe(device="auto")) == "cuda"),
        ("Memory in use is no sign of work. Device, memory and the time of an epoch are in every run's record.",),
    )


def occupied(figure: Figure, most: float, present: bool) -> Verdict:
    """The verdict on memory as a goal, given the most that the work can use, in the figure's unit."""
    if figure.met_by(most):
        return Verdict("holds", f"the work itself uses {figure.say(most)}.")
    uses = f"the work uses {figure.say(most)} at most; more could only be reserved and left empty"
    if not present:
        return Verdict("impossible here", f"there is no GPU, and {uses}.")
    return Verdict("holds only as", f"memory reserved for nothing: {uses}.")


QUESTIONS = (
    Question(
        "ratio", "825 parameters a sample are acceptable",
        f"825 parameters for each of {WINDOWS} samples are acceptable, since the target is below {LIMIT}.",
        Figure(LIMIT, "parameters"), _ratio, minutes=0.4,
    ),
    Question(
        "memory", "More than 1 GB of GPU memory", "Training shall occupy more than 1 GB of GPU memory.",
        Figure(1, "GB", "at least"), _memory,
    ),
)  # fmt: skip
