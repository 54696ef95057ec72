"""Closed trades as they are folded: the last 20, the streak, totals, stated confidences, types and coins."""

from collections import deque
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from xfg_pipeline.trading.metrics.events import ClosedTrade
from xfg_pipeline.trading.metrics.exact import over, rounded
from xfg_pipeline.trading.metrics.forecasts import Forecasts, Pairs
from xfg_pipeline.trading.metrics.groups import LAST, Group, Groups
from xfg_pipeline.trading.metrics.metric import HISTORY, Metric, TypeRecord
from xfg_pipeline.trading.metrics.tally import Result, Tally

_NO_TRADES = "no closed trades"


class Counts:
    """Folds closed trades. Days are those of the caller's zone."""

    def __init__(self, ece_window: int, ece_min_n: int) -> None:
        self._last: deque[ClosedTrade] = deque(maxlen=LAST)
        self._wins: deque[bool] = deque(maxlen=HISTORY)
        self._streak = 0
        self._all = Tally()
        self._forecasts = Forecasts(ece_window, ece_min_n)
        self._types: dict[str, Group] = {}
        self._coins: dict[str, Group] = {}

    def add(self, trade: ClosedTrade, day: date) -> None:
        """A trade that was closed on `day`."""
        result = Result(trade.pnl, trade.r_multiple)
        self._last.append(trade)
        self._wins.append(trade.win)
        self._streak = 0 if trade.win else self._streak + 1
        self._all = self._all.plus(result)
        self._coins.setdefault(trade.coin, Group()).add(result, day)
        if trade.signal_type is not None:
            self._types.setdefault(trade.signal_type, Group()).add(result, day)
        if trade.confidence is not None:
            self._forecasts.add(trade.confidence, trade.win, trade.ensemble)

    @property
    def last(self) -> tuple[ClosedTrade, ...]:
        """The last up to 20, oldest first."""
        return tuple(self._last)

    @property
    def wins(self) -> tuple[bool, ...]:
        """Whether each of the last up to 50 won, oldest first."""
        return tuple(self._wins)

    @property
    def forecasts(self) -> Pairs:
        """The scored confidences and whether the trade won, oldest first."""
        return self._forecasts.metrics()[0]

    @property
    def types(self) -> dict[str, TypeRecord]:
        """The last up to 20 trades of each signal type."""
        return {name: group.of_last() for name, group in sorted(self._types.items())}

    def metrics(self) -> dict[str, Metric]:
        """All metrics that count trades."""
        total = self._all.trades
        return self._forecasts.metrics()[1] | {
            "win_rate_last_20": self._win_rate(),
            "profit_factor": self._profit_factor(),
            "expectancy_r": self._expectancy(),
            "consecutive_losses": Metric(Decimal(self._streak), total, True),
            "total_trades": Metric(Decimal(total), total, True),
        }

    def _win_rate(self) -> Metric:
        n = len(self._last)
        if n < LAST:
            return Metric(None, n, False, f"warming up {n} of {LAST}")
        return Metric(rounded(over(Decimal(sum(trade.win for trade in self._last)), Decimal(n))), n, True)

    def _profit_factor(self) -> Metric:
        factor, n = self._all.profit_factor, self._all.trades
        if factor is None:
            return Metric(None, n, False, "no losing trade" if n else _NO_TRADES)
        return Metric(factor, n, True)

    def _expectancy(self) -> Metric:
        mean, n = self._all.expectancy_r, self._all.measured
        if mean is None:
            return Metric(None, 0, False, "no closed trade has a known risk" if self._all.trades else _NO_TRADES)
        return Metric(mean, n, True)

    def groups(self, moment: datetime, day: date) -> Groups:
        """Trades by type and coin at `moment`, which lies on `day`."""
        types, coins = sorted(self._types.items()), sorted(self._coins.items())
        return Groups(
            at=moment,
            types=tuple(record for name, group in types for record in group.records(name, day)),
            coins=tuple(record for name, group in coins for record in group.records(name, day)),
            tiers={name: group.tier() for name, group in coins},
        )

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "last": [_trade_state(trade) for trade in self._last],
            "wins": list(self._wins),
            "streak": self._streak,
            "all": self._all.state(),
            "forecasts": self._forecasts.state(),
            "types": {name: group.state() for name, group in self._types.items()},
            "coins": {name: group.state() for name, group in self._coins.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self._last.extend(_trade_of(one) for one in state["last"])
        self._wins.extend(state["wins"])
        self._streak = state["streak"]
        self._all = Tally.from_state(state["all"])
        self._forecasts.restore(state["forecasts"])
        self._types = {name: Group.from_state(one) for name, one in state["types"].items()}
        self._coins = {name: Group.from_state(one) for name, one in state["coins"].items()}


def _trade_state(trade: ClosedTrade) -> dict[str, Any]:
    r = trade.r_multiple
    known = {"at": trade.at.isoformat(), "pnl": str(trade.pnl), "r_multiple": None if r is None else str(r)}
    return asdict(trade) | known


def _trade_of(state: dict[str, Any]) -> ClosedTrade:
    r = state["r_multiple"]
    known = {
        "at": datetime.fromisoformat(state["at"]),
        "pnl": Decimal(state["pnl"]),
        "r_multiple": None if r is None else Decimal(r),
    }
    return ClosedTrade(**(state | known))
