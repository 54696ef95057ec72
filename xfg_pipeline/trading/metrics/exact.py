"""Arithmetic of the metrics: sums without error, quotients of 50 digits, results of 9 places."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

from xfg_pipeline.signals.calibration import DIGITS

ZERO = Decimal(0)
# Wide enough for a million amounts of any exchange; a sum that needed more would be rounded, never wrong.
_SUMS = Context(prec=120, rounding=ROUND_HALF_EVEN)
_QUOTIENTS = Context(prec=50, rounding=ROUND_HALF_EVEN)
_PLACES = Decimal(1).scaleb(-DIGITS)
_RETURN_PLACES = Decimal(1).scaleb(-28)


def plus(a: Decimal, b: Decimal) -> Decimal:
    """a + b."""
    return _SUMS.add(a, b)


def minus(a: Decimal, b: Decimal) -> Decimal:
    """a − b."""
    return _SUMS.subtract(a, b)


def times(a: Decimal, b: Decimal) -> Decimal:
    """a · b."""
    return _SUMS.multiply(a, b)


def over(a: Decimal, b: Decimal) -> Decimal:
    """a / b, to 50 digits; raises ZeroDivisionError where b is 0."""
    return _QUOTIENTS.divide(a, b)


def root(a: Decimal) -> Decimal:
    """The square root, to 50 digits."""
    return _QUOTIENTS.sqrt(a)


def share_of(pnl: Decimal, equity: Decimal) -> Decimal:
    """A return, to 28 places: of equal amounts it is equal, and sums and squares of it are exact."""
    return over(pnl, equity).quantize(_RETURN_PLACES, context=_SUMS)


def rounded(a: Decimal) -> Decimal:
    """To 9 places, as metrics are compared and kept; without trailing zeros, a power of ten, or a sign before 0."""
    short = plus(a.quantize(_PLACES, context=_SUMS), ZERO).normalize(_SUMS)
    return short.quantize(Decimal(1), context=_SUMS) if short.as_tuple().exponent > 0 else short  # type: ignore[operator]
