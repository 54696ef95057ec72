"""Texts of prices to Decimal, in the one number dialect that the file proves; nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from xfg_pipeline.levels.band import why_no_price
from xfg_pipeline.levels.formats.cells import Cell

_BLANKS = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
_GROUPS = f"'\N{RIGHT SINGLE QUOTATION MARK}{_BLANKS}"
_SIGNS = re.compile(
    r"[-+]?(?:"
    r"[0-9]{1,3}(?P<grouping>[.,])[0-9]{3}"
    r"(?:(?:(?P=grouping)[0-9]{3})+|(?:(?P=grouping)[0-9]{3})*(?!(?P=grouping))(?P<decimal>[.,])[0-9]+)"
    rf"|[0-9][0-9{_GROUPS}]*(?P<only>[.,])[0-9]+)"
)
"""Numbers whose signs say something: 1,234,567 and 1,234.5 about both signs, 1234.5 about one."""

_NOT_FINITE = {"nan", "inf", "infinity", "∞"}
_SCALES = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
_ABSURD_VOLUME = 10**15
"""So much no market trades in one bar; it is far below what the frame and the tables can hold."""

_LONGEST = 24


@dataclass(frozen=True)
class Dialect:
    """How the numbers of a file are written: the decimal sign; thousands may be grouped by any other sign."""

    decimal: str

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        other = "," if self.decimal == "." else "."
        groups = rf"[0-9]{{1,3}}(?P<sign>[{re.escape(other)}{_GROUPS}])[0-9]{{3}}(?:(?P=sign)[0-9]{{3}})*"
        return re.compile(rf"[-+]?(?:[0-9]+|{groups})(?:{re.escape(self.decimal)}[0-9]{{1,20}})?")

    def number(self, text: str) -> Decimal | None:
        """The number that a text is, or None."""
        plain = _plain(text)
        match = self._pattern.fullmatch(plain) if len(plain) <= _LONGEST else None
        if match is None:
            return None
        sign = match["sign"]
        return Decimal((plain.replace(sign, "") if sign else plain).replace(self.decimal, "."))

    def price(self, cell: Cell) -> Decimal | None:
        """A price as `band.is_price` has it; None for an empty cell or a 0. ExportRefused for anything else."""
        if not cell.text.strip():
            return None
        value = self.number(cell.text)
        if value is None:
            if _is_not_finite(cell.text):
                raise cell.refused("not_finite", f'"{cell.text}" is not a finite number')
            raise cell.refused("not_a_price", f'"{cell.text}" is not a price')
        if value < 0:
            raise cell.refused("negative", f'"{cell.text}" is negative: a price must be positive')
        if value and (why := why_no_price(value)):
            raise cell.refused("not_a_price", f'"{cell.text}" is not a price: {why}')
        return value or None

    def volume(self, cell: Cell) -> int | None:
        """A whole number below 10**15, `19.49K` included; None for an empty cell. ExportRefused for anything else."""
        text = cell.text.strip()
        if not text:
            return None
        scale = _SCALES.get(text[-1].casefold(), 1)
        value = self.number(text[:-1].rstrip() if scale > 1 else text)
        if value is None:
            if _is_not_finite(text):
                raise cell.refused("not_finite", f'"{cell.text}" is not a finite number')
            raise cell.refused("not_a_volume", f'"{cell.text}" is not a volume')
        if value < 0:
            raise cell.refused("negative", f'"{cell.text}" is negative: a volume must be 0 or more')
        value *= scale
        if value >= _ABSURD_VOLUME:
            raise cell.refused(
                "absurd_volume",
                f'"{cell.text}" is no volume that a market trades: {_ABSURD_VOLUME:,} or more',
                "correct the cell or export again; check that no column is shifted",
            )
        if value != value.to_integral_value():
            raise cell.refused("not_a_volume", f'"{cell.text}" is not a volume: a whole number is wanted')
        return int(value)


def prove_dialect(cells: Iterable[Cell], delimiter: str) -> Dialect:
    """The decimal sign that the cells show. ExportRefused where they show both, or where none can be known.

    A comma that separates the columns is no decimal sign, quoted or not.
    """
    shown: dict[str, Cell] = {}
    unclear: Cell | None = None
    for cell in cells:
        decimal = _decimal_of(_plain(cell.text))
        if decimal == "unclear":
            unclear = unclear or cell
        elif decimal:
            shown.setdefault(decimal, cell)
    if delimiter == ",":
        if "," in shown:
            cell = shown[","]
            raise cell.refused(
                "decimal_comma",
                f'"{cell.text}" has a decimal comma in a file whose columns are separated by commas',
                "export with semicolons, or with decimal points",
            )
        return Dialect(".")
    if len(shown) > 1:
        point, comma = shown["."], shown[","]
        raise comma.refused(
            "two_dialects",
            f'"{comma.text}" has a decimal comma, "{point.text}" in line {point.line} a decimal point',
            "export again with one way of writing numbers",
        )
    if not shown and unclear:
        raise unclear.refused(
            "unclear_number",
            f'"{unclear.text}" can be thousands or decimals, and no other number of the file tells',
            "export without thousands separators, or with two decimals",
        )
    return Dialect(next(iter(shown), "."))


def _plain(text: str) -> str:
    return text.strip().replace("\N{MINUS SIGN}", "-")


def _is_not_finite(text: str) -> bool:
    return _plain(text).lstrip("+-").casefold() in _NOT_FINITE


def _decimal_of(text: str) -> str:
    """The decimal sign that a number proves: "." or ","; "unclear" for 6.718 alone, "" for anything else."""
    match = _SIGNS.fullmatch(text)
    if match is None:
        return ""
    grouping, decimal, only = match["grouping"], match["decimal"], match["only"]
    if only:
        whole, decimals = text.lstrip("+-").split(only)
        grouped = len(decimals) == 3 and len(whole) <= 3 and whole.isdigit() and not whole.startswith("0")
        return "unclear" if grouped else only
    if decimal:
        return str(decimal)
    # Thousands grouped twice and no decimals: the other sign is left for them.
    return "," if grouping == "." else "."
