"""Milliseconds of one update (batch 1, one step, AdamW) of the 5 x 512 LSTM, against the plain PyTorch loop.

    python benchmarks/speed/update.py [--rounds 20 --updates 5]

The plain loop is what the net of the plain script beside this file gets from torch's own defaults: nn.LSTM,
zero_grad, backward, clip_grad_norm_, AdamW. Both take turns, `--updates` updates a round, on one thread and then on
two; a figure is the median over rounds. The memory limit is the time that the machine needs to move what an update
must move: each weight is read forth and read back, then weight and both moments are read and written, 32 bytes a
weight. The bandwidth is measured in the same rounds, as the update moves it: three arrays of the network's
size, read and written where they lie.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _record import record
from speed.plain_lstm import Net

from candlewick.models._heads import HeadScale, Point
from candlewick.models.lstm import Lstm
from candlewick.train.recipe import Recipe
from candlewick.train.update import Updater

INPUTS, BYTES_A_WEIGHT = 40, 32
SKIPS = ((2, 3), (3, 5))

Update = Callable[[np.ndarray, float], None]


def plain(hidden: int) -> Update:
    torch.manual_seed(0)
    net = Net(INPUTS, hidden // 2, hidden, 5, [(to, source) for source, to in SKIPS], 0.2)
    adamw, states = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01), None

    def update(x: np.ndarray, y: float) -> None:
        nonlocal states
        raw, states = net(torch.from_numpy(x)[None], states)
        states = [(h.detach(), c.detach()) for h, c in states]
        loss = nn.functional.mse_loss(raw, torch.full_like(raw, y))
        adamw.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adamw.step()

    return update


def ours(hidden: int, threads: int) -> Update:
    network = Lstm(layers=5, hidden=hidden, projection=hidden // 2, dropout=0.2, skips=SKIPS)
    torch.manual_seed(0)
    weights = {name: tensor.numpy() for name, tensor in network.build(INPUTS, 1).state_dict().items()}
    recipe = Recipe(sampling="streams", threads=threads)
    updater = Updater(network, weights, inputs=INPUTS, head=Point(), scale=HeadScale(0.0, 1.0), recipe=recipe)
    state = updater.zero

    def update(x: np.ndarray, y: float) -> None:
        nonlocal state
        _, state = updater.update(x, y, state)

    return update


def moving(weights: int) -> Update:
    """Three arrays read and written in place: what the update of weight and moments moves, and nothing else."""
    arrays = [torch.ones(weights) for _ in range(3)]
    return lambda x, y: torch._foreach_mul_(arrays, 0.999)


def seconds(update: Update, samples: list[tuple[np.ndarray, float]]) -> float:
    """Of one update."""
    began = time.perf_counter()
    for x, y in samples:
        update(x, y)
    return (time.perf_counter() - began) / len(samples)


def measured(hidden: int, threads: int, *, rounds: int, updates: int) -> dict[str, object]:
    torch.set_num_threads(threads)
    network = Lstm(layers=5, hidden=hidden, projection=hidden // 2)
    weights = sum(layer.parameters for layer in network.count(INPUTS, Point(), 1))
    sides = {"plain": plain(hidden), "ours": ours(hidden, threads), "memory": moving(weights)}
    rng = np.random.default_rng(0)
    samples = [(rng.normal(size=(1, INPUTS)).astype(np.float32), rng.normal()) for _ in range(updates)]
    for update in sides.values():  # first touches of memory and kernels are nobody's speed
        seconds(update, samples)
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, update in sides.items():
            taken[name].append(seconds(update, samples))
    middle = {name: statistics.median(times) for name, times in taken.items()}
    gb_s = weights * 24 / middle["memory"] / 1e9
    limit = weights * BYTES_A_WEIGHT / gb_s / 1e9
    title = f"{threads} thread{'s' * (threads > 1)}"
    return {
        f"{title}, plain, ms": 1e3 * middle["plain"],
        f"{title}, ours, ms": 1e3 * middle["ours"],
        f"{title}, ours / plain": statistics.median(a / b for a, b in zip(taken["ours"], taken["plain"], strict=True)),
        f"{title}, memory, GB/s": gb_s,
        f"{title}, memory limit, ms": 1e3 * limit,
        f"{title}, share of the memory limit": limit / middle["ours"],
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--updates", type=int, default=5)
    arguments.add_argument("--hidden", type=int, default=512)
    asked = arguments.parse_args()
    figures: dict[str, object] = {"hidden": asked.hidden, "rounds": asked.rounds, "updates a round": asked.updates}
    for threads in (1, 2):
        figures |= measured(asked.hidden, threads, rounds=asked.rounds, updates=asked.updates)
    figures["target"] = "ours / plain at most 0.6"
    record("update", figures)


if __name__ == "__main__":
    main()
