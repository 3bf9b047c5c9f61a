"""An experiment: everything that decides a run, in one validated, hashable spec."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from candlewick.core import config
from candlewick.core.errors import ConfigError
from candlewick.core.registry import Family
from candlewick.core.spec import Spec
from candlewick.data.sources import SOURCES
from candlewick.data.sources._base import Source
from candlewick.data.sources.given import Given
from candlewick.evaluate.costs import Costs
from candlewick.evaluate.policies import POLICIES
from candlewick.evaluate.policies._base import Policy
from candlewick.features import FEATURES
from candlewick.features._base import Feature
from candlewick.features._set import FeatureSet
from candlewick.labels import LABELS
from candlewick.labels._base import Label
from candlewick.models import MODELS
from candlewick.models._base import Estimator, Model
from candlewick.models._heads import AnyHead, Classes, Gaussian, Point, Quantile, Variance
from candlewick.samples.scalers import SCALERS
from candlewick.samples.scalers._base import Scaler
from candlewick.samples.splits import SPLITS
from candlewick.samples.splits._base import Split
from candlewick.sizing.limits import Limits
from candlewick.train.recipe import Recipe


class Experiment(Spec):
    """Data, features, label, samples, models, recipe, seeds and trading rule of one run.

    `model` is the one the verdict is about; `rivals` are compared with it; `baselines` are the simple models it
    has to beat. The label's trivial forecasts are always in the run and need no mention.
    """

    title: str = Field("", description="one line for people; part of no identity")
    data: SerializeAsAny[Source] = Given()
    features: tuple[SerializeAsAny[Feature], ...] = Field(min_length=1)
    label: SerializeAsAny[Label]
    length: int = Field(32, ge=1, description="rows of a sample's window")
    split: SerializeAsAny[Split]
    scaler: SerializeAsAny[Scaler]
    model: SerializeAsAny[Model]
    rivals: tuple[SerializeAsAny[Model], ...] = ()
    baselines: tuple[SerializeAsAny[Model], ...] = ()
    head: AnyHead | None = Field(None, description="null: the label's own (point, variance or classes)")
    train: Recipe = Recipe()
    calibrate: bool = Field(
        False, description="fit the confidence of networks (temperature or spread) on each fold's validation rows"
    )
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    policy: SerializeAsAny[Policy] | None = Field(None, description="null: forecasts are judged, nothing is traded")
    costs: Costs = Costs()
    limits: Limits = Field(Limits(), description="what it may cost before it is refused; part of no identity")

    @field_validator(
        "data", "features", "label", "split", "scaler", "model", "rivals", "baselines", "policy", mode="before"
    )
    @classmethod
    def _members(cls, value: Any, info: Any) -> Any:
        family = _FAMILIES[info.field_name]
        if value is None and info.field_name == "policy":
            return None
        if isinstance(value, Sequence) and not isinstance(value, str):
            return tuple(_build(family, entry) for entry in value)
        return _build(family, value)

    @model_validator(mode="after")
    def _fits_together(self) -> "Experiment":
        if self.head is not None:
            _check_head(self.head, self.label)
        if self.calibrate and not isinstance(self.answer, Classes | Gaussian | Quantile):
            raise ConfigError(
                f"calibrate is for heads that state a confidence, was head {self.answer.head}. "
                "Use head classes, gaussian or quantile, or leave calibrate out."
            )
        if self.policy is not None and self.label.kind not in self.policy.kinds:
            raise ConfigError(
                f"policy {self.policy.spec_name()} trades forecasts of kind {' or '.join(self.policy.kinds)}, "
                f"the label {self.label.spec_name()} is of kind {self.label.kind}. "
                "Choose another policy, or policy: null."
            )
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds must differ, was {list(self.seeds)}. Name each once.")
        labels = list(self.models)
        if len(labels) != 1 + len(self.rivals) + len(self.baselines):
            raise ValueError("the same model stands twice among model, rivals and baselines. Name each once.")
        for model in self.everything.values():
            model.count(len(self.feature_set.outputs), self.answer, self.length)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain data from which `Experiment.of` builds an equal one; members carry their names."""
        data = self.model_dump(mode="json")
        for field in _FAMILIES:
            value = getattr(self, field)
            if value is not None:
                data[field] = [v.to_dict() for v in value] if isinstance(value, tuple) else value.to_dict()
        return data

    @property
    def sources(self) -> dict[str, str | None]:
        """sha256 of the user's file behind each member of their own, by its name."""
        values = [getattr(self, field) for field in _FAMILIES]
        members = [member for value in values for member in (value if isinstance(value, tuple) else (value,))]
        return {m.spec_name(): m.source_hash for m in members if m is not None and m.source_file}

    def identity(self) -> dict[str, Any]:
        """What is done: not the title, which is for people, nor the limits, which decide only whether it is done."""
        return {**{key: value for key, value in super().identity().items() if key != "limits"}, "title": ""}

    @classmethod
    def of(cls, source: "str | Path | Mapping[str, Any] | Experiment", *overrides: str) -> "Experiment":
        """From a packaged name, a YAML path, plain data or an experiment, with dotted overrides.

        Raises:
            ConfigError: anything that cannot be meant as written, with the nearest right name.
        """
        if isinstance(source, Experiment):
            if not overrides:
                return source
            source = source.to_dict()
        data = (
            config.load(str(source), overrides)
            if isinstance(source, str | Path)
            else config.override(source, overrides)
        )
        if overrides and data.get("title") and not any(text.startswith("title=") for text in overrides):
            data["title"] += f" ({', '.join(overrides)})"  # the title alone would say what is no longer done
        return config.validated(cls, data, where="experiment")

    def among(self, models: Sequence[str]) -> "Experiment":
        """This experiment about the first of `models`, with the others as rivals and no baselines."""
        first, *rest = models
        title = f"{self.title or self.label.spec_name()} ({' against '.join(models)})"
        return Experiment.of({**self.to_dict(), "title": title, "model": first, "rivals": rest, "baselines": []})

    @cached_property
    def feature_set(self) -> FeatureSet:
        """The features as one step."""
        return FeatureSet.of(self.features)

    @property
    def answer(self) -> AnyHead:
        """The head in force: the configured one, or the label's own."""
        if self.head is not None:
            return self.head
        if self.label.kind == "classes":
            return Classes(classes=len(self.label.classes))
        return Variance() if self.label.kind == "variance" else Point()

    @cached_property
    def models(self) -> dict[str, Model]:
        """Model, rivals and baselines by a label that tells them apart: `lstm`, or `lstm[layers=3]` among several."""
        specs = (self.model, *self.rivals, *self.baselines)
        return {_label(spec, specs): spec for spec in specs}

    @cached_property
    def trivials(self) -> dict[str, Model]:
        """The label's no-skill forecasts. Skill is being better than every one of them, not than the worst."""
        rules = {"number": ["zero", "mean"], "variance": ["last", "mean"], "classes": ["prior"]}[self.label.kind]
        return {
            f"naive {rule}": MODELS.build({"name": "naive", "rule": rule})
            for rule in rules
            if rule != "last" or self.label.echo is not None
        }

    @cached_property
    def everything(self) -> dict[str, Model]:
        """All models of a run, the trivial ones last."""
        return {**self.models, **self.trivials}

    @property
    def model_label(self) -> str:
        """The label of `model`."""
        return next(iter(self.models))

    @property
    def streams(self) -> bool:
        """Whether any network is trained on streams, which rules out splits that train after the test block."""
        return self.train.sampling == "streams" and any(not isinstance(m, Estimator) for m in self.models.values())


