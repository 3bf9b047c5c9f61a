import subprocess
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from candlewick.core.errors import ConfigError, DataError
from candlewick.data.checks import open_equals_previous_close
from candlewick.data.interval import bars_per_year
from candlewick.data.sources import SOURCES


@pytest.mark.parametrize("name", ["sp500", "nasdaq"])
def test_daily_indices_are_known_at_the_close_in_new_york(name):
    reading = SOURCES.build(name).read()
    (bars,) = reading.panel.bars
    assert len(bars) == 5_031
    assert bars.columns == ("open", "high", "low", "close", "volume")
    new_york = [datetime.fromtimestamp(int(t) / 1e9, ZoneInfo("America/New_York")) for t in bars.t]
    assert {(moment.hour, moment.minute) for moment in new_york} == {(16, 0)}
    assert (new_york[0].date().isoformat(), new_york[-1].date().isoformat()) == ("1999-01-04", "2018-12-31")
    assert bars_per_year(bars.t) == pytest.approx(251.6, abs=0.4)
    assert [finding.kind for finding in reading.findings] == ["gaps"]


def test_two_in_five_opens_of_the_sp500_repeat_the_close():
    (bars,) = SOURCES.build("sp500").read().panel.bars
    assert open_equals_previous_close(bars) == pytest.approx(2_004 / 5_030)


def test_the_sp500_is_read_without_pyarrow_and_without_importing_arch():
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from candlewick.data.sources import SOURCES\n"
        "print(len(SOURCES.build('sp500').read().panel), {'arch', 'pandas'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "5031 set()", done.stderr


def test_a_synthetic_market_is_named_with_its_parameters_and_comes_back_the_same():
    source = SOURCES.build({"name": "synthetic", "market": {"name": "planted", "r2": 0.02}, "bars": 300, "seed": 4})
    again = SOURCES.build(source.to_dict())
    assert again == source
    assert source.read().panel.content_hash == again.read().panel.content_hash
    other = SOURCES.build({"name": "synthetic", "market": "planted", "bars": 300, "seed": 5})
    assert other.read().panel.content_hash != source.read().panel.content_hash
    with pytest.raises(ConfigError, match="Did you mean 'r2'"):
        SOURCES.build({"name": "synthetic", "market": {"name": "planted", "r_2": 0.02}})


def test_a_file_is_read_with_its_options_and_made_coarser(tmp_path, frame):
    path = tmp_path / "coin.csv"
    frame.rename({"close_time": "time"}).write_csv(path)
    with pytest.raises(DataError, match="stamp: open or stamp: close"):
        SOURCES.build({"name": "file", "path": str(path)}).read()
    reading = SOURCES.build({"name": "file", "path": str(path), "stamp": "close", "aggregate": "1h"}).read()
    assert len(reading.panel) == 8
    assert "the newest 20 finer bars do not fill one" in reading.mapping[-1]


def test_what_comes_later_does_not_change_what_was_prepared_before(tmp_path, frame):
    path = tmp_path / "coin.parquet"
    frame.with_columns(pl.col("close").alias("adj_close") * 0.5).write_parquet(path)
    source = SOURCES.build({"name": "file", "path": str(path), "adjust": True})
    whole = source.read().panel.bars[0]
    frame.head(300).with_columns(pl.col("close").alias("adj_close") * 0.5).write_parquet(path)
    part = source.read().panel.bars[0]
    np.testing.assert_array_equal(part.values, whole.values[:300])
