"""Bars and panels of arrays as the bars that are posted, in order of time."""

from collections.abc import Iterator

import numpy as np

from candlewick.data.bars import Bars, Panel
from candlewick.serve.protocol import Bar


def in_order(bars: Bars | Panel, source: str = "") -> Iterator[Bar]:
    """Each bar by its close; of several instruments that close at once, in the panel's order.

    Args:
        bars: of one instrument or several.
        source: what the bars say they came from.
    """
    each = bars.bars if isinstance(bars, Panel) else (bars,)
    t = np.concatenate([one.t for one in each])
    places = np.concatenate([[0], np.cumsum([len(one) for one in each])])
    for place in np.argsort(t, kind="stable").tolist():
        index = int(np.searchsorted(places, place, side="right")) - 1
        one, row = each[index], place - int(places[index])
        values = dict(zip(one.columns, one.values[row].tolist(), strict=True))
        yield Bar(one.symbol, int(one.t[row]), values, interval_ns=one.interval_ns or None, source=source)
