"""Mutated releases are refused with a sentence, or forecast as before. `CANDLEWICK_MUTATIONS` says how many."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mutations import mutate

from candlewick.core.errors import CandlewickError
from candlewick.release.bundle import Bundle, open_bundle
from candlewick.release.golden import TOLERANCE
from candlewick.runtime.choose import candidates, open_session
from candlewick.runtime.replay import replay

COUNT = int(os.environ.get("CANDLEWICK_MUTATIONS", "300"))


def forecasts(bundle: Bundle, original: Bundle) -> np.ndarray:
    """Raw outputs over the golden bars of the original release."""
    session = open_session(bundle.exported, candidates(bundle.exported)[0])
    return replay(bundle.exported, session, original.golden.panel).raw


def outcome(folder: Path, original: Bundle) -> str:
    """Refused, by its vectors or at once; or of what kind the harmless one is."""
    try:
        bundle = open_bundle(folder)
    except CandlewickError:
        return "refused"
    try:
        bundle.golden.check(open_session(bundle.exported, candidates(bundle.exported)[0]))
    except CandlewickError:
        return "golden vectors"
    made, before = forecasts(bundle, original), forecasts(original, original)
    assert made.shape == before.shape
    assert np.abs(made - before).max() <= TOLERANCE * np.maximum(np.abs(before), 1).max()
    return "the same" if bundle.id == original.id else "harmless"


@pytest.mark.parametrize(("model", "count"), [("linear", 3 * COUNT // 4), ("lstm", COUNT // 4)])
def test_mutated_releases_are_refused_or_harmless(
    releases: Callable[..., Path], copied: Callable[..., Path], tmp_path: Path, model: str, count: int
) -> None:
    original, seed = open_bundle(releases(model)), 20_26
    found: Counter[str] = Counter()
    for number in range(count):
        folder = copied(releases(model), "mutant")
        said = mutate(folder, np.random.default_rng([seed, number]))
        try:
            found[outcome(folder, original)] += 1
        except Exception as error:  # whatever is no refusal
            raise AssertionError(
                f"mutation {number} of seed {seed}: {said}: {type(error).__name__}: {error}"
            ) from error
        if folder.exists():
            shutil.rmtree(folder)
    print(f"{model}: {sum(found.values())} mutants: {dict(found)}")
    assert found["refused"] > count * 0.6
    assert found["golden vectors"] > 0 or count < 200  # there are some that only forecasts give away
