"""The account's money as it is folded: equity, P&L of day, week, month and 24 hours, daily returns, drawdown."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from xfg_pipeline.trading.metrics.events import EquityKnown, Realised
from xfg_pipeline.trading.metrics.exact import ZERO, minus, plus, rounded, share_of
from xfg_pipeline.trading.metrics.metric import Metric
from xfg_pipeline.trading.metrics.ratios import DAYS_OF_YEAR, Drawdown, ReturnSums
from xfg_pipeline.trading.metrics.recent import Change, Recent, Standing, standing_of, standing_state
from xfg_pipeline.trading.metrics.stretches import Stretch, starts_of

MIN_RETURNS = 30
"""Fewer returns than this have no Sharpe ratio."""
_NAMES = ("daily_pnl", "weekly_pnl", "monthly_pnl")
_WORDS = ("the day", "the week", "the month")
_NO_EQUITY = "equity is not known"


class Money:
    """Folds what was realised and what the account said of itself. Days are those of the caller's zone."""

    def __init__(self) -> None:
        self._now = Standing()
        # Day, week and month of the newest event; empty before any.
        self._stretches: tuple[Stretch, ...] = ()
        self._recent = Recent()
        self._days = ReturnSums()
        self._closings = ReturnSums()
        self._fall = Drawdown()

    def realised(self, event: Realised, day: date) -> None:
        """A closing: moves equity, where that is known above 0 also the returns and the drawdown."""
        stretches, self._days = self._on(day)
        self._stretches = tuple(stretch.plus(event.pnl) for stretch in stretches)
        self._recent.add(Change(event.at, self._now))
        equity = self._now.equity
        if equity is not None:
            after = plus(equity, event.pnl)
            if equity > 0:
                self._closings = self._closings.plus(share_of(event.pnl, equity))
                self._fall = self._fall.after(equity, after)
            equity = after
        self._now = Standing(plus(self._now.realised, event.pnl), self._now.closings + 1, equity)

    def told(self, event: EquityKnown, day: date) -> None:
        """The account's own word: moves equity, and neither a return nor the drawdown."""
        stretches, self._days = self._on(day)
        self._stretches = tuple(stretch.told(event.equity) for stretch in stretches)
        if event.equity != self._now.equity:
            self._recent.add(Change(event.at, self._now))
            self._now = Standing(self._now.realised, self._now.closings, event.equity)

    def metrics(self, moment: datetime, day: date) -> dict[str, Metric]:
        """All metrics of money at `moment`, which lies on `day`."""
        stretches, days = self._on(day)
        found: dict[str, Metric] = {}
        for name, words, stretch in zip(_NAMES, _WORDS, stretches, strict=True):
            found[name] = Metric(stretch.pnl, stretch.closings, True)
            found[f"{name}_share"] = _share(stretch.pnl, stretch.base, stretch.closings, f"at the start of {words}")
        before = self._recent.base(moment, self._now)
        pnl = minus(self._now.realised, before.realised)
        closings = self._now.closings - before.closings
        found["pnl_24h"] = Metric(pnl, closings, True)
        found["pnl_24h_share"] = _share(pnl, before.equity, closings, "24 hours before")
        found["sharpe_ratio"] = self._sharpe(days, DAYS_OF_YEAR, "days")
        found["sharpe_per_trade"] = self._sharpe(self._closings, 1, "closings")
        equity, n = self._now.equity, self._now.closings
        if equity is None:
            found["max_drawdown"] = Metric(None, 0, False, _NO_EQUITY)
            found["equity"] = Metric(None, n, False, _NO_EQUITY)
        else:
            found["max_drawdown"] = Metric(rounded(self._fall.deepest), self._closings.n, True)
            found["equity"] = Metric(equity, n, True)
        return found

    def _on(self, day: date) -> tuple[tuple[Stretch, ...], ReturnSums]:
        """Day, week and month as they stand on `day`, and the returns of the days that are complete by then.

        A day whose equity at the start was not known above 0 has no return.
        """
        if not self._stretches:
            return tuple(Stretch(start, self._now.equity) for start in starts_of(day)), self._days
        today = self._stretches[0]
        if today.start >= day:
            return self._stretches, self._days
        days = self._days
        if today.base is not None and today.base > 0:
            days = days.plus(share_of(today.pnl, today.base))
        if self._now.equity is not None and self._now.equity > 0:
            days = days.plus_zeros((day - today.start).days - 1)
        started = zip(self._stretches, starts_of(day), strict=True)
        return tuple(old if old.start == start else Stretch(start, self._now.equity) for old, start in started), days

    def _sharpe(self, returns: ReturnSums, periods: int, words: str) -> Metric:
        if returns.n < MIN_RETURNS:
            known = "" if self._now.equity is not None else f", {_NO_EQUITY}"
            return Metric(None, returns.n, False, f"{returns.n} of {MIN_RETURNS} {words}{known}")
        value = returns.sharpe(periods)
        if value is None:
            return Metric(None, returns.n, False, f"the returns of {returns.n} {words} do not differ")
        return Metric(rounded(value), returns.n, True)

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "now": standing_state(self._now),
            "stretches": [stretch.state() for stretch in self._stretches],
            "recent": self._recent.state(),
            "days": _sums_state(self._days),
            "closings": _sums_state(self._closings),
            "fall": [str(self._fall.deepest), str(self._fall.level)],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Money":
        """The inverse of `state`."""
        made = cls()
        made._now = standing_of(state["now"])
        made._stretches = tuple(Stretch.from_state(one) for one in state["stretches"])
        made._recent = Recent.from_state(state["recent"])
        made._days = _sums_of(state["days"])
        made._closings = _sums_of(state["closings"])
        made._fall = Drawdown(*(Decimal(one) for one in state["fall"]))
        return made


def _share(pnl: Decimal, base: Decimal | None, closings: int, when: str) -> Metric:
    if base is None:
        return Metric(None, closings, False, f"equity {when} is not known")
    if base <= ZERO:
        return Metric(None, closings, False, f"equity {when} was not above 0: {base}")
    return Metric(rounded(share_of(pnl, base)), closings, True)


def _sums_state(sums: ReturnSums) -> list[Any]:
    return [sums.n, str(sums.total), str(sums.squares)]


def _sums_of(state: list[Any]) -> ReturnSums:
    n, total, squares = state
    return ReturnSums(n, Decimal(total), Decimal(squares))
