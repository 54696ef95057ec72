"""What an exchange accepts: the smallest steps of price and quantity. Prices of plans are whole numbers of ticks."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Floats

Ticks = NDArray[np.int64]

MOST_TICKS = 2**53
"""Beyond it a price in ticks is no longer exact as a float64."""
MOST_DECIMALS = 18
EXACT = Context(prec=120)
"""Products of money, shares and quantities keep all their digits."""


@dataclass(frozen=True)
class Increments:
    """How a coin's orders are stepped. Prices are multiples of `tick_size`, quantities of `qty_step`.

    `min_qty`, `max_qty` are in the coin, `min_notional` in the quote currency. Raises ValueError for a value that is
    not finite and above 0 (`min_notional` may be 0).
    """

    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_notional: Decimal

    def __post_init__(self) -> None:
        for name in ("tick_size", "qty_step", "min_qty", "max_qty"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value <= 0:
                raise ValueError(f"{name} {value} is not a finite number above 0")
            if decimals(value) > MOST_DECIMALS:
                raise ValueError(f"{name} {value} has more than {MOST_DECIMALS} decimals")
        if not self.min_notional.is_finite() or self.min_notional < 0:
            raise ValueError(f"min_notional {self.min_notional} is not a finite number from 0 on")

    @property
    def price_decimals(self) -> int:
        """How many decimals a price of this tick has: 0.10 has 1."""
        return decimals(self.tick_size)

    def price(self, ticks: int) -> Decimal:
        """The exact price of whole ticks, with the tick's decimals."""
        return EXACT.quantize(EXACT.multiply(Decimal(ticks), self.tick_size), Decimal(1).scaleb(-self.price_decimals))

    def price_text(self, price: Decimal, *, thousands: bool = False) -> str:
        """A price with the tick's decimals: 91950.0, or 91,950.0 to be read."""
        return f"{price:,.{self.price_decimals}f}" if thousands else f"{price:.{self.price_decimals}f}"

    def quantity_text(self, quantity: Decimal) -> str:
        """A quantity with the step's decimals: 0.495."""
        return f"{quantity:.{decimals(self.qty_step)}f}"

    def nearest(self, prices: Floats) -> Ticks:
        """Prices as the nearest whole ticks, int64[n]; -1 where that is not exact or not a price."""
        numerator, denominator = self.tick_size.as_integer_ratio()
        with np.errstate(invalid="ignore", over="ignore"):
            found = np.rint(prices * denominator / numerator)
            known = np.isfinite(found) & (found >= 0) & (found < MOST_TICKS / numerator)
        return np.where(known, found, -1).astype(np.int64)

    def in_ticks(self, distance: Floats) -> Floats:
        """A distance of prices in ticks, not rounded."""
        numerator, denominator = self.tick_size.as_integer_ratio()
        return np.asarray(distance * denominator / numerator, dtype=np.float64)

    def as_floats(self, ticks: Ticks) -> Floats:
        """Whole ticks as prices, float64[n].

        One division of two exact numbers gives the double nearest to the decimal price, which is what a candle's
        price was read as: the two compare as their decimals do.
        """
        numerator, denominator = self.tick_size.as_integer_ratio()
        return np.asarray((ticks * numerator).astype(np.float64) / denominator, dtype=np.float64)


def decimals(step: Decimal) -> int:
    """How many decimals multiples of a step need."""
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def rounded_down(value: Decimal, places: int) -> Decimal:
    """A value cut to so many decimals, towards zero."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN, context=EXACT)
