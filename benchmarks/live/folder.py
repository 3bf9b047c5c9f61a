"""A live folder with releases of the 5 x 512 LSTM behind forty feature columns, and minute bars to feed it.

The releases come of real runs, one seed each, of one epoch on a synthetic market: what they forecast is of no interest
here, what they cost is the same as after a hundred.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import candlewick as cw
from candlewick.core.clock import NS_PER_SECOND
from candlewick.lab.claims.network import FEATURES
from candlewick.release.make import release

MINUTE = 60 * NS_PER_SECOND
MODEL = {"name": "lstm", "layers": 5, "hidden": 512, "projection": 256, "dropout": 0.2}
SMALL = {"name": "lstm", "layers": 1, "hidden": 32}


def experiment(seed: int, model: Any = None) -> cw.Experiment:
    """What is run: forty columns, the next return, a position that follows it."""
    return cw.Experiment.of(
        {
            "title": f"the published network, seed {seed}",
            "data": {"name": "synthetic", "market": {"name": "clustered", "interval": "1m"}, "bars": 2_500, "seed": 7},
            "features": list(FEATURES),
            "label": {"name": "forward_return", "horizon": 1},
            "length": 64,
            "scaler": {"name": "standard", "pooled": True},
            "split": {"name": "holdout", "test": 0.3},
            "model": model or MODEL,
            "train": {"sampling": "streams", "epochs": 1, "batch": 8, "chunk": 64, "warmup": 64},
            "seeds": [seed],
            "policy": {"name": "threshold"},
            "limits": {"parameters_per_sample": {"refuse": None}},
        }
    )


def releases(place: Path, count: int, model: Any = None) -> tuple[Path, list[str]]:
    """A live folder below `place` with releases of so many runs, each made once and kept there; none is champion."""
    live = place / "live"
    shutil.rmtree(live, ignore_errors=True)
    return live, [released(place, seed, live, model) for seed in range(count)]


def released(place: Path, seed: int, live: Path, model: Any = None) -> str:
    """Id of one of those releases, made in `live`."""
    folder = place / f"run-{seed}"
    run = cw.open_run(folder) if (folder / "report.html").is_file() else cw.run(experiment(seed, model), out=folder)
    return release(run, model=run.experiment.model_label, force="a benchmark", live=live).id


def bars(symbols: int, end: int, *, count: int) -> Iterator[dict[str, Any]]:
    """`count` slices of minute bars of so many instruments, the last of which closes at `end`, as a feed posts them."""
    from candlewick.data.synthetic import MARKETS

    market = MARKETS.build({"name": "clustered", "interval": "1m"}).bars(n=count, seed=11)
    for k, row in enumerate(market.values.tolist()):
        values = dict(zip(market.columns, row, strict=True))
        for number in range(symbols):
            t = end - (count - 1 - k) * MINUTE
            yield {"symbol": f"S{number:03d}", "t": t, "values": values, "source": "load"}
