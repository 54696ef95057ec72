"""Ratios of returns and results, as pure functions of sequences and of their running sums.

A return is P&L over the equity before it, a fraction. None: not defined.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from xfg_pipeline.signals.calibration import wilson_interval
from xfg_pipeline.trading.metrics.exact import ZERO, minus, over, plus, root, times

DAYS_OF_YEAR = 365
"""Crypto trades every day: the square root of 252 would understate by a fifth."""

# Squared: a spread of less than a billionth of the mean is none.
_SAME = Decimal("1e-18")


@dataclass(frozen=True)
class ReturnSums:
    """What the Sharpe ratio needs of any number of returns."""

    n: int = 0
    total: Decimal = ZERO
    squares: Decimal = ZERO

    def plus(self, one: Decimal) -> "ReturnSums":
        """With one return more."""
        return ReturnSums(self.n + 1, plus(self.total, one), plus(self.squares, times(one, one)))

    def plus_zeros(self, count: int) -> "ReturnSums":
        """With so many returns of exactly zero more."""
        return ReturnSums(self.n + count, self.total, self.squares)

    def sharpe(self, periods: int) -> Decimal | None:
        """Mean over standard deviation (n − 1), times the root of `periods` a year; 1: not annualised.

        None below two returns, and where all are the same to nine digits. The risk-free rate is 0. Sharpe (1994).
        """
        # n·(n − 1) times the variance, without a difference of rounded numbers.
        square = times(self.total, self.total)
        spread = minus(times(Decimal(self.n), self.squares), square)
        if self.n < 2 or spread <= times(square, _SAME):
            return None
        return times(
            self.total, root(over(times(Decimal(periods), Decimal(self.n - 1)), times(Decimal(self.n), spread)))
        )


@dataclass(frozen=True)
class Drawdown:
    """The deepest fall of a chain of returns below its highest point so far, the start included; a fraction.

    `level` is where the chain stands, as a share of that point.
    """

    deepest: Decimal = ZERO
    level: Decimal = Decimal(1)

    def after(self, before: Decimal, now: Decimal) -> "Drawdown":
        """With equity gone from `before`, above 0, to `now` by P&L alone. From nothing a chain does not rise."""
        level = over(times(self.level, now), before)
        deepest = max(self.deepest, minus(Decimal(1), level))
        return Drawdown(deepest, min(max(level, ZERO), Decimal(1)))


def sharpe(returns: Iterable[Decimal], periods: int = DAYS_OF_YEAR) -> Decimal | None:
    """The Sharpe ratio of returns; see ReturnSums.sharpe."""
    sums = ReturnSums()
    for one in returns:
        sums = sums.plus(one)
    return sums.sharpe(periods)


def max_drawdown(returns: Iterable[Decimal]) -> Decimal:
    """max over t of 1 − E(t) / max over s ≤ t of E(s), where the first E is that before any return; 0 of none."""
    fall = Drawdown()
    for one in returns:
        fall = fall.after(Decimal(1), plus(Decimal(1), one))
    return fall.deepest


def profit_factor(pnls: Iterable[Decimal]) -> Decimal | None:
    """The sum of gains over the sum of losses; None without a loss."""
    gains = losses = ZERO
    for pnl in pnls:
        gains, losses = plus(gains, max(pnl, ZERO)), minus(losses, min(pnl, ZERO))
    return over(gains, losses) if losses else None


def trailing_losses(wins: Iterable[bool]) -> int:
    """How many stand in a row at the end that are no win."""
    streak = 0
    for win in wins:
        streak = 0 if win else streak + 1
    return streak


def share_interval(successes: int, n: int) -> tuple[Decimal, Decimal] | None:
    """Wilson's 95 % interval of a share, to 9 places; None of none."""
    found = wilson_interval(successes, n)
    return None if found is None else (Decimal(str(found[0])), Decimal(str(found[1])))
