"""The planted leaks: what is wrong, which check must say so, and how the configuration comes to it."""

from typing import Any

from candlewick.testing.planted._listing import Planted, own


def _feature(name: str, member: str, caught_by: str = "features") -> Planted:
    return Planted(name, caught_by, {"features": ["log_return", own("features", member)]})


def _source(name: str, member: str, caught_by: str = "bars", **changes: Any) -> Planted:
    return Planted(name, caught_by, {"data": own("sources", member), **changes})


def _column(name: str, member: str, caught_by: str = "bars") -> Planted:
    return _source(name, member, caught_by, features=["log_return", own("features", "Column")])


def _label(name: str, member: str, caught_by: str = "labels", **parameters: Any) -> Planted:
    return Planted(name, caught_by, {"label": own("labels", member, **parameters)})


def _scaler(name: str, member: str, caught_by: str = "fit") -> Planted:
    return Planted(name, caught_by, {"scaler": own("scalers", member)})


def _model(name: str, member: str, caught_by: str, **changes: Any) -> Planted:
    return Planted(name, caught_by, {"model": own("models", member), **changes})


def _split(name: str, member: str, **changes: Any) -> Planted:
    return Planted(name, "split", {"split": own("splits", member), **changes})


_LONG = {"label": {"name": "forward_return", "horizon": 12}}
_STREAMS = {"epochs": 2, "warmup": 32, "batch": 4, "sampling": "streams"}
_SEVERAL = {"data": own("sources", "AllOfThem"), "scaler": {"name": "standard", "pooled": True}}

PLANTED: tuple[Planted, ...] = (
    _source("whole-series FFT in preparation", "FourierDenoised"),
    _source("whole-series wavelet in preparation", "WaveletDenoised"),
    _source("centred smoothing in preparation", "CentredSmoothing"),
    _source("trend of the whole series removed", "TrendRemoved"),
    _source("outliers cut at quantiles of the whole series", "OutliersCut"),
    _column("whole-series z-score in preparation", "ZscoreOfSeries"),
    _column("whole-series extremes in preparation", "ExtremesOfSeries"),
    _column("back-fill in preparation", "BackFilled"),
    _column("interpolation towards the next value", "Interpolated"),
    _column("missing values filled with the mean of all", "MissingFilledWithMean"),
    _source("resampled bars with the left label", "LeftLabelled"),
    _source("partial last bar", "PartialLastBar"),
    _column("coarse bars joined on their open", "CoarseOnItsOpen"),
    _source("prices back-adjusted for later splits", "BackAdjusted"),
    _source("survivors only", "Survivors"),
    _source("winners of the period only", "WinnersOfThePeriod"),
    _source("adjusted-price levels", "AdjustedLevels", "scale",
            features=["log_return", own("features", "Column", column="close")]),
    _source("open stamps read as closes, by their column", "OpenStampsAsCloses", "stamps"),
    _source("open stamps read as closes, by the sessions", "OpenStampsUnnamed", "stamps"),
    _column("next close in the file", "NextCloseInFile", "future_echo"),
    _column("target in the file", "TargetInFile", "future_echo"),
    _column("coarse close in the file, on its open", "HourlyCloseInFile", "future_echo"),
    Planted("history revised afterwards", "delay", {
        "data": own("sources", "RevisedHistory", bars=5000), "features": [own("features", "Column")],
        "label": "forward_volatility"}),
    _source("the same weeks twice", "PastedTwice", "duplicates"),
    _source("the same weeks twice, with noise", "PastedTwiceWithNoise", "duplicates"),
    _feature("whole-series FFT as a feature", "FourierFiltered"),
    _feature("whole-series wavelet as a feature", "WaveletFiltered"),
    _feature("whole-series z-score as a feature", "ZscoreOfSeries"),
    _feature("units of the whole series", "VolatilityOfSeries"),
    _feature("centred window", "CentredMean"),
    _feature("shift by one row", "NextBar"),
    _feature("back-fill in a feature", "BackFilledPivots"),
    _feature("rank in the whole series", "RankInSeries"),
    _feature("the day's high from its first bar on", "HighOfDay"),
    _feature("central difference", "CentralSlope"),
    _feature("line through all closes", "Detrended"),
    _feature("forward and backward filter", "ZeroPhaseMean"),
    _feature("share of history", "ShareOfHistory"),
    _feature("time to the next bar", "TimeToNextBar"),
    _feature("price level declared scale-free", "PriceLevel", "scale"),
    _feature("memory longer than declared", "EndlessMemory", "truncate"),
    _label("overlapping labels by a false known_at", "KnownTooEarly", horizon=12),
    _label("smoothed labels", "Smoothed"),
    _label("labels in units of the whole series", "InUnitsOfSeries"),
    _label("labels by hindsight", "Hindsight", horizon=2),
    _label("label of the past", "OfThePast"),
    _label("label known before it begins", "KnownBeforeItBegins", "split"),
    _label("echo of the future", "EchoOfTheFuture", "echo", look_ahead=own("features", "NextBar")["name"]),
    _scaler("scaler fitted on all rows", "FittedOnAllRows"),
    _scaler("scaler fitted to the end of the data", "FittedToTheEnd"),
    _scaler("extremes of all rows", "ExtremesOfAllRows"),
    _scaler("scaled by whatever rows are given", "ScaledByWhatItIsGiven", "forecasts"),
    _model("selection on all rows", "SelectedOnAllRows", "fit"),
    _model("stacking in-fold", "StackedInFold", "fit"),
    _model("stack scored on its own folds", "StackScoredOnItsFolds", "forecasts"),
    _model("stopped on the test", "StoppedOnTest", "fit"),
    _model("target encoded over all rows", "TargetEncoded", "fit"),
    _model("closest row of all", "ClosestDayOfAll", "fit"),
    _model("standardised by the test batch", "ScaledByBatch", "forecasts"),
    _model("reads the next row", "ReadsNextRow", "forecasts"),
    _model("reads the labels of the test", "ReadsTestLabels", "forecasts"),
    _model("reads when the label is known", "ReadsWhenItIsKnown", "forecasts"),
    _model("reads the next last value", "ReadsNextEcho", "forecasts"),
    _model("smoothed forecasts", "SmoothedForecasts", "forecasts"),
    _model("forecasts ranked over the test", "RankedForecasts", "forecasts"),
    _model("network normalised by the batch", "BatchNormalised", "forecasts"),
    _model("bidirectional stream", "BidirectionalStream", "forecasts", train=_STREAMS),
    _split("rows shuffled into folds", "Shuffled", **_LONG),
    _split("overlapping labels, not purged", "Unpurged", **_LONG),
    _split("validation overlaps the test", "UnpurgedValidation", **_LONG),
    _split("no embargo after the test", "NotEmbargoed"),
    _split("tested on training rows", "TestedOnTraining"),
    _split("split by instrument", "ByInstrument", **_SEVERAL),
)  # fmt: skip
"""Every leak, each in an experiment of its own."""
