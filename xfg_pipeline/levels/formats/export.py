"""What an export says once it is read: values only, each with the line and column that it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from xfg_pipeline.levels.issues import Issue

if TYPE_CHECKING:
    import pandas as pd

Shape = Literal["chart", "wide", "long", "bars"]
"""chart: a row a bar with study columns; wide: a row a date; long: a row a level; bars: no levels."""


@dataclass(frozen=True)
class LevelCell:
    """A price as it stands in the file: positive and finite, never through a binary float."""

    price: Decimal
    column: str
    line: int
    text: str


@dataclass(frozen=True)
class ExportDay:
    """The levels of one trading date.

    `line` and `row_time` (New York) are those of the used row; in the wide shape there is no time, in the
    long shape neither: each level has a row of its own. `absent`: level → "no column", "empty cell" or "zero",
    for the required levels and for every column of the file. `close` is the row's own Close. `is_session` is
    False on a weekday holiday.
    """

    trading_date: date
    line: int | None
    row_time: datetime | None
    cells: Mapping[str, LevelCell]
    absent: Mapping[str, str]
    close: LevelCell | None
    is_session: bool


@dataclass(frozen=True, eq=False)
class BarSeries:
    """Bars, oldest first, no time twice.

    `frame`: time (UTC, the bar's open; of daily bars 18:00 New York time of the evening before), open, high,
    low, close (Decimal), volume (Int64, 0 to below 10**15, NA where the file has none). `trading_dates` may hold
    weekday holidays, on which Globex trades half a day.
    """

    interval_minutes: int
    frame: pd.DataFrame
    trading_dates: tuple[date, ...]


@dataclass(frozen=True, eq=False)
class Export:
    """A whole file, read. `rows` counts data rows, `written` how the file is written.

    `time_zone` is the clock that the times were read by, "in each time" where each has its offset, None where
    there are dates only.
    """

    symbol: str
    shape: Shape
    days: tuple[ExportDay, ...]
    bars: BarSeries | None
    rows: int
    written: Mapping[str, Any]
    time_zone: str | None
    unknown_columns: tuple[str, ...]
    warnings: tuple[Issue, ...]

    @property
    def trading_dates(self) -> tuple[date, ...]:
        if self.bars is not None:
            return self.bars.trading_dates
        return tuple(day.trading_date for day in self.days)
