"""Which column of an export is what: time, bar, level, symbol, or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xfg_pipeline.levels.issues import Issue, refused, warning
from xfg_pipeline.levels.vocabulary import MANUAL_LEVELS, AliasTable, normalise_header

if TYPE_CHECKING:
    from xfg_pipeline.levels.formats.table import Table

OHLC = ("open", "high", "low", "close")
_TIME_HEADERS = (
    "date_time",
    "datetime",
    "timestamp",
    "bar_time",
    "time",
    "date",
    "trading_date",
    "trade_date",
    "day",
)
_BAR_HEADERS = {"last": "close", "vol": "volume"}
_BAR_EXTRAS = ("volume", "range", "spread", "open_interest")
_SYMBOL_HEADERS = ("symbol", "ticker", "instrument")
_LEVEL_NAME_HEADERS = ("level", "level_type", "level_name", "name")
_PRICE_HEADERS = ("price", "level_price", "value")


@dataclass(frozen=True)
class Columns:
    """Positions in the table. `time`: one column, or date and time of day; `levels`: (position, level)."""

    time: tuple[int, ...]
    bars: dict[str, int]
    levels: tuple[tuple[int, str], ...]
    symbol: int | None
    level_name: int | None
    level_price: int | None
    unknown: tuple[str, ...]
    warnings: tuple[Issue, ...]

    @property
    def is_long(self) -> bool:
        return self.level_name is not None and self.level_price is not None

    def level_cells(self) -> tuple[int, int]:
        """Positions of the level's name and its price, in the long shape."""
        if self.level_name is None or self.level_price is None:
            raise ValueError("the file has no row a level")
        return self.level_name, self.level_price

    @property
    def has_bars(self) -> bool:
        return all(name in self.bars for name in OHLC)


def is_time_header(header: str) -> bool:
    """Whether a header names the column of times or dates."""
    return normalise_header(header) in _TIME_HEADERS


def find_columns(table: Table, aliases: AliasTable) -> Columns:
    """What each column is. ExportRefused for two of one name that differ, and where nothing is of use."""
    names = [normalise_header(header) for header in table.header]
    time = _time_columns(names)
    kept, warnings = _without_twins(table, names, aliases)
    bars: dict[str, int] = {}
    levels: list[tuple[int, str]] = []
    unknown: list[str] = []
    roles: dict[str, int] = {}
    for position in kept:
        name = names[position]
        level = aliases.level_of(table.header[position])
        bar = _BAR_HEADERS.get(name, name)
        if position in time:
            continue
        if bar in OHLC or bar in _BAR_EXTRAS:
            bars.setdefault(bar, position)
        elif name in _SYMBOL_HEADERS:
            roles.setdefault("symbol", position)
        elif level is not None and level not in MANUAL_LEVELS:
            levels.append((position, level))
        elif name in _LEVEL_NAME_HEADERS:
            roles.setdefault("level", position)
        elif name in _PRICE_HEADERS:
            roles.setdefault("price", position)
        elif table.header[position] or any(cell.strip() for cell in table.columns[position]):
            unknown.append(table.header[position])
            if level is not None:
                warnings.append(_typed_in(table.header[position], level))
    is_long = {"level", "price"} <= roles.keys() and not levels and not set(OHLC) & bars.keys()
    if not is_long:
        unknown += [table.header[roles[role]] for role in ("level", "price") if role in roles]
    columns = Columns(
        time,
        bars,
        tuple(levels),
        roles.get("symbol"),
        roles["level"] if is_long else None,
        roles["price"] if is_long else None,
        tuple(unknown),
        tuple(warnings),
    )
    if not columns.levels and not columns.is_long and not columns.has_bars:
        raise refused(
            "no_level_column",
            "no column is a known level, and without Open, High, Low and Close these are no bars either",
            "add the study's headers to the column aliases, or export the study values",
            line=1,
            columns=table.header,
        )
    return columns


def _time_columns(names: Sequence[str]) -> tuple[int, ...]:
    """The first of the known headers; a Date and a Time column of their own are read together."""
    if "date" in names and "time" in names and not {"date_time", "datetime", "timestamp"} & set(names):
        return names.index("date"), names.index("time")
    return (next(names.index(wanted) for wanted in _TIME_HEADERS if wanted in names),)


def _without_twins(table: Table, names: Sequence[str], aliases: AliasTable) -> tuple[list[int], list[Issue]]:
    """Positions without the second of two equal columns. Twins of no meaning here may hold what they like."""
    first: dict[str, int] = {}
    kept: list[int] = []
    warnings: list[Issue] = []
    for position, header in enumerate(table.header):
        twin = first.setdefault(header, position)
        matters = aliases.level_of(header) or names[position] in (
            *_TIME_HEADERS,
            *OHLC,
            *_SYMBOL_HEADERS,
            *_LEVEL_NAME_HEADERS,
            *_PRICE_HEADERS,
        )
        if twin == position or not matters:
            kept.append(position)
            continue
        for left, right in zip(table.columns[twin], table.columns[position], strict=True):
            if left.strip() != right.strip():
                raise refused(
                    "duplicate_header",
                    f'the header "{header}" stands twice, as columns {twin + 1} and {position + 1}, '
                    f'with different values: "{left}" and "{right}"',
                    "rename or remove one of the two",
                    line=1,
                    columns=(header,),
                    values=(left, right),
                )
        warnings.append(
            warning(
                "duplicate_header",
                f'the header "{header}" stands twice, as columns {twin + 1} and {position + 1}, '
                "with equal values: one is used",
                "remove one of the two",
                line=1,
                columns=(header,),
            )
        )
    return kept, warnings


def _typed_in(header: str, level: str) -> Issue:
    return warning(
        "manual_level_in_file",
        f'the column "{header}" was left out: {level} is typed in on the desk, never imported',
        line=1,
        columns=(header,),
        levels=(level,),
    )
