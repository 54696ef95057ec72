"""The levels of each trading date in a file: which row speaks for the date, and what its cells say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from xfg_pipeline.levels.formats.cells import Cell
from xfg_pipeline.levels.formats.columns import Columns
from xfg_pipeline.levels.formats.export import ExportDay, LevelCell
from xfg_pipeline.levels.formats.numbers import Dialect, prove_dialect
from xfg_pipeline.levels.formats.table import Table
from xfg_pipeline.levels.formats.zones import Clock
from xfg_pipeline.levels.issues import ExportRefused, Issue, error, refused, warning
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.sessions import NEW_YORK, REGULAR_OPEN, is_session
from xfg_pipeline.levels.vocabulary import MANUAL_LEVELS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_FAULTS = 20
"""Faults that one refusal lists: the rest comes with the next try."""


@dataclass(frozen=True)
class UsedRow:
    """The row that speaks for a trading date; `twins` are others of the same time."""

    trading_date: date
    row: int
    new_york: datetime | None
    twins: tuple[int, ...] = ()


def rows_by_time(
    clock: Clock, trading_dates: npt.NDArray[np.datetime64], lines: Sequence[int]
) -> tuple[list[UsedRow], list[Issue]]:
    """The first row at or after 09:30 New York time of each date, and a warning for a date without one."""
    import numpy as np

    eligible = np.flatnonzero(_after_open(clock, trading_dates))
    eligible = eligible[np.argsort(clock.utc[eligible], kind="stable")]
    moments = clock.utc[eligible]
    dates, first = np.unique(trading_dates[eligible], return_index=True)
    behind = np.searchsorted(moments, moments[first], side="right")
    used = []
    for day, at, end in zip(dates.astype(object).tolist(), first.tolist(), behind.tolist(), strict=True):
        row, *twins = eligible[at:end].tolist()
        local = clock.new_york[row].astype(object).replace(tzinfo=NEW_YORK)
        used.append(UsedRow(day, row, local, tuple(twins)))
    return used, _dates_without_row(trading_dates, dates, lines)


def no_row(table: Table, columns: Columns, row: int = 0) -> ExportRefused:
    """The refusal of a file that has no row at or after 09:30; `row`: the one to point at."""
    at = columns.time[0]
    return refused(
        "no_row",
        "no row stands at or after 09:30 New York time: before that the overnight is not final",
        "export again after 09:30 New York time",
        line=table.lines[row],
        columns=(table.header[at],),
        values=(table.columns[at][row],),
    )


def rows_by_date(trading_dates: npt.NDArray[np.datetime64]) -> list[UsedRow]:
    """One row a date, for files without times; more of one date must agree."""
    rows: dict[date, list[int]] = {}
    for row, day in enumerate(trading_dates.astype(object).tolist()):
        rows.setdefault(day, []).append(row)
    return [UsedRow(day, found[0], None, tuple(found[1:])) for day, found in sorted(rows.items())]


def days_of_columns(
    table: Table, columns: Columns, used: Sequence[UsedRow], rules: LevelRules
) -> tuple[list[ExportDay], Dialect]:
    """Levels of the chart and wide shapes, a column a level. ExportRefused lists the used rows' bad cells."""
    positions = [position for position, _ in columns.levels]
    close_at = columns.bars.get("close")
    proving = positions if close_at is None else [close_at, *positions]
    dialect = prove_dialect((_cell(table, at, row.row) for row in used for at in proving), table.delimiter)
    days = []
    faults: list[Issue] = []
    for row in used:
        _check_twins(table, row, [*columns.time, *proving])
        cells, empty = _read_row(table, columns.levels, row.row, dialect, faults)
        close = None if close_at is None else _level_cell(_cell(table, close_at, row.row), dialect, faults)
        days.append(_day(row, rules, cells=cells, empty=empty, line=table.lines[row.row], close=close))
    if faults:
        raise ExportRefused(faults[:MOST_FAULTS])
    return days, dialect


def days_of_long(
    table: Table,
    columns: Columns,
    clock: Clock | None,
    trading_dates: npt.NDArray[np.datetime64],
    rules: LevelRules,
) -> tuple[list[ExportDay], Dialect, tuple[str, ...], list[Issue]]:
    """Levels of the long shape, one row a level: days, dialect, names that are no level, warnings.

    Where rows have times (`clock`), each level of a date is read from its first row at or after 09:30 New York
    time; a date without any such row gives a warning, a file without any is refused.
    """
    name_at, price_at = columns.level_cells()
    aliases = rules.alias_table()
    names = table.columns[name_at]
    levels = [aliases.level_of(name) for name in names]
    read = [row for row, level in enumerate(levels) if level is not None and level not in MANUAL_LEVELS]
    unknown = tuple(dict.fromkeys(name.strip() for row, name in enumerate(names) if levels[row] is None))
    typed = {str(level): row for row, level in enumerate(levels) if level in MANUAL_LEVELS}
    if not read:
        raise refused(
            "no_level",
            "no row names a known level",
            "add the names to the column aliases",
            line=table.lines[0],
            columns=(table.header[name_at],),
            values=tuple(dict.fromkeys(names))[:8],
        )
    warnings = [
        warning(
            "manual_level_in_file",
            f"{level} was left out: it is typed in on the desk, never imported",
            line=table.lines[row],
            columns=(table.header[name_at],),
            values=(names[row],),
            levels=(level,),
        )
        for level, row in typed.items()
    ]
    dates: list[date] = trading_dates.astype(object).tolist()
    if clock is not None:
        eligible = _after_open(clock, trading_dates)
        used = _first_rows_of_levels([row for row in read if eligible[row]], dates, levels, clock)
        if not used:
            raise no_row(table, columns, read[0])
        warnings += _dates_without_row(trading_dates[read], trading_dates[used], [table.lines[row] for row in read])
        read = used
    dialect = prove_dialect((_cell(table, price_at, row) for row in read), table.delimiter)
    found: dict[date, dict[str, LevelCell]] = {}
    empty: dict[date, dict[str, str]] = {}
    faults: list[Issue] = []
    for row in read:
        level, cell = str(levels[row]), _cell(table, price_at, row)
        day_cells, day_empty = found.setdefault(dates[row], {}), empty.setdefault(dates[row], {})
        price = _level_cell(cell, dialect, faults)
        if price is None:
            day_empty[level] = "zero" if cell.text.strip() else "empty cell"
        elif day_cells.setdefault(level, price).price != price.price:
            faults.append(_two_prices(level, day_cells[level], price))
    if faults:
        raise ExportRefused(faults[:MOST_FAULTS])
    days = []
    for day in sorted(found):
        gone = {level: why for level, why in empty[day].items() if level not in found[day]}
        days.append(_day(UsedRow(day, 0, None), rules, cells=found[day], empty=gone))
    return days, dialect, unknown, warnings


