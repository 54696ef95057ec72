"""Recordings for tests: candles that no market has made, in every format."""

from pathlib import Path

import numpy as np
import pandas as pd

BEGIN = 1_735_689_600  # 2025-01-01


def recorded(count: int = 6, minutes: int = 15, begin: int = BEGIN) -> pd.DataFrame:
    """A frame of candles: date (aware), open, high, low, close, volume; cents, and a whole number of ticks."""
    n = np.arange(count)
    opened, closed = 10_000 + n * 7 % 100, 10_000 + (n + 1) * 7 % 100
    return pd.DataFrame(
        {
            "date": pd.to_datetime(begin + n * 60 * minutes, unit="s", utc=True),
            "open": opened / 100,
            "high": (np.maximum(opened, closed) + 3) / 100,
            "low": (np.minimum(opened, closed) - 2) / 100,
            "close": closed / 100,
            "volume": (n % 50).astype(np.float64),
        }
    )


def write(frame: pd.DataFrame, path: Path) -> Path:
    """The frame as a file of the format that its name says."""
    if path.suffix.lower() == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix.lower() == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_feather(path)
    return path
