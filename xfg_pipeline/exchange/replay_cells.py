"""The cells of a recording as seconds and numbers: whatever the file's types, each means one thing or is refused."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.exchange.market import MarketMalformed
from xfg_pipeline.exchange.replay_names import Recording

if TYPE_CHECKING:
    import pandas as pd

# Candles were recorded between 1973 and 2100, so that seconds cannot be taken for milli- or microseconds.
EARLIEST, LATEST = 10**8, 4_102_444_800
UNITS = (1, 1_000, 1_000_000)


def seconds_of(file: Recording, column: "pd.Series[Any]") -> NDArray[np.int64]:
    """Whole seconds since 1970 of a column of times. Raises MarketMalformed that names the first bad cell."""
    import pandas as pd

    name = str(column.name)
    if pd.api.types.is_bool_dtype(column):
        raise file.malformed(f"column {name} holds no times", "write ISO 8601 times in UTC")
    if pd.api.types.is_numeric_dtype(column):
        return _from_epoch(file, column)
    if not pd.api.types.is_datetime64_any_dtype(column):
        parsed = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")
        bad = parsed.isna().to_numpy()
        if bad.any():
            raise _cell(file, column, bad, "is no time", "write ISO 8601 times, such as 2025-01-31 00:15:00, in UTC")
        column = parsed
    stamps = pd.DatetimeIndex(column)
    missing = np.asarray(stamps.isna())
    if missing.any():
        raise _cell(file, column, missing, "is no time", "every candle has the time at which it opened")
    bounds = pd.to_datetime([EARLIEST, LATEST], unit="s", utc=stamps.tz is not None)
    outside = np.asarray((stamps < bounds[0]) | (stamps >= bounds[1]))
    if outside.any():
        raise _cell(file, column, outside, "is no time of a candle", "candles are from 1973 to 2100")
    utc = stamps.tz_localize("UTC") if stamps.tz is None else stamps.tz_convert("UTC")
    whole = utc.as_unit("s")
    broken = np.asarray(whole != utc)
    if broken.any():
        raise _cell(file, column, broken, "is no whole second", "candles open on the second")
    return np.asarray(whole.asi8, dtype=np.int64)


def _from_epoch(file: Recording, column: "pd.Series[Any]") -> NDArray[np.int64]:
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    largest = numbers.max(initial=0.0)
    unit = next((unit for unit in UNITS if largest < LATEST * unit), UNITS[-1])
    in_time = (numbers >= EARLIEST * unit) & (numbers < LATEST * unit)
    bad = ~in_time | (np.where(in_time, numbers, 0.0) % unit != 0)
    if bad.any():
        remedy = "write whole seconds, milli- or microseconds since 1970, all of one kind"
        raise _cell(file, column, bad, "is no time of a candle", remedy)
    return (numbers // unit).astype(np.int64)


def numbers_of(file: Recording, column: "pd.Series[Any]") -> NDArray[np.float64]:
    """The numbers of a column; what is empty is NaN. Raises MarketMalformed that names the first bad cell."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    parsed = pd.to_numeric(column.astype(str), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.isnan(parsed)
    if bad.any():
        raise _cell(file, column, bad, "is no number", "write numbers with a decimal point")
    # Decimals and texts of typed files: the nearest double of each.
    return np.array([float(str(value)) for value in column], dtype=np.float64)


def _cell(file: Recording, column: "pd.Series[Any]", bad: NDArray[np.bool_], what: str, remedy: str) -> MarketMalformed:
    import pandas as pd

    row = int(np.flatnonzero(bad)[0])
    value = column.iloc[row]
    # Timestamps of far years cannot be printed by themselves.
    found = repr(str(value.to_datetime64() if isinstance(value, pd.Timestamp) else value))[:60]
    return file.malformed(f"{file.row(row)}, column {column.name}: {found} {what}", remedy)
