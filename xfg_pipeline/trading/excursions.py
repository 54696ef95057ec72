"""How far price went against a position and with it while it was held, from candles."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.increments import EXACT
from xfg_pipeline.signals.slots import moment, seconds
from xfg_pipeline.trading.trade import Trade

FinerCandles = Callable[[datetime, datetime], Candles | None]
"""One-minute candles with start <= open time < end, or None where none are kept."""


@dataclass(frozen=True)
class _Range:
    low: float
    high: float


def excursions(trade: Trade, candles: Candles, finer: FinerCandles | None = None) -> tuple[Decimal, Decimal] | None:
    """The farthest against (MAE) and with the position (MFE), as distances in price from its entry, 0 or more.

    From the candles that overlap the time from entry to exit; of the first and the last one only the minutes that do,
    where `finer` has all of them. None where the entry is not in the records, or a candle is missing.
    """
    if trade.entry_time is None:
        return None
    start, end = _span(trade.entry_time, trade.exit_time)
    step = candles.interval_seconds
    first, last = start // step * step, (end - 1) // step * step
    ranges = [_edge(candles, max(start, at), min(end, at + step), finer) for at in sorted({first, last})]
    if last - first > step:
        ranges.append(_whole(candles, first + step, last))
    seen = [one for one in ranges if one is not None]
    if len(seen) < len(ranges):
        return None
    # A float64 is exact as a Decimal, but 0.1 is not what it prints: the shortest text is the price that was told.
    low, high = Decimal(repr(min(one.low for one in seen))), Decimal(repr(max(one.high for one in seen)))
    fell = max(EXACT.subtract(trade.entry_price, low), Decimal(0))
    rose = max(EXACT.subtract(high, trade.entry_price), Decimal(0))
    return (fell, rose) if trade.direction == "LONG" else (rose, fell)


def _span(entered: datetime, left: datetime) -> tuple[int, int]:
    """Whole seconds from the one of the entry to the end of the one of the exit: never empty."""
    start, end = seconds(entered), seconds(left)
    return start, end if left == moment(end) and end > start else end + 1


def _edge(candles: Candles, start: int, end: int, finer: FinerCandles | None) -> _Range | None:
    """The range within one candle: of the minutes that overlap, else of the candle as a whole."""
    step = candles.interval_seconds
    opened = start // step * step
    if finer is not None and (start, end) != (opened, opened + step):
        minutes = finer(moment(start // 60 * 60), moment(-(-end // 60) * 60))
        if minutes is not None and minutes.interval_seconds <= 60:
            found = _whole(minutes, start // 60 * 60, -(-end // 60) * 60)
            if found is not None:
                return found
    return _whole(candles, opened, opened + step)


def _whole(candles: Candles, start: int, end: int) -> _Range | None:
    """The range of the candles with start <= open time < end, all of which must be there."""
    inside = candles.opened_between(moment(start), moment(end))
    if not np.array_equal(inside.open_time, np.arange(start, end, candles.interval_seconds)):
        return None
    return _Range(float(inside.low.min()), float(inside.high.max()))