def _day(
    used: UsedRow,
    rules: LevelRules,
    *,
    cells: Mapping[str, LevelCell],
    empty: Mapping[str, str],
    line: int | None = None,
    close: LevelCell | None = None,
) -> ExportDay:
    absent = {level: "no column" for level in rules.required_csv() if level not in cells}
    absent.update(empty)
    return ExportDay(
        trading_date=used.trading_date,
        line=line,
        row_time=used.new_york,
        cells=cells,
        absent=absent,
        close=close,
        is_session=is_session(used.trading_date),
    )


def _read_row(
    table: Table, levels: Iterable[tuple[int, str]], row: int, dialect: Dialect, faults: list[Issue]
) -> tuple[dict[str, LevelCell], dict[str, str]]:
    cells: dict[str, LevelCell] = {}
    empty: dict[str, str] = {}
    for position, level in levels:
        cell = _cell(table, position, row)
        price = _level_cell(cell, dialect, faults)
        if price is None:
            empty.setdefault(level, "zero" if cell.text.strip() else "empty cell")
        elif cells.setdefault(level, price).price != price.price:
            faults.append(_two_prices(level, cells[level], price))
    return cells, {level: why for level, why in empty.items() if level not in cells}


def _level_cell(cell: Cell, dialect: Dialect, faults: list[Issue]) -> LevelCell | None:
    """The price of a cell; None where it is empty, 0, or a fault, which is added to `faults`."""
    try:
        price = dialect.price(cell)
    except ExportRefused as refusal:
        faults += refusal.issues
        return None
    return None if price is None else LevelCell(price, cell.column, cell.line, cell.text)


def _cell(table: Table, position: int, row: int) -> Cell:
    return Cell(table.columns[position][row], table.lines[row], table.header[position])


def _two_prices(level: str, first: LevelCell, second: LevelCell) -> Issue:
    return error(
        "two_prices",
        f"{level} has two prices: {first.text} (line {first.line}) and {second.text} (line {second.line})",
        "remove one of the two, or take it out of the column aliases",
        line=second.line,
        columns=tuple(dict.fromkeys((first.column, second.column))),
        values=(first.text, second.text),
        levels=(level,),
    )


def _check_twins(table: Table, used: UsedRow, positions: Sequence[int]) -> None:
    for twin in used.twins:
        for position in positions:
            left, right = table.columns[position][used.row], table.columns[position][twin]
            if left.strip() != right.strip():
                raise refused(
                    "two_rows_at_once",
                    f"lines {table.lines[used.row]} and {table.lines[twin]} have the same time and differ",
                    "export again; one file holds one symbol and one bar size",
                    line=table.lines[twin],
                    columns=(table.header[position],),
                    values=(left, right),
                )


def _after_open(clock: Clock, trading_dates: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
    """Whether each row stands at or after 09:30 New York time of its trading date."""
    import numpy as np

    days = clock.new_york.astype("datetime64[D]")
    opens = np.timedelta64(REGULAR_OPEN.hour * 60 + REGULAR_OPEN.minute, "m")
    found: npt.NDArray[np.bool_] = (days == trading_dates) & (clock.new_york - days >= opens)
    return found


def _first_rows_of_levels(
    rows: Sequence[int], dates: Sequence[date], levels: Sequence[str | None], clock: Clock
) -> list[int]:
    """Of `rows` the first by time of each date and level, with others of the same time, in the file's order."""
    moments: list[int] = clock.utc.astype("int64").tolist()
    first: dict[tuple[date, str | None], int] = {}
    for row in rows:
        key = dates[row], levels[row]
        first[key] = min(moments[row], first.get(key, moments[row]))
    return [row for row in rows if moments[row] == first[dates[row], levels[row]]]


def _dates_without_row(
    trading_dates: npt.NDArray[np.datetime64], used: npt.NDArray[np.datetime64], lines: Sequence[int]
) -> list[Issue]:
    """A warning for each trading date of the rows that is not among the used ones."""
    import numpy as np

    return [_no_row(day, trading_dates, lines) for day in np.setdiff1d(trading_dates, used)]


def _no_row(day: np.datetime64, trading_dates: npt.NDArray[np.datetime64], lines: Sequence[int]) -> Issue:
    import numpy as np

    rows = np.flatnonzero(trading_dates == day)
    return warning(
        "dates_without_row",
        f"{day} has {rows.size} row{'s' if rows.size > 1 else ''} and none at or after 09:30 New York time: "
        "nothing is imported for it",
        line=lines[int(rows[0])],
        values=(str(day),),
    )
