"""Shares, amounts and times of trading in the figures of the desk; what is not known is a dash, never a zero."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from xfg_pipeline.desk.formats import MINUS

DASH = "–"


def share(value: Any, digits: int = 1) -> str:
    """0.65 as `65%`, 0.0654 as `6.5%`; a minus where it is below zero."""
    if value is None:
        return DASH
    return f"{number(100 * Decimal(str(value)), digits)}%"


def number(value: Any, digits: int = 2) -> str:
    """Rounded, without zeros at the end, thousands with commas."""
    if value is None:
        return DASH
    amount = Decimal(str(value))
    text = f"{abs(amount):,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{MINUS}{text}" if amount < 0 and text.strip("0.,") else text


def money(value: Any, digits: int = 2, *, sign: bool = True) -> str:
    """`+301.65`, `−0.40`, `0.00`: with its sign unless it is a level, such as equity."""
    if value is None:
        return DASH
    amount = Decimal(str(value))
    text = f"{abs(amount):,.{digits}f}"
    if not text.strip("0.,"):
        return text
    return f"{MINUS if amount < 0 else '+' if sign else ''}{text}"


def signed_share(value: Any, digits: int = 2) -> str:
    """`+0.77%`."""
    if value is None:
        return DASH
    return f"{money(100 * Decimal(str(value)), digits)}%"


def chance(value: Decimal | None) -> str:
    """`9.8%`; what is rarer than one in a thousand is `<0.1%`."""
    if value is None:
        return DASH
    return "<0.1%" if value < Decimal("0.001") else share(value)


def between(interval: Any) -> str:
    """`48 to 85%`."""
    if interval is None or interval[0] is None:
        return DASH
    return f"{number(100 * Decimal(str(interval[0])), 0)} to {share(interval[1], 0)}"


def utc_time(moment: datetime, on: datetime | None = None) -> str:
    """`13:30 UTC`, with its date where it is not that of `on`."""
    at = moment.astimezone(UTC)
    if on is not None and at.date() == on.astimezone(UTC).date():
        return f"{at:%H:%M} UTC"
    return f"{at.day} {at:%b %H:%M} UTC"
