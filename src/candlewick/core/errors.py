"""The errors a user can meet. Each says what is wrong, what came, what is allowed and what to do."""


class CandlewickError(Exception):
    """Root of every error raised on purpose; `exit_code` is what the command line ends with."""

    exit_code = 1


class ConfigError(CandlewickError):
    """An experiment, an override or a spec that cannot be meant as written."""

    exit_code = 2


class DataError(CandlewickError):
    """Bars, frames or files that cannot be used as they are."""

    exit_code = 3


class LeakError(CandlewickError):
    """Something would let the future into the past."""

    exit_code = 4


class TrainingError(CandlewickError):
    """A fit that cannot go on: a loss that is not finite, a device that does not compute."""

    exit_code = 5


class StorageError(CandlewickError):
    """A folder or disk that cannot be written or read, or a file of ours that is damaged."""

    exit_code = 6


class MissingDependencyError(CandlewickError):
    """An optional library that the asked-for part needs is not installed."""

    exit_code = 7


class RemoteError(CandlewickError):
    """A server, an exchange or a broker that does not answer, or not with what was agreed."""

    exit_code = 8
