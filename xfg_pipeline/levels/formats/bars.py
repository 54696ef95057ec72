"""Price bars of an export: every row is judged, because every row is a bar."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING

from xfg_pipeline.levels.formats.cells import Cell
from xfg_pipeline.levels.formats.columns import OHLC, Columns
from xfg_pipeline.levels.formats.export import BarSeries
from xfg_pipeline.levels.formats.numbers import Dialect, prove_dialect
from xfg_pipeline.levels.formats.table import Table
from xfg_pipeline.levels.issues import Issue, refused, warning

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from xfg_pipeline.levels.formats.times import Moments

_PROVING_ROWS = 500
_DAY = 24 * 60


def read_bars(
    table: Table,
    columns: Columns,
    utc: Moments,
    trading_dates: npt.NDArray[np.datetime64],
    *,
    date_only: bool,
    minutes_in_name: int | None,
) -> tuple[BarSeries, Dialect, list[Issue]]:
    """Bars (oldest first), the dialect of their numbers, warnings. ExportRefused names the first bad bar."""
    import numpy as np
    import pandas as pd

    dialect = prove_dialect(_proving_cells(table, columns), table.delimiter)
    prices = {name: _prices(table, columns.bars[name], dialect) for name in OHLC}
    _check_bars(table, columns, prices)
    order = np.argsort(utc, kind="stable")
    order, warnings = _without_repeats(table, utc, order)
    frame = pd.DataFrame({"time": pd.DatetimeIndex(utc[order]).tz_localize("UTC")})
    picked = order.tolist()
    for name in OHLC:
        # Built as an object array: pandas must not look into the Decimals.
        values = np.empty(len(picked), object)
        values[:] = [prices[name][row] for row in picked]
        frame[name] = values
    volumes = _volumes(table, columns, dialect)
    frame["volume"] = pd.array([volumes[row] for row in picked] if volumes else [None] * len(picked), dtype="Int64")
    interval = _DAY if date_only else _interval(utc[order], minutes_in_name)
    days: list[date] = np.unique(trading_dates[order]).astype(object).tolist()
    return BarSeries(interval, frame, tuple(days)), dialect, warnings


def _proving_cells(table: Table, columns: Columns) -> list[Cell]:
    return [
        Cell(text, line, table.header[columns.bars[name]])
        for name in OHLC
        for text, line in islice(zip(table.columns[columns.bars[name]], table.lines, strict=True), _PROVING_ROWS)
    ]


def _prices(table: Table, position: int, dialect: Dialect) -> list[Decimal]:
    found: dict[str, Decimal] = {}
    texts = table.columns[position]
    for row, text in enumerate(texts):
        if text not in found:
            cell = Cell(text, table.lines[row], table.header[position])
            price = dialect.price(cell)
            if price is None:
                raise cell.refused("no_price", f'a bar has no price: "{text}"')
            found[text] = price
    return [found[text] for text in texts]


def _volumes(table: Table, columns: Columns, dialect: Dialect) -> list[int | None] | None:
    position = columns.bars.get("volume")
    if position is None:
        return None
    found: dict[str, int | None] = {}
    texts = table.columns[position]
    for row, text in enumerate(texts):
        if text not in found:
            found[text] = dialect.volume(Cell(text, table.lines[row], table.header[position]))
    return [found[text] for text in texts]


def _check_bars(table: Table, columns: Columns, prices: dict[str, list[Decimal]]) -> None:
    rows = zip(*(prices[name] for name in OHLC), strict=True)
    for row, (opened, high, low, closed) in enumerate(rows):
        if not (low <= opened <= high and low <= closed <= high):
            positions = [columns.bars[name] for name in OHLC]
            raise refused(
                "impossible_bar",
                "open and close must lie between low and high",
                "export again; check that no column is shifted",
                line=table.lines[row],
                columns=tuple(table.header[position] for position in positions),
                values=tuple(table.columns[position][row] for position in positions),
            )


def _without_repeats(
    table: Table, utc: Moments, order: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], list[Issue]]:
    import numpy as np

    repeats = np.flatnonzero(utc[order][1:] == utc[order][:-1]) + 1
    for at in repeats.tolist():
        left, right = int(order[at - 1]), int(order[at])
        if any(column[left].strip() != column[right].strip() for column in table.columns):
            raise refused(
                "two_bars_at_once",
                f"lines {table.lines[left]} and {table.lines[right]} are bars of the same time and differ",
                "export again; one file holds one symbol and one bar size",
                line=table.lines[right],
                columns=(table.header[0],),
                values=(table.columns[0][right],),
            )
    if not repeats.size:
        return order, []
    first = int(order[repeats[0]])
    found = warning(
        "repeated_bar",
        f"{repeats.size} bars stand twice with equal values and are taken once",
        line=table.lines[first],
    )
    return np.delete(order, repeats), [found]


def _interval(utc: Moments, minutes_in_name: int | None) -> int:
    """Minutes between neighbouring bars, most often; of a single bar what the file's name says."""
    import numpy as np

    steps = np.diff(utc).astype("timedelta64[s]").astype(np.int64)
    if len(steps) == 0:
        if minutes_in_name is None:
            raise refused("no_interval", "one bar alone does not tell its size", "name it: ES - 5 min - RTH.csv")
        return minutes_in_name
    sizes, counts = np.unique(steps, return_counts=True)
    seconds = int(sizes[counts.argmax()])
    if seconds % 60:
        raise refused("no_interval", f"the bars are {seconds} seconds apart", "export bars of whole minutes")
    return seconds // 60
