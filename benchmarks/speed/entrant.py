"""Our runtime in every setting that it may choose, as contestants beside its rivals."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from speed.rivals import Contestant, Shape, Step

from candlewick.lab.claims.network import deployed
from candlewick.models.lstm import Lstm
from candlewick.runtime.choose import Setting, candidates, choose, open_session
from candlewick.runtime.exported import Exported


def entrants(spec: Lstm, network: Any, shape: Shape) -> Iterator[Contestant]:
    """All candidates; the one that `choose` takes is named so."""
    weights = {name: array.detach().numpy() for name, array in network.state_dict().items()}
    exported = deployed(spec, length=shape.length, weights=weights)
    chosen, _ = choose(exported, instruments=shape.batch)
    for setting in candidates(exported, spinning=True):
        form = f"{setting.kernel}{', chosen' * (setting == chosen)}"
        begin = _begin(exported, setting, shape.batch)
        yield Contestant("candlewick", setting.precision, form, setting.threads, setting.spinning, begin)


def _begin(exported: Exported, setting: Setting, batch: int) -> Callable[[], Step]:
    # A spinning thread burns its core as long as its session lives, so such a session lives for its own turn only.
    kept = None if setting.spinning else open_session(exported, setting)

    def begin() -> Step:
        lanes = (kept or open_session(exported, setting)).begin(batch)

        def step(x: np.ndarray) -> np.ndarray:
            lanes.x[...] = x
            lanes.step(batch)
            return lanes.raw

        return step

    return begin
