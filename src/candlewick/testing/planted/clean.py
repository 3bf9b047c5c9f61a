"""Honest experiments of many kinds, on which no check may alarm."""

from typing import Any

from candlewick.testing.planted._listing import Planted, own


def _market(name: str, bars: int = 1500, seed: int = 0, **parameters: Any) -> dict[str, Any]:
    return {"name": "synthetic", "market": {"name": name, **parameters}, "bars": bars, "seed": seed}


_VARIANCE: dict[str, Any] = {
    "length": 22,
    "label": {"name": "forward_volatility", "horizon": 3},
    "features": [
        {"name": "parkinson_volatility", "length": 5, "unit": "log_volatility"},
        {"name": "realised_volatility", "length": 20, "unit": "log_volatility"},
    ],
}
_LSTM = {"name": "lstm", "layers": 1, "hidden": 8, "dropout": 0.0}
_FADING = ["log_return", {"name": "rsi", "length": 5}, {"name": "ema_gap", "length": 5}]

CLEAN: tuple[Planted, ...] = (
    Planted("returns, linear"),
    Planted("returns without signal", changes={"data": _market("iid", seed=3)}),
    Planted("returns that are a martingale, trees", changes={
        "data": _market("martingale", seed=1), "model": {"name": "gradient_boosting"}}),
    Planted("a planted signal, trees", changes={"data": _market("planted"), "model": "gradient_boosting"}),
    Planted("variance, har and linear", changes={**_VARIANCE, "model": "har", "baselines": ["linear"]}),
    Planted("variance from closes, two trivial rivals", changes={
        **_VARIANCE, "label": {"name": "forward_volatility", "estimator": "close_to_close", "horizon": 5},
        "rivals": [{"name": "naive", "rule": "last"}, {"name": "naive", "rule": "mean"}]}),
    Planted("direction", changes={"label": {"name": "direction", "horizon": 2}}),
    Planted("triple barrier, trees", changes={
        "label": {"name": "triple_barrier", "horizon": 8}, "model": "gradient_boosting"}),
    Planted("long overlapping labels, purged", changes={"label": {"name": "forward_return", "horizon": 30}}),
    Planted("labels that must not cross a night", changes={
        "label": {"name": "forward_return", "horizon": 4, "max_gap": "1h"}}),
    Planted("purged k-fold", changes={
        "split": {"name": "purged_kfold", "n_folds": 3}, "label": {"name": "forward_return", "horizon": 5}}),
    Planted("combinatorial purged", changes={
        "split": {"name": "combinatorial_purged"}, "data": _market("clustered", bars=2500, seed=4)}),
    Planted("fading features, k-fold", changes={
        "features": _FADING, "split": {"name": "purged_kfold", "n_folds": 3}, "scaler": "robust"}),
    Planted("fading features, daily bars, holdout", changes={
        "features": _FADING, "split": "holdout", "data": _market("clustered", seed=2, interval="1d", volatility=0.01)}),
    Planted("all kinds of features", changes={"features": [
        "candle_shape", "time_of_day", "relative_transform", {"name": "log_return", "length": 3}]}),
    Planted("several instruments, one of which ends early", changes={"data": own("sources", "AllOfThem")}),
    Planted("several instruments, one scale for all, variance", changes={
        **_VARIANCE, "data": own("sources", "AllOfThem"), "scaler": {"name": "standard", "pooled": True}}),
    Planted("an honest extra column", changes={
        "data": own("sources", "HourlyCloseInTime"),
        "features": ["log_return", {"name": "rolling_zscore", "column": "extra", "length": 10}]}),
    Planted("lstm on windows", changes={"model": _LSTM, "label": {"name": "forward_return", "horizon": 3}}),
    Planted("lstm on streams, variance, fading features", changes={
        **_VARIANCE, "features": [*_VARIANCE["features"], {"name": "ema_gap", "length": 5}], "model": _LSTM,
        "baselines": ["har"],
        "train": {"epochs": 4, "warmup": 32, "batch": 4, "sampling": "streams"}}),
    Planted("lstm that gives quantiles", changes={
        "model": _LSTM, "head": {"head": "quantile", "levels": [0.1, 0.5, 0.9]}}),
    Planted("half-hour bars made from five-minute bars", changes={"data": own("sources", "MadeCoarser")}),
)  # fmt: skip
"""Every honest experiment; none may alarm."""
