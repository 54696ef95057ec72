"""The same metrics from the whole list at once, in fractions: slow, and too plain to be wrong in the same way."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np

from xfg_pipeline.signals.calibration import brier_score, calibration_error, log_loss
from xfg_pipeline.trading.metrics.events import ClosedTrade, EquityKnown, Event, Realised

Number = Fraction | None


def plain_metrics(events: list[Event], moment: datetime, zone: tzinfo, window: int, min_n: int) -> dict[str, Number]:
    money = [event for event in events if not isinstance(event, ClosedTrade)]
    trades = [event for event in events if isinstance(event, ClosedTrade)]
    today = moment.astimezone(zone).date()
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)

    def on(event: Event) -> date:
        return event.at.astimezone(zone).date()

    found: dict[str, Number] = {"equity": _equity(money)}
    for name, inside in (
        ("daily_pnl", lambda event: on(event) >= today),
        ("weekly_pnl", lambda event: on(event) >= monday),
        ("monthly_pnl", lambda event: on(event) >= first),
        ("pnl_24h", lambda event: event.at > moment - timedelta(hours=24)),
    ):
        pnl, base = _stretch(money, inside)
        found[name] = pnl
        found[f"{name}_share"] = pnl / base if base is not None and base > 0 else None

    returns = []
    if money:
        day = on(money[0])
        while day < today:
            known = [event for event in money if on(event) <= day]
            pnl, base = _stretch(known, lambda event, day=day: on(event) >= day)
            if base is not None and base > 0:
                returns.append(pnl / base)
            day += timedelta(days=1)
    found["sharpe_ratio"] = _sharpe(returns, 365)

    single, level, top, deepest = [], Fraction(1), Fraction(1), Fraction(0)
    for number, event in enumerate(money):
        before = _equity(money[:number])
        if isinstance(event, Realised) and before is not None and before > 0:
            one = Fraction(event.pnl) / before
            single.append(one)
            level = level * (1 + one) if level > 0 else level
            top = max(top, level)
            deepest = max(deepest, 1 - level / top)
    found["sharpe_per_trade"] = _sharpe(single, 1)
    found["max_drawdown"] = deepest if _equity(money) is not None else None

    wins = [trade.win for trade in trades]
    found["win_rate_last_20"] = Fraction(sum(wins[-20:]), 20) if len(wins) >= 20 else None
    found["total_trades"] = Fraction(len(wins))
    found["consecutive_losses"] = Fraction(wins[::-1].index(True) if True in wins else len(wins))
    gains = sum((Fraction(trade.pnl) for trade in trades if trade.pnl > 0), Fraction(0))
    losses = sum((-Fraction(trade.pnl) for trade in trades if trade.pnl < 0), Fraction(0))
    found["profit_factor"] = gains / losses if losses else None
    r = [Fraction(trade.r_multiple) for trade in trades if trade.r_multiple is not None]
    found["expectancy_r"] = sum(r, Fraction(0)) / len(r) if r else None

    stated = [trade for trade in trades if trade.confidence is not None][-window:]
    stated = [trade for trade in stated if trade.ensemble == stated[-1].ensemble]
    p = np.array([trade.confidence for trade in stated], dtype=float)
    y = np.array([trade.win for trade in stated], dtype=bool)
    found["ece"] = _float(calibration_error(p, y)) if len(stated) >= min_n else None
    found["brier"], found["log_loss"] = _float(brier_score(p, y)), _float(log_loss(p, y))
    return found


def _float(value: float | None) -> Number:
    return None if value is None else Fraction(str(value))


def _equity(money: list[Event]) -> Number:
    told = [number for number, event in enumerate(money) if isinstance(event, EquityKnown)]
    if not told:
        return None
    return Fraction(money[told[-1]].equity) + _pnl(money[told[-1] :])  # type: ignore[union-attr]


def _pnl(money: list[Event]) -> Fraction:
    return sum((Fraction(event.pnl) for event in money if isinstance(event, Realised)), Fraction(0))


def _stretch(money: list[Event], inside: Callable[[Event], bool]) -> tuple[Fraction, Number]:
    """P&L of the events inside, and equity before them: told before, else by the first word inside."""
    before = [event for event in money if not inside(event)]
    within = money[len(before) :]
    base = _equity(before)
    for number, event in enumerate(within):
        if (base is None or base <= 0) and isinstance(event, EquityKnown):
            base = Fraction(event.equity) - _pnl(within[:number])
    return _pnl(within), base


def _sharpe(returns: list[Fraction], periods: int) -> Number:
    n = len(returns)
    if n < 30 or len(set(returns)) == 1:
        return None
    mean = sum(returns, Fraction(0)) / n
    variance = sum(((one - mean) ** 2 for one in returns), Fraction(0)) / (n - 1)
    with localcontext(prec=60):
        square = variance / periods
        deviation = (Decimal(square.numerator) / Decimal(square.denominator)).sqrt()
    return mean / Fraction(deviation)
