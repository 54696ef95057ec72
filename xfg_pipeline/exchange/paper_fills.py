"""What candles do to one paper order: filled, closed by target, stop or time, or cancelled. Pure.

Of a 15-minute candle that decides something its minutes are looked at; where there are none the candle speaks alone,
and of stop and target in one bar the stop came first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from xfg_pipeline.exchange.market import MarketMalformed, MarketUnavailable
from xfg_pipeline.exchange.paper_bars import Bar, bars, price_of
from xfg_pipeline.exchange.paper_books import Entry, PaperOrder
from xfg_pipeline.exchange.paper_records import (
    STOP,
    TARGET,
    Way,
    by_hand,
    by_timeout,
    cancelled,
    closed,
    filled,
    funding,
    opening,
)
from xfg_pipeline.exchange.paper_terms import fee_of
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.outcomes import OUTCOME_CANDLES, FinerCandles
from xfg_pipeline.signals.slots import SLOT, SLOT_SECONDS, first_on_grid, moment, seconds
from xfg_pipeline.trading.account_records import Closing, Execution, OrderRecord

FUNDING_SECONDS: Final = 8 * 3600
"""Funding is settled at 00, 08 and 16 UTC."""
HELD_AT_MOST: Final = OUTCOME_CANDLES * SLOT
"""From the open of the candle in which an order was filled: then it is closed at market."""

FundingRate = Callable[[datetime], Decimal | None]
"""The rate that was settled at a time, a fraction of the value; None: not known, nothing is paid.

