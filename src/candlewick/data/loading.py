"""From a path, a frame or arrays to one polars frame, with nothing understood or changed yet."""

import collections
import csv
import datetime
import gzip
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from candlewick.core.errors import DataError

if TYPE_CHECKING:
    import polars as pl

SEPARATORS = ",;\t|"


@dataclass(frozen=True)
class Loaded:
    """A table as it came.

    Attributes:
        frame: its columns; text and numbers as the source holds them.
        name: what to call the source in messages.
        first_row: number of the first row as the source counts: 2 in a CSV file (its header is line 1), else 0.
        is_text: every cell was text, as in CSV, so that a column of text may hold numbers.
    """

    frame: "pl.DataFrame"
    name: str
    first_row: int = 0
    is_text: bool = False


def load(source: Any) -> Loaded:
    """The table in `source`: a path (.csv, .csv.gz, .txt, .parquet, .npz), a pandas or polars frame, or arrays by name.

    What was loaded before is given back as it is.

    Raises:
        DataError: no such file, a format that is not read, or columns that hold Python objects.
    """
    import polars as pl

    if isinstance(source, Loaded):
        return source
    if isinstance(source, str | Path):
        return _from_path(Path(source).expanduser())
    if isinstance(source, pl.LazyFrame):
        source = source.collect()
    if isinstance(source, pl.DataFrame):
        return Loaded(_without_objects(source), "the frame")
    if type(source).__module__.partition(".")[0] == "pandas":
        return Loaded(_from_pandas(source), "the frame")
    if isinstance(source, Mapping):
        return Loaded(_from_arrays(source), "the arrays")
    raise DataError(
        f"bars cannot be read from a {type(source).__name__}. "
        "Give a path, a pandas or polars frame, a mapping of arrays, Bars or a Panel."
    )


def _from_path(path: Path) -> Loaded:
    import polars as pl

    if not path.is_file():
        raise DataError(f"there is no file {path}. Check the path; it is taken from the folder you run in.")
    suffix = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    try:
        if suffix in {".parquet", ".pq"}:
            return Loaded(_without_objects(pl.read_parquet(path)), path.name)
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return Loaded(_from_arrays({name: file[name] for name in file.files}), path.name)
        if suffix in {".csv", ".csv.gz", ".txt", ".txt.gz", ".tsv", ".tsv.gz"}:
            return _from_csv(path)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} could not be read as {suffix}: {reason}. Mend or convert the file.") from error
    raise DataError(
        f"{path} has the ending {suffix or 'none'}. Files may be .csv, .csv.gz, .txt, .parquet or .npz; "
        "unpack an archive and convert other formats first."
    )


def _from_csv(path: Path) -> Loaded:
    import polars as pl

    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig") as file:
        header = file.readline()
    separator = max(SEPARATORS, key=header.count)
    names = [name.strip().strip('"') for name in header.strip().split(separator)]
    if any(_is_number(name) for name in names):
        raise DataError(
            f"{path} does not begin with a line of column names, but with {header.strip()[:60]!r}. "
            "Write one, such as time,open,high,low,close,volume."
        )
    twice = [name for name, count in collections.Counter(names).items() if name and count > 1]
    if twice:
        raise DataError(f"{path} has several columns called {', '.join(twice)}. Keep one of each, or rename them.")
    try:
        # Every row decides the type: a word in row 90,000 must not become an empty cell.
        frame = pl.read_csv(path, separator=separator, infer_schema_length=None)
    except pl.exceptions.ComputeError as error:
        raise DataError(_too_wide(path, separator, names) or str(error).partition("\n")[0]) from error
    return Loaded(_without_empty_end(frame.rename(str.strip)), path.name, first_row=2, is_text=True)


def _too_wide(path: Path, separator: str, names: list[str]) -> str | None:
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        for number, cells in enumerate(csv.reader(file, delimiter=separator), start=1):
            if len(cells) > len(names):
                return (
                    f"{path}, row {number}, has {len(cells)} cells where the first line names {len(names)} "
                    f"({', '.join(names)[:60]}). The first line must name every column, and no row may have more."
                )
    return None