_FAMILIES: dict[str, Family[Any]] = {
    "data": SOURCES, "features": FEATURES, "label": LABELS, "split": SPLITS, "scaler": SCALERS,
    "model": MODELS, "rivals": MODELS, "baselines": MODELS, "policy": POLICIES,
}  # fmt: skip


def _build(family: Family[Any], entry: Any) -> Any:
    """A member, or for models the name of a packaged group such as `lstm5`."""
    groups = config.group_names("model") if family is MODELS else ()
    if isinstance(entry, str) and entry in groups:
        entry = config.group("model", entry)
    try:
        return family.build(entry)
    except ConfigError as error:
        if groups and isinstance(entry, str) and ".py" not in entry:
            raise ConfigError(f"{error} Packaged with parameters: {', '.join(groups)}.") from None
        raise


def _label(spec: Model, among: Sequence[Model]) -> str:
    """The spec's name; where several share it, with as few of its parameters as tell them apart."""
    name = Path(spec.spec_name()).name
    twins = [other.model_dump(mode="json") for other in among if other.spec_name() == spec.spec_name()]
    own = spec.model_dump(mode="json")
    chosen: list[str] = []
    for key in own:
        alike = [twin for twin in twins if all(twin[k] == own[k] for k in chosen)]
        if any(twin[key] != own[key] for twin in alike):
            chosen.append(key)
    return f"{name}[{','.join(f'{key}={own[key]}' for key in chosen)}]" if chosen else name


def _check_head(head: AnyHead, label: Label) -> None:
    fits = {"number": ("point", "gaussian", "quantile"), "variance": ("variance",), "classes": ("classes",)}[label.kind]
    if head.head not in fits:
        raise ConfigError(
            f"head {head.head} does not suit the label {label.spec_name()} ({label.kind}). Use {' or '.join(fits)}."
        )
    if isinstance(head, Classes) and head.classes != len(label.classes):
        raise ConfigError(f"head has {head.classes} classes, the label {label.spec_name()} has {len(label.classes)}.")
