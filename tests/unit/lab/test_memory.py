"""The memory of a piece of work is its peak, from where it began."""

import numpy as np

from candlewick.lab.memory import measured_memory


def test_what_was_freed_again_counts_and_what_was_there_before_does_not() -> None:
    held = np.ones(10_000_000)
    with measured_memory() as memory:
        del held
        _ = np.ones(25_000_000).sum()
    assert 100e6 < memory.grown < 220e6
    with measured_memory() as after:
        _ = np.ones(1_000_000).sum()
    assert after.grown < 50e6  # the peak of the work before is forgotten
    assert after.peak >= after.before