def _without_empty_end(frame: "pl.DataFrame") -> "pl.DataFrame":
    # Blank lines at the end of a file are no rows; elsewhere they are faults.
    import polars as pl

    filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    return frame if len(filled) == 0 else frame.head(len(filled) - int(filled.reverse().arg_max() or 0))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _from_arrays(arrays: Mapping[str, Any]) -> "pl.DataFrame":
    import polars as pl

    columns = {str(name): _array(str(name), np.asarray(values)) for name, values in arrays.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the arrays have different lengths: {lengths}. Give one value a bar in each.")
    return _without_objects(pl.DataFrame(columns))


def _array(name: str, values: np.ndarray) -> "pl.Series":
    import polars as pl

    if values.ndim != 1:
        raise DataError(f"the array {name} has shape {values.shape}. Give one array of one dimension a column.")
    if values.dtype.kind == "O":
        return _objects(name, values.tolist())
    if values.dtype.kind == "M" and np.datetime_data(values.dtype)[0] not in {"D", "ms", "us", "ns"}:
        values = values.astype("datetime64[ms]")
    return pl.Series(name, values)


def _from_pandas(frame: Any) -> "pl.DataFrame":
    import polars as pl

    if getattr(frame, "ndim", 2) == 1:
        frame = frame.to_frame(name=frame.name if frame.name is not None else "close")
    if frame.columns.nlevels > 1:
        raise DataError(
            f"the frame's columns have {frame.columns.nlevels} levels, such as {frame.columns[0]}. "
            "Use one level: frame.stack(level=1).reset_index() gives one row an instrument and time."
        )
    # A plain 0, 1, 2 ... index says nothing; any other index is a column.
    if any(name is not None for name in frame.index.names) or frame.index.dtype.kind in "MO":
        frame = frame.reset_index()
    if frame.columns.has_duplicates:
        raise DataError(f"the frame has columns of the same name: {list(frame.columns)}. Keep one of each.")
    return pl.DataFrame([_pandas_column(str(name), frame[name]) for name in frame.columns])


def _pandas_column(name: str, column: Any) -> "pl.Series":
    import polars as pl

    if hasattr(column.dtype, "pyarrow_dtype"):
        return pl.Series(name, column.array.__arrow_array__())
    zone = getattr(column.dtype, "tz", None)
    if zone is not None:
        naive = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
        return pl.Series(name, naive).dt.replace_time_zone("UTC").dt.convert_time_zone(_zone_name(zone))
    if column.dtype.kind in "iufb" and isinstance(column.dtype, np.dtype):
        return pl.Series(name, column.to_numpy())
    if column.dtype.kind == "M":
        return pl.Series(name, column.to_numpy().astype("datetime64[ns]"))
    if column.dtype.kind in "iufb":
        return pl.Series(name, column.to_numpy(dtype=np.float64, na_value=np.nan))
    values = column.astype(object).where(column.notna(), None).tolist()
    return _objects(name, values)


def _zone_name(zone: Any) -> str:
    # zoneinfo has `key`, pytz has `zone`; a fixed offset has neither, and its moments are plain UTC.
    return getattr(zone, "key", None) or getattr(zone, "zone", None) or "UTC"


def _objects(name: str, values: list[Any]) -> "pl.Series":
    # Text and dates may come in arrays of objects; numbers may not: they hide text, None and lists among them.
    import polars as pl

    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str}:
        return pl.Series(name, values, dtype=pl.String)
    if kinds == {datetime.date}:
        return pl.Series(name, values, dtype=pl.Date)
    if all(issubclass(kind, datetime.datetime) for kind in kinds):
        return pl.Series(name, [None if value is None else value.isoformat() for value in values], dtype=pl.String)
    # The rarest type is most likely what turned the column into objects.
    counts = collections.Counter(type(value) for value in values if value is not None)
    rarest = min(counts, key=counts.__getitem__)
    row = next(row for row, value in enumerate(values) if type(value) is rarest)
    found = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise DataError(
        f"the column {name} has dtype object and holds {found}; row {row} is {values[row]!r}. "
        "Convert it to one type first: float64 for numbers, datetime64 for stamps."
    )


def _without_objects(frame: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    for name, dtype in frame.schema.items():
        if dtype == pl.Object or dtype.is_nested():
            raise DataError(f"the column {name} holds {dtype}, not numbers. Give one number a cell.")
    return frame
