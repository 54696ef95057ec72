"""How numbers are written in the sentences of the light."""

from collections.abc import Iterable
from decimal import Decimal


def percent(share: Decimal, digits: int = 1) -> str:
    """`0.65` as `65 %`, `0.6549` as `65.5 %`."""
    return f"{number(100 * share, digits)} %"


def number(value: Decimal, digits: int = 2) -> str:
    """Rounded, without zeros at the end; what is not zero is never written as zero."""
    if value != 0 and abs(value) < Decimal(1).scaleb(-digits):
        return f"{'below ' if value > 0 else 'above -'}{Decimal(1).scaleb(-digits)}"
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def between(interval: tuple[Decimal, Decimal]) -> str:
    """`38.7 to 78.1 %`."""
    return f"{number(100 * interval[0], 1)} to {number(100 * interval[1], 1)} %"


def listed(words: Iterable[str]) -> str:
    """`a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
