"""Realised P&L of the calendar day, week or month so far, and the equity at its start."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from xfg_pipeline.trading.metrics.exact import ZERO, minus, plus


@dataclass(frozen=True)
class Stretch:
    """From the first moment of `start` on. `base`: equity then, None where it is not known."""

    start: date
    base: Decimal | None
    pnl: Decimal = ZERO
    closings: int = 0

    def plus(self, pnl: Decimal) -> "Stretch":
        """With one closing more."""
        return Stretch(self.start, self.base, plus(self.pnl, pnl), self.closings + 1)

    def told(self, equity: Decimal) -> "Stretch":
        """The account has said its equity: the start had that less what was realised since, unless it is known."""
        if self.base is not None and self.base > 0:
            return self
        return replace(self, base=minus(equity, self.pnl))

    def state(self) -> list[Any]:
        """As JSON."""
        return [self.start.isoformat(), None if self.base is None else str(self.base), str(self.pnl), self.closings]

    @classmethod
    def from_state(cls, state: list[Any]) -> "Stretch":
        """The inverse of `state`."""
        start, base, pnl, closings = state
        return cls(date.fromisoformat(start), None if base is None else Decimal(base), Decimal(pnl), closings)


def starts_of(day: date) -> tuple[date, date, date]:
    """The day itself, the Monday of its week, the first of its month."""
    return day, day - timedelta(days=day.weekday()), day.replace(day=1)
