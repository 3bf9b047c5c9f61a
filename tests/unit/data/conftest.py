import numpy as np
import polars as pl
import pytest

from candlewick.data.bars import Bars
from candlewick.data.synthetic.martingale import Martingale

MINUTE = 60 * 10**9
DAY = 86_400 * 10**9


@pytest.fixture(scope="session")
def bars() -> Bars:
    return Martingale(interval="1m").bars(500, seed=3)


@pytest.fixture
def frame(bars: Bars) -> pl.DataFrame:
    """What a vendor would ship: stamps of closes, in UTC by the name of the column."""
    times = pl.Series("close_time", bars.t).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame([times, *(pl.Series(name, np.array(bars.column(name))) for name in bars.columns)])
