"""How often the forecast verdict passes on losses without skill, and how often it sees real skill.

Loss differences are an AR(1) with fat tails, four models against one baseline; `skill` is the true lead of one of them
in standard errors of its mean. The plain bootstrap test stands beside the one that the verdict uses.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from candlewick.evaluate.statistics.bootstrap import block_length
from candlewick.evaluate.statistics.spa import bootstrap_p, superiority

sys.path.insert(0, str(Path(__file__).parents[1]))
from _record import record

LEVEL = 0.01
MODELS = 4


def leads(random: np.random.Generator, n: int, persistence: float, skill: float) -> np.ndarray:
    noise = random.standard_normal((n + 300, MODELS)) + random.standard_normal((n + 300, 1))
    noise *= np.exp(0.5 * random.standard_normal((n + 300, 1)))
    ahead = lfilter([1.0], [1.0, -persistence], noise, axis=0)[300:]
    ahead[:, 0] += skill * noise.std() / (1 - persistence) / np.sqrt(n)
    return ahead


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 1000, 3000])
    arguments = parser.parse_args()
    runs = arguments.runs
    figures: dict[str, float] = {}
    for skill in (0.0, 4.0):
        for n in arguments.rows:
            for persistence in (0.0, 0.5, 0.9):
                random = np.random.default_rng(n)
                passes = np.zeros(2)
                for run in range(runs):
                    ahead = leads(random, n, persistence, skill)
                    judged = superiority(np.zeros(n), -ahead, seed=run, resamples=999)
                    plain = bootstrap_p(ahead, block=block_length(ahead), seed=run, resamples=999)
                    passes += judged.p <= LEVEL, plain.min() <= LEVEL
                case = f"skill {skill:g}, {n} rows, persistence {persistence:g}"
                figures[f"{case}: verdict passes"] = passes[0] / runs
                figures[f"{case}: bootstrap alone passes"] = passes[1] / runs
                print(case, passes / runs, flush=True)
    record("verdict_size", {"runs": runs, **figures})


if __name__ == "__main__":
    main()
