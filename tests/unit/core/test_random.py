"""Streams: the same names give the same numbers, other names give unrelated ones."""

import subprocess
import sys

import numpy as np
import pytest

from candlewick.core.random import seed_for, stream


def test_the_same_names_give_the_same_numbers_in_every_process() -> None:
    here = stream(7, "fold", 1).random(3).tolist()
    code = "from candlewick.core.random import stream; print(stream(7, 'fold', 1).random(3).tolist())"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert there.strip() == str(here)


def test_streams_with_different_names_are_uncorrelated() -> None:
    n = 4000
    draws = np.array([stream(0, "worker", k).standard_normal(n) for k in range(40)])
    correlations = np.corrcoef(draws)[np.triu_indices(40, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(n)


def test_a_draw_from_one_stream_moves_no_other() -> None:
    quiet = stream(0, "a").random()
    stream(0, "b").random(1000)
    assert stream(0, "a").random() == quiet


@pytest.mark.parametrize(("one", "other"), [(("ab", "c"), ("a", "bc")), ((1, 12), (11, 2)), ((), ("",))])
def test_names_cannot_run_into_one_another(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> None:
    assert seed_for(1, *one) != seed_for(1, *other)


def test_seeds_fit_every_library() -> None:
    seeds = [seed_for(0, k) for k in range(1000)]
    assert min(seeds) >= 0
    assert max(seeds) < 2**63
    assert len(set(seeds)) == 1000
