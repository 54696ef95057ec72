"""How far a price may be from one that is known: the band that tells one market from another."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from xfg_pipeline.levels.issues import Issue, warning
from xfg_pipeline.levels.rules import LevelRules

UNCHECKED = "band_unchecked"
"""Code of the warning that there was no outside price to compare with."""

SMALLEST = Decimal("0.00000001")
"""The tables keep 8 decimals: a smaller price would be stored as 0."""

LARGEST = Decimal(10) ** 9
"""No bound for a market: beyond it the tables hold no price, and arithmetic with ticks is no longer exact."""


@dataclass(frozen=True)
class Reference:
    """A price of the symbol near the date, from elsewhere. `what`: "previous_day_close of 2025-10-15"."""

    price: Decimal
    what: str


def is_price(value: object) -> bool:
    """Whether a value is a Decimal, above 0 and of a size that prices have: from SMALLEST, below LARGEST."""
    return why_no_price(value) is None


def why_no_price(value: object) -> str | None:
    """What keeps a value from being a price, to stand behind "not a price: "; None where nothing does."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return "not a finite number"
    if value <= 0:
        return "not above 0"
    if value < SMALLEST:
        return f"below {SMALLEST:f}, and prices are kept to 8 decimals"
    if value >= LARGEST:
        return f"{LARGEST:,f} or more"
    return None


def unchecked(symbol: str, when: str) -> Issue:
    """The warning that no outside price was there to compare with. `when`: " near 2025-10-14" or empty."""
    return warning(
        UNCHECKED,
        f"no price of {symbol}{when} is known yet: prices of another market would not be noticed",
        "compare with the chart",
    )


def inside(price: Decimal, reference: Decimal, rules: LevelRules) -> bool:
    """Whether a price is inside the band around a reference, both ends included."""
    return abs(price - reference) <= reference * rules.price_band


def percent(rules: LevelRules) -> str:
    """The band as a person reads it: 20 %."""
    return f"{(rules.price_band * 100).normalize():f} %"


def plain(price: Decimal) -> str:
    """As a file shows a price, to be found again: 6694.50."""
    return f"{price:.2f}" if price == round(price, 2) else f"{price.normalize():f}"


def points(price: Decimal) -> str:
    """As a form shows a price: 25,285.00."""
    return f"{price:,.2f}" if price == round(price, 2) else f"{price:,f}"
