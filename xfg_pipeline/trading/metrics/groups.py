"""Closed trades by signal type and by coin: the last 20, those of the week, and those of the month."""

from collections import deque
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from xfg_pipeline.signals.tiers import Tier, tier_of
from xfg_pipeline.trading.metrics.exact import minus, over, rounded
from xfg_pipeline.trading.metrics.metric import TypeRecord
from xfg_pipeline.trading.metrics.ratios import share_interval
from xfg_pipeline.trading.metrics.stretches import starts_of
from xfg_pipeline.trading.metrics.tally import Result, Tally, tally_of

LAST = 20
Period = Literal["last_20", "week", "month"]
PERIODS: tuple[Period, ...] = ("last_20", "week", "month")


@dataclass(frozen=True)
class GroupRecord:
    """One type's or coin's trades of a period. Shares and ratios to 9 places, None where not defined."""

    name: str
    period: Period
    trades: int
    wins: int
    win_rate: Decimal | None
    win_rate_low: Decimal | None
    win_rate_high: Decimal | None
    pnl: Decimal
    profit_factor: Decimal | None
    expectancy_r: Decimal | None


@dataclass(frozen=True)
class Groups:
    """All groups at a moment, by name and then by PERIODS; `tiers` has each coin, by its last 20 trades."""

    at: datetime
    types: tuple[GroupRecord, ...]
    coins: tuple[GroupRecord, ...]
    tiers: dict[str, Tier]


class Group:
    """Folds the trades of one type or coin."""

    def __init__(self) -> None:
        self.last: deque[Result] = deque(maxlen=LAST)
        self._since: tuple[date, date] | None = None
        self._week = self._month = Tally()

    def add(self, result: Result, day: date) -> None:
        """A trade that was closed on `day`."""
        week, month = self._on(day)
        self.last.append(result)
        self._since = starts_of(day)[1:]
        self._week, self._month = week.plus(result), month.plus(result)

    def records(self, name: str, day: date) -> tuple[GroupRecord, ...]:
        """One a period, as they stand on `day`."""
        tallies = (tally_of(self.last), *self._on(day))
        return tuple(_record(name, period, tally) for period, tally in zip(PERIODS, tallies, strict=True))

    def of_last(self) -> TypeRecord:
        """The last up to 20."""
        return TypeRecord(len(self.last), sum(result.win for result in self.last))

    def tier(self) -> Tier:
        """The tier that the last 20 give."""
        return tier_of([result.win for result in self.last])

    def _on(self, day: date) -> tuple[Tally, Tally]:
        _, monday, first = starts_of(day)
        if self._since is None:
            return Tally(), Tally()
        return self._week if self._since[0] == monday else Tally(), self._month if self._since[1] == first else Tally()

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "last": [[str(pnl), None if r is None else str(r)] for pnl, r in self.last],
            "since": None if self._since is None else [start.isoformat() for start in self._since],
            "week": self._week.state(),
            "month": self._month.state(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Group":
        """The inverse of `state`."""
        made = cls()
        made.last.extend(Result(Decimal(pnl), None if r is None else Decimal(r)) for pnl, r in state["last"])
        if state["since"] is not None:
            monday, first = state["since"]
            made._since = date.fromisoformat(monday), date.fromisoformat(first)
        made._week, made._month = Tally.from_state(state["week"]), Tally.from_state(state["month"])
        return made


def _record(name: str, period: Period, tally: Tally) -> GroupRecord:
    low, high = share_interval(tally.wins, tally.trades) or (None, None)
    return GroupRecord(
        name=name,
        period=period,
        trades=tally.trades,
        wins=tally.wins,
        win_rate=rounded(over(Decimal(tally.wins), Decimal(tally.trades))) if tally.trades else None,
        win_rate_low=low,
        win_rate_high=high,
        pnl=minus(tally.gains, tally.losses),
        profit_factor=tally.profit_factor,
        expectancy_r=tally.expectancy_r,
    )
