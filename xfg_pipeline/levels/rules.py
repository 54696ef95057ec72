"""What a trader can want otherwise about levels: symbols, required sets, ticks, band, dates, time zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from xfg_pipeline.levels.vocabulary import MANUAL_LEVELS, REQUIRED_SETS, AliasTable

DateOrder = Literal["auto", "day_first", "month_first"]
"""How 05/06/2025 is read; auto: only as the file itself proves."""

_QUARTER = Decimal("0.25")
_TICKS = {"ES": _QUARTER, "NQ": _QUARTER, "MES": _QUARTER, "MNQ": _QUARTER}


@dataclass(frozen=True)
class SourceRule:
    """Date order and time zone of the files whose name matches `match` (as in a shell: `ES*5 min*.csv`)."""

    match: str
    date_order: DateOrder | None = None
    time_zone: str | None = None

    def __post_init__(self) -> None:
        if self.date_order is not None:
            _check_date_order(self.date_order)
        if self.time_zone is not None:
            _check_zone(self.time_zone)


@dataclass(frozen=True)
class LevelRules:
    """Everything about levels that is a setting. ValueError names the setting that cannot be.

    `price_band` is a share of the reference price (0.20 = 20 %), `required` a set's name or levels' names,
    `critical` levels without which a day is incomplete, `sources` rules by file name, the first match holds.
    """

    allowed_symbols: tuple[str, ...] = ("ES", "NQ")
    aliases: Mapping[str, str] = field(default_factory=dict)
    required: str | tuple[str, ...] = "readme"
    critical: tuple[str, ...] = ()
    tick_sizes: Mapping[str, Decimal] = field(default_factory=_TICKS.copy)
    default_tick: Decimal = _QUARTER
    price_band: Decimal = Decimal("0.20")
    date_order: DateOrder = "auto"
    time_zone: str = "auto"
    sources: tuple[SourceRule, ...] = ()
    manual_on_tick: bool = True
    max_file_bytes: int = 64 * 1024 * 1024
    max_rows: int = 5_000_000
    max_line_chars: int = 100_000

    def __post_init__(self) -> None:
        _check_date_order(self.date_order)
        _check_zone(self.time_zone)
        if not self.allowed_symbols:
            raise ValueError("allowed_symbols is empty: name at least one symbol, such as ES")
        if not (self.price_band.is_finite() and 0 < self.price_band < 1):
            raise ValueError(f"price_band is {self.price_band}: wanted is a share between 0 and 1, such as 0.20")
        for symbol, tick in (*self.tick_sizes.items(), ("default_tick", self.default_tick)):
            if not (tick.is_finite() and tick > 0):
                raise ValueError(f"the tick size of {symbol} is {tick}: it must be above 0")
        table = self.alias_table()
        if isinstance(self.required, str) and self.required not in REQUIRED_SETS:
            raise ValueError(f'required is "{self.required}": allowed are {", ".join(REQUIRED_SETS)} or level names')
        named = self.critical if isinstance(self.required, str) else (*self.required, *self.critical)
        for name in named:
            if table.level_of(name) is None:
                raise ValueError(f'"{name}" is required or critical, but no level of the alias table has this name')

    @cached_property
    def _table(self) -> AliasTable:
        return AliasTable.from_settings(self.aliases)

    def alias_table(self) -> AliasTable:
        """Headers and level names of all vocabularies, with the aliases of the settings."""
        return self._table

    def tick(self, symbol: str) -> Decimal:
        """Points between two neighbouring prices of a symbol."""
        return self.tick_sizes.get(symbol.upper(), self.default_tick)

    def required_csv(self) -> tuple[str, ...]:
        """API names of the levels that an export must bring; pivots are typed in and never among them."""
        if isinstance(self.required, str):
            return REQUIRED_SETS[self.required]
        return tuple(name for name in self._known(self.required) if name not in MANUAL_LEVELS)

    def critical_levels(self) -> tuple[str, ...]:
        """API names of the levels without which a day is incomplete."""
        return self._known(self.critical)

    def for_file(self, file_name: str) -> LevelRules:
        """The same rules with date order and time zone of the first source that the file's name matches."""
        name = file_name.casefold()
        for source in self.sources:
            if fnmatchcase(name, source.match.casefold()):
                return replace(
                    self,
                    date_order=source.date_order or self.date_order,
                    time_zone=source.time_zone or self.time_zone,
                )
        return self

    def _known(self, names: tuple[str, ...]) -> tuple[str, ...]:
        table = self.alias_table()
        found = (table.level_of(name) for name in names)
        return tuple(dict.fromkeys(name for name in found if name is not None))


def _check_date_order(date_order: str) -> None:
    if date_order not in get_args(DateOrder):
        raise ValueError(f'date_order is "{date_order}": allowed are {", ".join(get_args(DateOrder))}')


def _check_zone(time_zone: str) -> None:
    if time_zone == "auto":
        return
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise ValueError(f'time_zone is "{time_zone}": wanted is auto or a name such as America/New_York') from unknown
