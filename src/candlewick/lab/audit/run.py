"""The audit as a whole: what it costs, then every check on the user's own configuration."""

from collections.abc import Callable, Collection
from typing import Any

from candlewick.core.clock import elapsed_s
from candlewick.core.errors import CandlewickError, ConfigError, LeakError, MissingDependencyError
from candlewick.core.progress import Progress, Silent
from candlewick.core.random import stream
from candlewick.data.bars import Panel
from candlewick.lab.audit import preparation, splitting, statistical
from candlewick.lab.audit.anchor import truncate_check
from candlewick.lab.audit.causality import echo_check, features_check, labels_check, scale_check
from candlewick.lab.audit.copies import duplicates_check
from candlewick.lab.audit.cost import estimate
from candlewick.lab.audit.fitting import Bench, fit_check, forecasts_check
from candlewick.lab.audit.futures import cuts_of, moments_of
from candlewick.lab.audit.report import KINDS, AuditReport, Check, guarded
from candlewick.lab.experiment import Experiment
from candlewick.lab.prepare import require_scalable
from candlewick.samples.build import build
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Fold

QUICK_CUTS = 4
"""Cuts of the checks that every run makes."""

TRUNCATED_STARTS = 4

_TESTS = {"shuffle": statistical.shuffled, "delay": statistical.delayed}


def audit(
    experiment: Experiment, *, panel: Panel | None = None, cuts: int = 20, seed: int = 0,
    only: Collection[str] | None = None, progress: Progress | None = None,
) -> AuditReport:  # fmt: skip
    """Try every way in which the future could reach a forecast of `experiment`.

    Structural checks change what could not be known and compare bits; statistical ones test, at 1 % in all, that no
    skill is left where there can be none. The cost is said before the first of them begins.

    Args:
        panel: bars in place of the experiment's own data; their preparation is then not checked.
        cuts: moments at which history is cut, one drawn from each of as many equal parts.
        seed: of cuts, fits and bootstraps.
        only: names of `KINDS` to be made; None makes all.

    Raises:
        ConfigError: `only` names no check, or the experiment does not fit its data.
        DataError: the data cannot be read at all.
    """
    progress, started = progress or Silent(), elapsed_s()
    wanted = _wanted(only)
    raw = experiment.data.raw() if panel is None else None
    panel = experiment.data.prepare(raw).panel if panel is None else panel
    checks: list[Check] = []
    bench, refusal = _bench(experiment, panel, seed)
    cost = estimate(bench, experiment, panel, raw, wanted, cuts)
    progress.say(f"audit of {experiment.title or experiment.label.spec_name()}: {cost}")
    questions = _questions(experiment, panel, raw, bench, cuts, seed)
    asked = [name for name in questions if name in wanted]
    tests = [name for name in _TESTS if name in wanted]
    progress.stage("auditing", len(asked) + len(tests))
    for name in asked:
        checks.append(guarded(name, questions[name]))
        progress.advance(note=name)
    if refusal is not None:
        checks.append(refusal)
    elif bench is not None and tests:
        checks += _statistical(bench, tests, seed)
        progress.advance(len(tests), note=" and ".join(tests))
    ordered = sorted(checks, key=lambda check: list(KINDS).index(check.name))
    return AuditReport(experiment.content_id, experiment.title, seed, cuts, cost, elapsed_s() - started, tuple(ordered))


def quick_checks(experiment: Experiment, panel: Panel, data: Dataset, folds: tuple[Fold, ...]) -> tuple[Check, ...]:
    """The structural checks that cost next to nothing, which every run makes before its forecast verdict."""
    cuts = cuts_of(moments_of(panel), QUICK_CUTS, stream(0, "audit", "quick"))
    return (
        guarded("features", lambda: features_check(experiment.feature_set, panel, cuts)),
        guarded("labels", lambda: labels_check(experiment.label, panel, cuts)),
        guarded("echo", lambda: echo_check(experiment.label, panel, cuts)),
        guarded("split", lambda: splitting.split_check(data, folds)),
    )


def _wanted(only: Collection[str] | None) -> frozenset[str]:
    unknown = sorted(set(only or ()) - set(KINDS))
    if unknown:
        raise ConfigError(f"no check is called {', '.join(unknown)}. There are: {', '.join(KINDS)}.")
    return frozenset(KINDS if only is None else only)


def _bench(experiment: Experiment, panel: Panel, seed: int) -> tuple[Bench | None, Check | None]:
    """The experiment on its data; or the check that says why the pipeline itself refuses it as a leak."""
    data, _ = build(panel, experiment.feature_set, experiment.label, length=experiment.length)
    try:
        folds = experiment.split.folds(data, streams=experiment.streams)
    except LeakError as error:
        return None, Check("split", False, str(error))
    for fold in folds:
        require_scalable(experiment, data, fold)
    return Bench(experiment, panel, data, tuple(folds), seed), None


def _questions(
    experiment: Experiment, panel: Panel, raw: Any, bench: Bench | None, cuts: int, seed: int
) -> dict[str, Callable[[], Check]]:
    features, label = experiment.feature_set, experiment.label
    times = cuts_of(moments_of(panel), cuts, stream(seed, "audit", "cuts"))
    adjusted = preparation.adjusted_columns(experiment.data, raw, panel)
    questions: dict[str, Callable[[], Check]] = {
        "stamps": lambda: preparation.stamps_check(raw, panel),
        "future_echo": lambda: preparation.future_echo_check(panel),
        "features": lambda: features_check(features, panel, times),
        "scale": lambda: scale_check(features, panel, adjusted),
        "labels": lambda: labels_check(label, panel, times),
        "echo": lambda: echo_check(label, panel, times),
    }
    if raw is not None:
        questions["bars"] = lambda: preparation.bars_check(
            experiment.data, raw, panel, cuts, stream(seed, "audit", "raw")
        )
    if bench is not None:
        questions["split"] = lambda: splitting.split_check(bench.data, bench.folds)
        questions["duplicates"] = lambda: duplicates_check(panel, bench.data, bench.folds)
        questions["fit"] = lambda: fit_check(bench)
        questions["forecasts"] = lambda: forecasts_check(bench, cuts, stream(seed, "audit", "forecasts"))
        questions["truncate"] = lambda: truncate_check(bench, TRUNCATED_STARTS)
    return {name: questions[name] for name in KINDS if name in questions}


def _statistical(bench: Bench, tests: list[str], seed: int) -> list[Check]:
    try:
        return statistical.judged([_TESTS[name](bench, seed) for name in tests])
    except MissingDependencyError:
        raise  # it says nothing of leaks
    except CandlewickError as error:
        return [Check(name, False, f"refused while it was checked: {error}") for name in tests]