Raises MarketUnavailable where it may be known later: the order then waits.
"""


@dataclass
class Followed:
    """An order as it stands after some candles, and the records that came of them in order of time."""

    order: PaperOrder
    children: list[OrderRecord] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)


def follow(account: str, order: PaperOrder, candles: Candles, *, finer: FinerCandles, rates: FundingRate) -> Followed:
    """An order after the closed 15-minute candles of its coin that it had not seen yet.

    The same whether they come at once or one by one. A candle that is missing between others was not traded in.
    """
    walk = _Walk(account, Followed(order), finer, rates)
    for bar in bars(candles.at(candles.open_time >= seconds(order.followed_to))):
        if not walk.order.is_working:
            break
        try:
            walk.settle(bar)
        except MarketUnavailable:
            break
        walk.candle(bar)
    return walk.found


class _Walk:
    def __init__(self, account: str, found: Followed, finer: FinerCandles, rates: FundingRate) -> None:
        self.account = account
        self.found = found
        self._finer = finer
        self._rates = rates

    @property
    def order(self) -> PaperOrder:
        return self.found.order

    @property
    def is_long(self) -> bool:
        return self.order.order.side == "Buy"

    def settle(self, bar: Bar) -> None:
        """Funding of the times since the last candle, up to the start of this one."""
        entry = self.order.entry
        if entry is None:
            return
        due = range(first_on_grid(self.order.followed_to, FUNDING_SECONDS), seconds(bar.start) + 1, FUNDING_SECONDS)
        settled = []
        for at in map(moment, due):
            rate = self._rate(at) if entry.at < at else None
            if rate:
                settled.append(funding(self.account, self.order.order, at, price_of(bar.open), rate))
        self.found.executions += settled

    def _rate(self, at: datetime) -> Decimal | None:
        try:
            return self._rates(at)
        except MarketMalformed:
            return None

    def candle(self, bar: Bar) -> None:
        """One 15-minute candle, or its minutes where it decides something."""
        if self._is_decisive(bar):
            for part in self._minutes(bar):
                if self.order.is_working:
                    self._bar(part, bar)
        if self.order.entry is not None and self.order.is_working:
            self._time_out(bar)
        if self.order.is_working and self.order.entry is None and bar.end >= self.order.expires_at:
            self._cancel()
        self.found.order = replace(self.order, followed_to=bar.end)

    def _is_decisive(self, bar: Bar) -> bool:
        own = self.order
        if own.entry is None:
            return self._reaches(own.order.price, bar)
        asked = own.asked is not None and own.asked.at < bar.end
        return asked or self._stopped(bar) or self._won(bar)

    def _minutes(self, bar: Bar) -> list[Bar]:
        """Its minutes if they are all there, else the candle itself."""
        try:
            finer = self._finer(bar.start, bar.end)
        except (MarketUnavailable, MarketMalformed):
            finer = None
        wanted = SLOT_SECONDS // finer.interval_seconds if finer is not None else 0
        return list(bars(finer)) if finer is not None and len(finer) == wanted else [bar]

    def _bar(self, bar: Bar, candle: Bar) -> None:
        if self.order.entry is None:
            self._wait(bar, candle)
        else:
            self._hold(bar)

    def _wait(self, bar: Bar, candle: Bar) -> None:
        own = self.order
        # Of a bar that had begun before the order nobody can tell what came after it.
        if bar.start < own.order.created_at or bar.end > own.expires_at or not self._reaches(own.order.price, bar):
            return
        limit = own.order.price
        at_open = limit is None or (bar.open <= float(limit) if self.is_long else bar.open >= float(limit))
        rested = bar.start - own.order.created_at >= bar.length
        price = price_of(bar.open) if at_open or limit is None else limit
        is_maker = limit is not None and (rested or not at_open)
        at = bar.start if at_open else bar.end
        fee = fee_of(price, own.order.quantity, is_maker=is_maker)
        entry = Entry(price, fee, at, candle.start)
        self.found.order = replace(own, order=filled(own.order, price, at), entry=entry)
        self.found.executions.append(opening(self.account, self.order.order, entry, is_maker=is_maker))
        # A target in the bar of the fill may have been before it, a stop not: it lies beyond the limit.
        if at_open:
            self._hold(bar)
        elif self._stopped(bar):
            self._close(STOP, self.order.order.stop_loss, bar.end)

    def _hold(self, bar: Bar) -> None:
        own = self.order
        stop, target = own.order.stop_loss, own.order.take_profit
        if own.asked is not None and own.asked.at <= bar.start:
            self._close(by_hand(own.asked), price_of(bar.open), bar.start)
        elif self._stopped(bar, bar.open):
            self._close(STOP, price_of(bar.open), bar.start)
        elif self._won(bar, bar.open):
            self._close(TARGET, target, bar.start)
        elif self._stopped(bar):
            self._close(STOP, stop, bar.end)
        elif self._won(bar):
            self._close(TARGET, target, bar.end)

    def _time_out(self, bar: Bar) -> None:
        entry = self.order.entry
        assert entry is not None
        last = entry.candle + HELD_AT_MOST
        if bar.end < last:
            return
        # Where the candle that ended its day is missing, the first price after it.
        in_time = bar.start < last
        price, at = (bar.close, bar.end) if in_time else (bar.open, bar.start)
        self._close(by_timeout(self.order), price_of(price), at)

    def _reaches(self, limit: Decimal | None, bar: Bar) -> bool:
        if limit is None:
            return True
        return bar.low <= float(limit) if self.is_long else bar.high >= float(limit)

    def _stopped(self, bar: Bar, price: float | None = None) -> bool:
        """Whether the bar, or one price of it, is at the stop or beyond."""
        level = self.order.order.stop_loss
        if level is None:
            return False
        if self.is_long:
            return (bar.low if price is None else price) <= float(level)
        return (bar.high if price is None else price) >= float(level)

    def _won(self, bar: Bar, price: float | None = None) -> bool:
        """Whether the bar, or one price of it, is at the target or beyond."""
        level = self.order.order.take_profit
        if level is None:
            return False
        if self.is_long:
            return (bar.high if price is None else price) >= float(level)
        return (bar.low if price is None else price) <= float(level)

    def _close(self, way: Way, price: Decimal | None, at: datetime) -> None:
        assert price is not None, "a level that was touched is known"
        made = closed(self.account, self.order, way, price, at)
        self.found.children += made.orders
        self.found.executions.append(made.execution)
        self.found.closings.append(made.closing)
        self.found.order = replace(self.order, ended_at=at)

    def _cancel(self) -> None:
        at = self.order.expires_at
        self.found.order = replace(self.order, order=cancelled(self.order.order, at), ended_at=at)
