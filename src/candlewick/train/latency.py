"""How long one forecast takes in torch: a stateful step where the network streams, one window where it does not."""

import statistics

from candlewick.core.clock import elapsed_s
from candlewick.models._base import Network
from candlewick.models._heads import Head
from candlewick.train._torch import torch
from candlewick.train.device import reproducible


def forecast_seconds(network: Network, *, inputs: int, head: Head, length: int, rounds: int = 50) -> float:
    """Median seconds of one forecast of one instrument on one thread, fp32, after a warm-up of ten.

    Fresh weights serve: the time does not depend on their values.
    """
    with reproducible(1), torch.inference_mode():
        module = network.build(inputs, head.outputs).eval()
        bars = torch.zeros(1, 1 if network.streams else length, inputs)
        _, state = module(bars)
        taken = []
        for _ in range(rounds + 10):
            began = elapsed_s()
            _, state = module(bars, state if network.streams else None)
            taken.append(elapsed_s() - began)
    return statistics.median(taken[10:])
