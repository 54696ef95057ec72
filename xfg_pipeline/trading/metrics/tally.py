"""Counts of closed trades: how many won, what they made and lost, and what they made of their risk."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from xfg_pipeline.trading.metrics.exact import ZERO, minus, over, plus, rounded


class Result(NamedTuple):
    """What of a closed trade is counted."""

    pnl: Decimal
    r_multiple: Decimal | None

    @property
    def win(self) -> bool:
        """As that of a closed trade: exactly zero is no win."""
        return self.pnl > 0


@dataclass(frozen=True)
class Tally:
    """Sums over closed trades. `losses` is 0 or more. `measured`: trades whose risk is known, `r` their sum of R."""

    trades: int = 0
    wins: int = 0
    gains: Decimal = ZERO
    losses: Decimal = ZERO
    measured: int = 0
    r: Decimal = ZERO

    def plus(self, result: Result) -> "Tally":
        """With one trade more."""
        pnl, r = result
        return Tally(
            self.trades + 1,
            self.wins + (pnl > 0),
            plus(self.gains, pnl) if pnl > 0 else self.gains,
            minus(self.losses, pnl) if pnl < 0 else self.losses,
            self.measured + (r is not None),
            self.r if r is None else plus(self.r, r),
        )

    @property
    def profit_factor(self) -> Decimal | None:
        """Gains over losses, to 9 places; None without a loss."""
        return rounded(over(self.gains, self.losses)) if self.losses else None

    @property
    def expectancy_r(self) -> Decimal | None:
        """The mean R multiple, to 9 places; None where no risk is known."""
        return rounded(over(self.r, Decimal(self.measured))) if self.measured else None

    def state(self) -> list[Any]:
        """As JSON."""
        return [self.trades, self.wins, str(self.gains), str(self.losses), self.measured, str(self.r)]

    @classmethod
    def from_state(cls, state: list[Any]) -> "Tally":
        """The inverse of `state`."""
        trades, wins, gains, losses, measured, r = state
        return cls(trades, wins, Decimal(gains), Decimal(losses), measured, Decimal(r))


def tally_of(results: Iterable[Result]) -> Tally:
    """The tally of these trades."""
    made = Tally()
    for result in results:
        made = made.plus(result)
    return made
