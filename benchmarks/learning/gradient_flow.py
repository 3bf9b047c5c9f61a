"""Gradient norms per layer of 3, 5 and 10 layers, with clipping, layer norm, skips and Kahan each on and off.

    python benchmarks/learning/gradient_flow.py [--hidden 64 --steps 20]

The market is synthetic volatility clustering, the label the next bar's squared return. For every variant it records
the mean norm of the gradient at the first LSTM layer as a share of that at the last (1 means that depth costs
nothing), the largest norm of the whole gradient that the optimiser received, and the share of updates lost.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _record import record

from candlewick.core.random import stream
from candlewick.models._heads import Variance
from candlewick.models.lstm import Lstm
from candlewick.samples.dataset import Dataset, Samples
from candlewick.train.numerics import Flow, gradient_flow
from candlewick.train.recipe import Recipe

BARS, LAGS = 8_000, 8


def dataset() -> Dataset:
    """Returns whose log variance is an AR(1) of half-life 50 bars; inputs are the last log sizes of returns."""
    rng = stream(0, "gradient flow")
    level = np.zeros(BARS)
    for i in range(1, BARS):
        level[i] = 0.986 * level[i - 1] + 0.17 * rng.normal()
    returns = np.exp(level / 2) * rng.normal(size=BARS)
    sizes = np.log(np.abs(returns) + 1e-3)
    x = np.stack([np.roll(sizes, lag) for lag in range(LAGS)], axis=1)
    t = np.arange(BARS) * 60_000_000_000
    return Dataset(
        x=((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32), columns=tuple(f"lag_{k}" for k in range(LAGS)),
        t=t, symbol=np.zeros(BARS, dtype=np.int64), symbols=("SYN",), y=np.roll(returns**2, -1), known_at=t + 1,
        echo=np.full(BARS, np.nan), start=t, length=LAGS, ready=np.arange(BARS) >= 2 * LAGS,
    )  # fmt: skip


def figures_of(flow: Flow) -> dict[str, float]:
    gradient = np.array(flow.gradient)
    lstm = [k for k, layer in enumerate(flow.layers) if layer.startswith("lstm")]
    figures = {
        "first layer / last layer": float(np.mean(gradient[:, lstm[0]] / gradient[:, lstm[-1]])),
        "largest whole norm": float(np.sqrt((gradient**2).sum(axis=1)).max()),
    }
    if "bf16" in flow.title:
        figures["share of updates lost"] = float(np.mean(flow.lost))
    return figures


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--hidden", type=int, default=64)
    arguments.add_argument("--steps", type=int, default=20)
    asked = arguments.parse_args()
    train = Samples(dataset(), np.arange(1_000, 7_000))
    head = Variance()
    recipe = Recipe(sampling="streams", batch=16, chunk=64, warmup=64)
    figures = {}
    for layers in (3, 5, 10):
        network = Lstm(layers=layers, hidden=asked.hidden)
        flows = gradient_flow(
            network, train, head=head, scale=head.fit_scale(train.y), recipe=recipe, seed=0, steps=asked.steps
        )
        for flow in flows:
            figures |= {f"{layers} layers, {flow.title}: {what}": value for what, value in figures_of(flow).items()}
    record("gradient_flow", figures)


if __name__ == "__main__":
    main()
