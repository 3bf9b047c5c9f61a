"""Deep learning on market bars: from bars to a verdict that is net of luck, leaks and costs.

`import candlewick as cw` costs next to nothing: every name below is imported when it is first used.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from candlewick.core.errors import CandlewickError
    from candlewick.core.forecast import Forecast
    from candlewick.data.aggregate import aggregate
    from candlewick.data.bars import Bars, Panel
    from candlewick.data.checks import inspect as check
    from candlewick.data.read import read
    from candlewick.evaluate.backtest import backtest
    from candlewick.evaluate.verdict import judge_forecast as judge
    from candlewick.features import FEATURES
    from candlewick.features._set import FeatureSet
    from candlewick.lab.audit import audit
    from candlewick.lab.compare import compare
    from candlewick.lab.experiment import Experiment
    from candlewick.lab.export import export
    from candlewick.lab.planning import plan
    from candlewick.lab.predict import predict
    from candlewick.lab.replay import replay
    from candlewick.lab.run import run
    from candlewick.lab.runs import list_runs, open_run
    from candlewick.labels import LABELS
    from candlewick.models import MODELS

# onnxruntime 1.31 sends usage data from threads of its own unless this stands before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "FEATURES",
    "LABELS",
    "MODELS",
    "Bars",
    "CandlewickError",
    "Experiment",
    "FeatureSet",
    "Forecast",
    "Panel",
    "aggregate",
    "audit",
    "backtest",
    "check",
    "compare",
    "export",
    "judge",
    "list_runs",
    "open_run",
    "plan",
    "predict",
    "read",
    "replay",
    "run",
]

_PLACES = {
    "Bars": "candlewick.data.bars:Bars",
    "CandlewickError": "candlewick.core.errors:CandlewickError",
    "Experiment": "candlewick.lab.experiment:Experiment",
    "FEATURES": "candlewick.features:FEATURES",
    "FeatureSet": "candlewick.features._set:FeatureSet",
    "Forecast": "candlewick.core.forecast:Forecast",
    "LABELS": "candlewick.labels:LABELS",
    "MODELS": "candlewick.models:MODELS",
    "Panel": "candlewick.data.bars:Panel",
    "aggregate": "candlewick.data.aggregate:aggregate",
    "audit": "candlewick.lab.audit:audit",
    "backtest": "candlewick.evaluate.backtest:backtest",
    "check": "candlewick.data.checks:inspect",
    "compare": "candlewick.lab.compare:compare",
    "export": "candlewick.lab.export:export",
    "judge": "candlewick.evaluate.verdict:judge_forecast",
    "list_runs": "candlewick.lab.runs:list_runs",
    "open_run": "candlewick.lab.runs:open_run",
    "plan": "candlewick.lab.planning:plan",
    "predict": "candlewick.lab.predict:predict",
    "read": "candlewick.data.read:read",
    "replay": "candlewick.lab.replay:replay",
    "run": "candlewick.lab.run:run",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'candlewick' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    value = globals()[name] = getattr(import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
