"""The card of a release: everything that is said of it in words and numbers, and the sha256 of every file beside it."""

import hashlib
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from candlewick.core.clock import NS_PER_DAY
from candlewick.core.spec import canonical_json
from candlewick.evaluate.costs import Costs, Fill
from candlewick.evaluate.policies import POLICIES
from candlewick.evaluate.policies._base import Policy
from candlewick.runtime.exported import Exported
from candlewick.runtime.members import Trust, located
from candlewick.runtime.strict_json import parse, refused

CARD = "release.json"
LARGEST_CARD = 2**20
"""Bytes of a card at most."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Line = Annotated[str, Field(max_length=2_000)]
_Columns = Annotated[tuple[Line, ...], Field(min_length=1, max_length=4_096)]
_Span = Annotated[int, Field(ge=1, le=400 * NS_PER_DAY)]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Evidence(_Plain):
    """What the run's verdict says: whether it passed, the model it names, and the verdicts in sentences."""

    passed: bool
    use: Line
    sentences: tuple[Line, ...]


class Card(_Plain):
    """A release in words and numbers; there is no time in it, so that the same run gives the same card.

    Attributes:
        title: of the experiment.
        model: the model's label in its run.
        content_id: of the model, `Exported.content_id`.
        interval_ns: length of a bar.
        usual_step_ns: the longest step between bars that occurred at least three times in the run's data.
        columns: of a bar, in the order in which the engine takes them.
        symbols: instruments that the scaler knows; None where it serves any.
        nonpositive: prices of zero and below are meant.
        bars_per_year: at the rate of the run's own stamps.
        fill: which price of the next bar fills an order.
        policy: forecasts to positions; None where nothing is traded.
        costs: of a trade.
        schema_hash: of names, parameters, columns and sources of the features.
        sources: sha256 of the file behind each of the user's own members, by its name.
        verdict: of the run.
        forced: why it was released although the verdict does not speak for it; "" where it does.
        lineage: run, experiment, data, split, fold, seed, versions of the libraries that fitted it.
        made_by: versions of the libraries that made the golden vectors.
        files: sha256 of every other file of the release.
    """

    format: Literal[1]
    title: Line
    model: Line
    content_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    interval_ns: _Span
    usual_step_ns: _Span
    columns: _Columns
    symbols: Annotated[tuple[Line, ...], Field(min_length=1)] | None
    nonpositive: bool
    bars_per_year: float = Field(gt=0, le=1e9)
    fill: Fill
    policy: dict[str, Any] | None
    costs: Costs
    schema_hash: Sha256
    sources: dict[Line, Sha256]
    verdict: Evidence
    forced: Line
    lineage: dict[str, Any]
    made_by: dict[str, Line]
    files: dict[Line, Sha256]

    _trust: Trust = PrivateAttr(default=Trust())

    @classmethod
    def parsed(cls, data: bytes, trust: Trust = Trust()) -> "Card":  # noqa: B008 (frozen)
        """The card in the bytes of a `release.json`.

        Args:
            trust: where a policy from the user's own file may be loaded from.

        Raises:
            StorageError: not the one way to write a card: canonical JSON of known fields within their bounds.
        """
        plain = parse(data, CARD)
        try:
            same = canonical_json(plain) == data
        except ValueError:  # a number too large for a float was read as infinity
            same = False
        if not same:
            raise refused(CARD, "is not canonical JSON")
        try:
            card = cls.model_validate_json(data)
        except ValidationError as error:
            wrong = error.errors()[0]
            raise refused(CARD, f"is wrong at {'.'.join(str(part) for part in wrong['loc'])}: {wrong['msg']}") from None
        card._trust = trust
        return card

    @property
    def policy_spec(self) -> Policy | None:
        """The policy, built; None where nothing is traded.

        Raises:
            ConfigError, StorageError: it is not valid here, or from a user's own file that is not there as it was.
        """
        return None if self.policy is None else POLICIES.build(located(self.policy, self.sources, self._trust))

    @property
    def one_line(self) -> str:
        """What speaks for it, in a line."""
        if self.forced:
            return f"forced: {self.forced}"
        return f"{'passed' if self.verdict.passed else 'failed'}, it names {self.verdict.use}"


def schema_hash(exported: Exported) -> str:
    """sha256 over what the model reads: names, parameters, sources and columns of its features and its label's past."""
    features = (*exported.features.features, *(exported.echo.features if exported.echo else ()))
    schema = {"features": [feature.identity() for feature in features], "columns": list(exported.columns)}
    return hashlib.sha256(canonical_json(schema)).hexdigest()


def symbols_of(exported: Exported) -> tuple[str, ...] | None:
    """Instruments that the model's scaler knows; None where it has one scale for all."""
    names = exported.scaler["symbols"].tobytes().decode()
    if not names:
        return None
    known = ~np.isnan(exported.scaler["center"]).any(axis=1)  # NaN where it had no training rows
    return tuple(name for name, fitted in zip(names.split("\n"), known.tolist(), strict=True) if fitted)
