"""Candles one by one, as the paper account meets them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.slots import moment


@dataclass(frozen=True)
class Bar:
    """One candle, of a minute or of fifteen; prices as they were traded."""

    start: datetime
    length: timedelta
    open: float
    high: float
    low: float
    close: float

    @property
    def end(self) -> datetime:
        """When it closed."""
        return self.start + self.length


def bars(candles: Candles) -> Iterator[Bar]:
    """Candles one by one."""
    length = timedelta(seconds=candles.interval_seconds)
    columns = (candles.open_time, candles.open, candles.high, candles.low, candles.close)
    for start, *prices in zip(*(column.tolist() for column in columns), strict=True):
        yield Bar(moment(start), length, *prices)


def price_of(traded: float) -> Decimal:
    """The price that a candle's number was read from: the shortest decimal that is nearest to it."""
    return Decimal(repr(traded))
