"""The levels a trader knows by name, and every name that a file or a form may use for them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Source(StrEnum):
    """Who gave a level its price."""

    CSV = "CSV"
    MANUAL = "MANUAL"
    CALCULATED = "CALCULATED"


PRECEDENCE = (Source.MANUAL, Source.CSV, Source.CALCULATED)
"""Of one level on one day the first of these holds; the others are kept."""


class Priority(StrEnum):
    ALL_STAR = "all_star"
    STANDARD = "standard"
    REFERENCE = "reference"


class Timeframe(StrEnum):
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


@dataclass(frozen=True)
class LevelType:
    """A level: API name, short label, headers of exports that mean it, rank, and how it comes about.

    `traded`: the price was dealt, so it stands on the tick; a computed one (VWAP, midpoint) need not.
    """

    name: str
    label: str
    headers: tuple[str, ...]
    priority: Priority
    timeframe: Timeframe
    traded: bool
    group: str


_ALL_STAR, _STANDARD, _REFERENCE = Priority.ALL_STAR, Priority.STANDARD, Priority.REFERENCE
_DAILY, _WEEKLY, _MONTHLY = Timeframe.DAILY, Timeframe.WEEKLY, Timeframe.MONTHLY


def _extensions() -> tuple[LevelType, ...]:
    return tuple(
        LevelType(
            f"mgi_ib_{word}_{share}",
            f"IB {sign}{share} %",
            (f"MGI: IB{sign}{share}%",),
            _REFERENCE,
            _DAILY,
            False,
            "Initial balance",
        )
        for word, sign in (("plus", "+"), ("minus", "-"))
        for share in (50, 100, 150, 200)
    )


_DEFINED = (
    LevelType("overnight_high", "Overnight high", ("MGI: ONH",), _ALL_STAR, _DAILY, True, "Overnight"),
    LevelType("overnight_low", "Overnight low", ("MGI: ONL",), _ALL_STAR, _DAILY, True, "Overnight"),
    LevelType("vwap", "VWAP", ("MGI: VWAP RTH",), _STANDARD, _DAILY, False, "Value"),
    LevelType("vah", "VAH", (), _ALL_STAR, _DAILY, False, "Value"),
    LevelType("poc", "POC", (), _ALL_STAR, _DAILY, False, "Value"),
    LevelType("val", "VAL", (), _ALL_STAR, _DAILY, False, "Value"),
    LevelType("previous_day_high", "Prev. day high", ("MGI: PDH",), _STANDARD, _DAILY, True, "Previous day"),
    LevelType("mgi_pdm", "Prev. day mid", ("MGI: PDM",), _STANDARD, _DAILY, False, "Previous day"),
    LevelType("previous_day_low", "Prev. day low", ("MGI: PDL",), _STANDARD, _DAILY, True, "Previous day"),
    LevelType("previous_day_close", "Prev. day close", ("MGI: PRTH Close",), _STANDARD, _DAILY, True, "Previous day"),
    LevelType("mgi_rtho", "Regular open", ("MGI: RTHO",), _STANDARD, _DAILY, True, "Opens"),
    LevelType("mgi_wk_op", "Week open", ("MGI Wk-Op",), _ALL_STAR, _WEEKLY, True, "Opens"),
    LevelType("mgi_mth_op", "Month open", ("MGI MTH-Op",), _STANDARD, _MONTHLY, True, "Opens"),
    LevelType("mgi_pw_vah", "Prev. week VAH", ("MGI PW-VAH",), _ALL_STAR, _WEEKLY, False, "Previous week"),
    LevelType("mgi_pw_val", "Prev. week VAL", ("MGI PW-VAL",), _ALL_STAR, _WEEKLY, False, "Previous week"),
    LevelType("mgi_pw_hi", "Prev. week high", ("MGI PW-Hi",), _STANDARD, _WEEKLY, True, "Previous week"),
    LevelType("mgi_pw_md", "Prev. week mid", ("MGI PW-Md",), _STANDARD, _WEEKLY, False, "Previous week"),
    LevelType("mgi_pw_lo", "Prev. week low", ("MGI PW-Lo",), _STANDARD, _WEEKLY, True, "Previous week"),
    LevelType("mgi_pw_cl", "Prev. week close", ("MGI PW-Cl",), _STANDARD, _WEEKLY, True, "Previous week"),
    LevelType("mgi_pm_vah", "Prev. month VAH", ("MGI PM-VAH",), _ALL_STAR, _MONTHLY, False, "Previous month"),
    LevelType("mgi_pm_val", "Prev. month VAL", ("MGI PM-VAL",), _ALL_STAR, _MONTHLY, False, "Previous month"),
    LevelType("mgi_pm_hi", "Prev. month high", ("MGI PM-Hi",), _STANDARD, _MONTHLY, True, "Previous month"),
    LevelType("mgi_pm_md", "Prev. month mid", ("MGI PM-Md",), _STANDARD, _MONTHLY, False, "Previous month"),
    LevelType("mgi_pm_lo", "Prev. month low", ("MGI PM-Lo",), _STANDARD, _MONTHLY, True, "Previous month"),
    LevelType("mgi_pm_cl", "Prev. month close", ("MGI PM-Cl",), _STANDARD, _MONTHLY, True, "Previous month"),
    LevelType("balance_area_high", "Balance high", ("Balance Area High",), _ALL_STAR, _DAILY, False, "Balance area"),
    LevelType("balance_area_mid", "Balance mid", ("Balance Area Mid",), _ALL_STAR, _DAILY, False, "Balance area"),
    LevelType("balance_area_low", "Balance low", ("Balance Area Low",), _ALL_STAR, _DAILY, False, "Balance area"),
    LevelType("mgi_ibh", "IB high", ("MGI: IBH",), _REFERENCE, _DAILY, True, "Initial balance"),
    LevelType("mgi_ibm", "IB mid", ("MGI: IBM",), _REFERENCE, _DAILY, False, "Initial balance"),
    LevelType("mgi_ibl", "IB low", ("MGI: IBL",), _REFERENCE, _DAILY, True, "Initial balance"),
    *_extensions(),
    LevelType("pivot_ba_high", "BA high", (), _ALL_STAR, _DAILY, False, "Pivots"),
    LevelType("pivot_high", "Pivot high", (), _ALL_STAR, _DAILY, False, "Pivots"),
    LevelType("pivot", "Pivot", (), _ALL_STAR, _DAILY, False, "Pivots"),
    LevelType("pivot_low", "Pivot low", (), _ALL_STAR, _DAILY, False, "Pivots"),
    LevelType("pivot_ba_low", "BA low", (), _ALL_STAR, _DAILY, False, "Pivots"),
    LevelType("weekly_pivot", "Weekly pivot", (), _ALL_STAR, _WEEKLY, False, "Pivots"),
)

LEVEL_TYPES: Mapping[str, LevelType] = MappingProxyType({level.name: level for level in _DEFINED})
"""Every level known by default, under its API name."""

MANUAL_LEVELS = ("pivot_ba_high", "pivot_high", "pivot", "pivot_low", "pivot_ba_low", "weekly_pivot")
"""Typed in by hand, never read from a file."""

PIVOTS = MANUAL_LEVELS[:5]
"""The pivots of each day; the weekly pivot belongs to the first session of the week."""

REQUIRED_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "readme": (
            "overnight_high",
            "overnight_low",
            "vwap",
            "vah",
            "val",
            "poc",
            "previous_day_high",
            "previous_day_low",
            "previous_day_close",
        ),
        "mgi": (
            "overnight_high",
            "overnight_low",
            "mgi_pm_vah",
            "mgi_pm_val",
            "mgi_pw_vah",
            "mgi_pw_val",
            "mgi_wk_op",
            "balance_area_high",
            "balance_area_low",
        ),
    }
)
"""Levels that an export must bring for a day to be complete, by the name of the set in force."""

_LEVEL_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def normalise_header(text: str) -> str:
    """A header as a name: `MGI: IB+50%` → `mgi_ib_plus_50`, `MGI PM-VAH` → `mgi_pm_vah`.

    Case, blanks, colons and percent signs do not count. A sign before a digit does: IB+50% is not IB-50%.
    """
    folded = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-").casefold()
    signed = re.sub(r"-\s*(?=[0-9])", " minus ", folded.replace("+", " plus "))
    return "_".join(re.findall(r"[^\W_]+", signed))


def label_of(level_type: str) -> str:
    """A short name for the desk; of a level that only the settings know, its name in words."""
    known = LEVEL_TYPES.get(level_type)
    return known.label if known else level_type.replace("_", " ").capitalize()


@dataclass(frozen=True)
class AliasTable:
    """Which level a header or a level name means, whatever vocabulary it comes from."""

    names: Mapping[str, str]

    @classmethod
    def from_settings(cls, extra: Mapping[str, str]) -> AliasTable:
        """The default names plus `extra`: header text → level name.

        A level name may be new ([a-z][a-z0-9_]*); "" or "ignore" takes a header out of the table.
        ValueError names the alias that cannot be.
        """
        names = {name: name for name in LEVEL_TYPES}
        for level in _DEFINED:
            names.update({normalise_header(header): level.name for header in level.headers})
        defaults = dict(names)
        for header, target in extra.items():
            key = normalise_header(header)
            if not key:
                raise ValueError(f'the column alias "{header}" holds no letter or digit')
            if target.strip().casefold() in ("", "ignore"):
                names.pop(key, None)
                continue
            wanted = normalise_header(target)
            level_name = defaults.get(wanted, wanted)
            if level_name in MANUAL_LEVELS:
                raise ValueError(f'the column alias "{header}" means {level_name}, which is typed in, never imported')
            if not _LEVEL_NAME.fullmatch(level_name):
                raise ValueError(f'the column alias "{header}" gives no level name: "{target}" (wanted: a-z, 0-9, _)')
            names[key] = level_name
            names.setdefault(level_name, level_name)
        return cls(names)

    def level_of(self, text: str) -> str | None:
        """The API name of the level that `text` (header or level name of any vocabulary) means, or None."""
        return self.names.get(normalise_header(text))
