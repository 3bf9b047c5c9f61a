"""Figures that are decided by counting."""

from candlewick.core.words import number
from candlewick.lab.claims.claim import Answer, Bench, Figure, Question, Reading, judge
from candlewick.lab.claims.network import HIDDEN, LAYERS, PROJECTION
from candlewick.models._heads import Point
from candlewick.models.lstm import Lstm

NAMED_SPACE, SEARCHED = 180, 500
COLUMNS, CLASSES = 4, 2


def recurrent(layers: int, inputs: int, hidden: int) -> tuple[int, int]:
    """Parameters and multiply-adds a step of the LSTM layers alone, without norms, projection and head.

    >>> recurrent(5, 256, 512)
    (9981952, 9961472)
    """
    counts = [
        layer for layer in Lstm(layers=layers, hidden=hidden, dropout=0.0).count(inputs, Point(), 1)
        if layer.layer.startswith("lstm.")
    ]  # fmt: skip
    return sum(layer.parameters for layer in counts), sum(layer.multiply_adds for layer in counts)


def jade(hidden: int, dense: int) -> int:
    """Parameters of two bidirectional LSTM layers over four columns, and two heads over the mean of both directions.

    A direction of a layer is an LSTM layer of its own; the second reads both directions of the first. A head is one
    dense layer and two outputs.

    >>> jade(128, 64), jade(64, 32)
    (565636, 143556)
    """
    directions = 2 * (recurrent(1, COLUMNS, hidden)[0] + recurrent(1, 2 * hidden, hidden)[0])
    head = (2 * hidden + 1) * dense + (dense + 1) * CLASSES
    return directions + 2 * head


def _size(figure: Figure, bench: Bench) -> Answer:
    parameters, products = recurrent(LAYERS, PROJECTION, HIDDEN)
    reading = Reading(f"counted from the spec, {LAYERS} layers of {HIDDEN} behind {PROJECTION} inputs", parameters)
    return Answer(
        (
            f"A layer of {HIDDEN} has four gates with a matrix for its input, one for its own state and two bias "
            "vectors, as torch keeps them.",
            f"One step of one sequence costs {products:,} multiply-adds, {2 * products / 1e6:.3g} MFLOP.",
        ),
        (reading,),
        judge(figure, [reading]),
    )


def _architectures(figure: Figure, bench: Bench) -> Answer:
    met = NAMED_SPACE * (1 - (1 - 1 / NAMED_SPACE) ** SEARCHED)
    again = 1 - NAMED_SPACE / SEARCHED
    reading = Reading(f"expected among {SEARCHED} draws from {NAMED_SPACE}", met)
    return Answer(
        (
            f"The space that was named has {NAMED_SPACE} members. {SEARCHED} evaluations visit {NAMED_SPACE} of them "
            f"at most, so that {again:.0%} or more repeat one that is known.",
            f"Drawn at random, {number(met)} different ones are expected: "
            f"{NAMED_SPACE} × (1 − (1 − 1/{NAMED_SPACE})^{SEARCHED}).",
        ),
        (reading,),
        judge(figure, [reading], limit=NAMED_SPACE, because="the named space holds"),
        ("Widen the space, or say how many it has.",),
    )


def _smaller(figure: Figure, bench: Bench) -> Answer:
    large, small = jade(128, 64), jade(64, 32)
    reading = Reading(f"{small:,} instead of {large:,}, counted from the layers", 100 * (1 - small / large))
    return Answer(
        ("Both have two bidirectional LSTM layers over four columns and two heads; the compact one half the units.",),
        (reading,),
        judge(figure, [reading]),
    )


QUESTIONS = (
    Question(
        "size", "9,981,952 parameters",
        f"The {LAYERS} recurrent layers of {HIDDEN} behind {PROJECTION} inputs have 9,981,952 parameters.",
        Figure(9_981_952, "parameters", "exactly"), _size,
    ),
    Question(
        "compact", "A quarter of the parameters", "The compact network for small data has 74.6 % fewer parameters.",
        Figure(74.6, "%", "at least"), _smaller,
    ),
    Question(
        "architectures", "500 architectures searched",
        f"{SEARCHED} architectures were searched in a space whose options multiply to {NAMED_SPACE}.",
        Figure(SEARCHED, "architectures", "at least"), _architectures,
    ),
)  # fmt: skip
