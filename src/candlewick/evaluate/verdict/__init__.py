"""Two verdicts, never merged: does it forecast, and would trading on it have paid."""

from candlewick.evaluate.verdict.forecast import ForecastVerdict, judge_forecast
from candlewick.evaluate.verdict.trading import TradingVerdict, Trials, judge_trading

__all__ = ["ForecastVerdict", "TradingVerdict", "Trials", "judge_forecast", "judge_trading"]
