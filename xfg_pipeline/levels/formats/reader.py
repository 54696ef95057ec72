"""An export, whole: bytes in, levels and bars out, or a refusal that says where and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from xfg_pipeline.levels.formats.bars import read_bars
from xfg_pipeline.levels.formats.cells import TimeColumn
from xfg_pipeline.levels.formats.columns import OHLC, Columns, find_columns
from xfg_pipeline.levels.formats.days import days_of_columns, days_of_long, no_row, rows_by_date, rows_by_time
from xfg_pipeline.levels.formats.export import BarSeries, Export, ExportDay, Shape
from xfg_pipeline.levels.formats.numbers import Dialect
from xfg_pipeline.levels.formats.symbols import minutes_in_name, says_regular_hours, symbol_of_file
from xfg_pipeline.levels.formats.table import DELIMITERS, Table, read_table
from xfg_pipeline.levels.formats.text import decode
from xfg_pipeline.levels.formats.times import FileTimes, read_times
from xfg_pipeline.levels.formats.zones import Clock, read_clock
from xfg_pipeline.levels.issues import ExportRefused, Issue, unfinished, warning
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.schema import schema_faults
from xfg_pipeline.levels.sessions import FIRST_DAY, LAST_DAY, ROLLOVER, current_trading_date

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from xfg_pipeline.levels.formats.times import Moments

CLOCK_SKEW = timedelta(hours=1)
"""How far a file's newest time may be ahead of this computer's."""


def read_export(content: bytes, file_name: str, rules: LevelRules, as_of: datetime) -> Export:
    """Read a file as it was exported; nothing else is looked at. `as_of`: aware, nothing may be later.

    ExportRefused with file, line, column, value and remedy where anything is wrong or cannot be known;
    ExportUnfinished where the file ends in the middle and may still be growing.
    """
    if as_of.tzinfo is None:
        raise ValueError("as_of has no time zone")
    as_of = as_of.astimezone(UTC)
    rules = rules.for_file(file_name)
    text, encoding = decode(content, rules)
    table = read_table(text)
    columns = find_columns(table, rules.alias_table())
    _check_last_cell(table, columns)
    symbol = _symbol(table, columns, file_name, rules)
    times, column = _times(table, columns, rules, as_of)
    clock = (
        None
        if times.date_only
        else read_clock(times, column, rules.time_zone, regular_only=says_regular_hours(file_name))
    )
    trading_dates = _trading_dates(times, clock, column, as_of)
    shape, days, bars, dialect, unknown, found = _contents(
        table, columns, times, clock, trading_dates, file_name=file_name, rules=rules
    )
    faults = schema_faults(days)
    if faults:
        raise ExportRefused(faults)
    warnings = [*columns.warnings, *(clock.warnings if clock else ()), *found, *_holidays(days, shape)]
    written: dict[str, Any] = {
        "encoding": encoding,
        "delimiter": DELIMITERS[table.delimiter],
        "decimal": dialect.decimal,
        "line_end": table.line_end,
        "dates": times.written,
        "header": table.has_header,
    }
    return Export(
        symbol=symbol,
        shape=shape,
        days=tuple(days),
        bars=bars,
        rows=len(table),
        written=written,
        time_zone=clock.zone if clock else None,
        unknown_columns=(*columns.unknown, *unknown),
        warnings=tuple(warnings),
    )


def _symbol(table: Table, columns: Columns, file_name: str, rules: LevelRules) -> str:
    if columns.symbol is None:
        return symbol_of_file(file_name, None, table.lines, "", rules)
    return symbol_of_file(file_name, table.columns[columns.symbol], table.lines, table.header[columns.symbol], rules)


def _times(table: Table, columns: Columns, rules: LevelRules, as_of: datetime) -> tuple[FileTimes, TimeColumn]:
    texts: Sequence[str] = table.columns[columns.time[0]]
    if len(columns.time) == 2:
        texts = [
            f"{day.strip()} {clock.strip()}"
            for day, clock in zip(*(table.columns[at] for at in columns.time), strict=True)
        ]
    column = TimeColumn(texts, table.lines, table.header[columns.time[0]])
    times = read_times(column, rules.date_order, as_of)
    if times.utc is None and not times.date_only and (times.local == times.local.astype("datetime64[D]")).all():
        # Daily rows are often stamped 00:00:00: that is a date, not midnight.
        times = FileTimes(times.local, None, True, times.written)
    return times, column


def _trading_dates(
    times: FileTimes, clock: Clock | None, column: TimeColumn, as_of: datetime
) -> npt.NDArray[np.datetime64]:
    """The trading date of each row. ExportRefused for a weekend, the future, or what no calendar covers."""
    import numpy as np

    if clock is None:
        dates = times.local.astype("datetime64[D]")
        late = dates > np.datetime64(current_trading_date(as_of))
    else:
        dates = (clock.new_york + np.timedelta64(ROLLOVER)).astype("datetime64[D]")
        late = clock.utc > np.datetime64((as_of + CLOCK_SKEW).replace(tzinfo=None), "us")
    _refuse_first(late, column, "in_the_future", "is in the future")
    weekday = (dates.astype(np.int64) + 3) % 7
    _refuse_first(weekday >= 5, column, "weekend", "belongs to a weekend, when nothing trades")
    outside = (dates < np.datetime64(FIRST_DAY)) | (dates > np.datetime64(LAST_DAY))
    _refuse_first(outside, column, "outside_calendar", f"is outside the trading calendar ({FIRST_DAY} to {LAST_DAY})")
    return dates


def _refuse_first(bad: npt.NDArray[np.bool_], column: TimeColumn, code: str, why: str) -> None:
    if bad.any():
        row = int(bad.argmax())
        raise column.refused(
            row,
            code,
            f'"{column.texts[row]}" {why}',
            "check the date order and the time zone of the source",
        )


def _contents(
    table: Table,
    columns: Columns,
    times: FileTimes,
    clock: Clock | None,
    trading_dates: npt.NDArray[np.datetime64],
    *,
    file_name: str,
    rules: LevelRules,
) -> tuple[Shape, list[ExportDay], BarSeries | None, Dialect, tuple[str, ...], list[Issue]]:
    if columns.is_long:
        days, dialect, unknown, warnings = days_of_long(table, columns, clock, trading_dates, rules)
        return "long", days, None, dialect, unknown, warnings
    if not columns.levels:
        utc = _openings(trading_dates) if clock is None else clock.utc
        bars, dialect, warnings = read_bars(
            table, columns, utc, trading_dates,
            date_only=times.date_only, minutes_in_name=minutes_in_name(file_name),
        )  # fmt: skip
        return "bars", [], bars, dialect, (), warnings
    warnings = []
    used = rows_by_date(trading_dates)
    if clock is not None:
        used, warnings = rows_by_time(clock, trading_dates, table.lines)
        if not used:
            raise no_row(table, columns)
    days, dialect = days_of_columns(table, columns, used, rules)
    return "wide" if clock is None else "chart", days, None, dialect, (), warnings


def _openings(trading_dates: npt.NDArray[np.datetime64]) -> Moments:
    """When the day of a daily bar opens: 18:00 New York time of the evening before, in UTC."""
    import numpy as np
    import pandas as pd

    evenings = trading_dates.astype("datetime64[us]") - np.timedelta64(ROLLOVER)
    index = pd.DatetimeIndex(evenings).tz_localize("America/New_York").tz_convert("UTC").tz_localize(None)
    return index.to_numpy().astype("datetime64[us]")


def _holidays(days: Sequence[ExportDay], shape: Shape) -> list[Issue]:
    if shape == "bars":
        return []
    return [
        warning(
            "holiday",
            f"{day.trading_date} is a weekday without an NYSE session: its levels are kept, none are due",
            line=day.line,
            values=(str(day.trading_date),),
        )
        for day in days
        if not day.is_session
    ]


def _check_last_cell(table: Table, columns: Columns) -> None:
    """A file without a last line end may be cut inside its last price, where the row has all its fields.

    It looks cut when the last price has fewer than the two decimals that every other price of the row, and those
    above it, have. Where prices are written without trailing zeros nothing can be seen here.
    """
    last = len(table.header) - 1
    prices = {position for position, _ in columns.levels} | {columns.level_price}
    prices |= {position for name, position in columns.bars.items() if name in OHLC}
    if table.ends_with_newline or last not in prices:
        return
    text = table.columns[last][-1]
    others = [table.columns[at][-1] for at in prices if at is not None and at != last]
    others += table.columns[last][-50:-1]
    fewest = min((_decimals(other) for other in others if other.strip()), default=2)
    if fewest >= 2 > _decimals(text):
        raise unfinished(
            "cut",
            f'the file ends without a line end in "{text}", with fewer decimals than its other prices',
            "export again; if the file is whole, add a line end",
            line=table.lines[-1],
            columns=(table.header[last],),
            values=(text,),
        )


def _decimals(text: str) -> int:
    return len(re.split(r"[.,]", text.strip())[-1]) if re.search(r"[.,]", text) else 0
