"""From a wall clock to UTC, through the hours that a zone skips or repeats."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from candlewick.core.clock import NS_PER_DAY
from candlewick.core.errors import DataError


def check_zone(zone: str) -> str:
    """`zone` itself.

    Raises:
        DataError: no zone of that name.
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DataError(f"there is no zone {zone!r}. Give a name such as UTC or America/New_York.") from error
    return zone


def to_utc(wall: np.ndarray, zone: str, group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """UTC of wall-clock stamps, with the rows that have none and those that have two.

    An hour that the clock repeats is resolved where the rows of an instrument show both passes: one step back
    inside the run of repeated stamps parts the first pass from the second. Elsewhere the row is ambiguous.

    Args:
        wall: int64 (n,), ns, the wall clock read as if it were UTC.
        zone: name of the zone.
        group: int64 (n,), the instrument of each row.

    Returns:
        int64 ns UTC; bool, the clock skips this time; bool, the clock shows it twice and order does not decide.
    """
    if zone == "UTC":
        return wall, np.zeros(len(wall), bool), np.zeros(len(wall), bool)
    first, second, skipped = _both(wall, zone)
    late = np.zeros(len(wall), bool)
    undecided = np.zeros(len(wall), bool)
    twice = np.flatnonzero((first != second) & ~skipped)
    for run in _runs(twice, wall, group):
        back = np.flatnonzero(np.diff(wall[run]) <= 0) + 1
        if len(back) == 1:
            late[run[back[0] :]] = True
        else:
            undecided[run] = True
    return np.where(late, second, first), skipped, undecided


def to_wall(utc: np.ndarray, zone: str) -> np.ndarray:
    """int64 (n,): what a wall clock in `zone` shows at `utc`, as if it were UTC."""
    import polars as pl

    moments = pl.Series(utc).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(zone)
    return moments.dt.replace_time_zone(None).to_physical().to_numpy()


def _both(wall: np.ndarray, zone: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import polars as pl

    naive = pl.Series(wall).cast(pl.Datetime("ns"))
    first, second = (
        naive.dt.replace_time_zone(zone, ambiguous=choice, non_existent="null").to_physical()
        for choice in ("earliest", "latest")
    )
    return first.fill_null(0).to_numpy(), second.fill_null(0).to_numpy(), first.is_null().to_numpy()


def _runs(twice: np.ndarray, wall: np.ndarray, group: np.ndarray) -> list[np.ndarray]:
    # Rows of one instrument in one repeated hour, in their order, whatever stands between them.
    order = twice[np.argsort(group[twice], kind="stable")]
    ends = (np.diff(group[order]) != 0) | (np.abs(np.diff(wall[order])) > NS_PER_DAY)
    return np.split(order, np.flatnonzero(ends) + 1) if len(order) else []
