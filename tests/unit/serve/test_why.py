"""Which release made a forecast, asked beside a server that runs."""

import json

from live_folders import Hand, live_folder, messages
from real_server import running

from candlewick.cli.main import call
from candlewick.core.clock import iso
from candlewick.serve.protocol import encode


def test_a_forecast_is_traced_to_its_release_data_and_seed(tmp_path, capsys):
    ids, panel = live_folder(tmp_path)
    bars = messages(panel)
    with running(tmp_path, clock=Hand(bars[-1].t + 1)) as server:
        server.post(encode(bars[:60]))
        changed = json.dumps({"symbol": "A", "t": bars[50].t, "values": bars[50].values | {"volume": 1.5}})
        server.post(changed)
        assert call(["why", "A", iso(bars[50].t), "--folder", str(tmp_path)]) == 0
        told = capsys.readouterr().out
        assert f"release   {ids[0]}" in told
        assert "\nseed      0\n" in told
        assert "\ndata      " in told
        assert "revision of this bar came" in told
        # The forecast in force between two bars is that of the bar before.
        assert call(["why", "A", str(bars[51].t - 1), "--folder", str(tmp_path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["forecast"]["t"] == bars[50].t
        assert call(["why", "A", str(bars[0].t - 1), "--folder", str(tmp_path)]) == 3
        assert call(["why", "B", str(bars[50].t), "--folder", str(tmp_path)]) == 3
        assert call(["why", "A", "soon", "--folder", str(tmp_path)]) == 3
