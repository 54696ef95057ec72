"""Sums and means of money: sums keep every digit, so that their order does not matter; quotients are rounded."""

from collections.abc import Iterable
from decimal import Context, Decimal, localcontext
from typing import Final

from xfg_pipeline.signals.increments import EXACT

QUOTIENTS: Final = Context(prec=20)
"""A quotient has 20 significant digits."""


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum; 0 of none."""
    with localcontext(EXACT):
        return sum(amounts, Decimal(0))


def product(one: Decimal, other: Decimal) -> Decimal:
    """The exact product."""
    return EXACT.multiply(one, other)


def mean(weighted: Iterable[tuple[Decimal, Decimal]]) -> Decimal:
    """The mean of (value, weight). Raises decimal.InvalidOperation when the weights sum to 0."""
    pairs = list(weighted)
    value = total(product(value, weight) for value, weight in pairs)
    return QUOTIENTS.divide(value, total(weight for _, weight in pairs))
