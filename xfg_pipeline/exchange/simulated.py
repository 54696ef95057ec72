"""The practice market: invented candles with planted structure, the same for any coin and time whenever it is asked."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.exchange.market import Instrument, MarketMalformed, MarketName, Positioning
from xfg_pipeline.exchange.simulation.coins import Coin, coin_named
from xfg_pipeline.exchange.simulation.minutes import MINUTES, minutes_of
from xfg_pipeline.exchange.simulation.path import stretch
from xfg_pipeline.exchange.simulation.positioning import positioning_of
from xfg_pipeline.signals.candles import Candles, Times
from xfg_pipeline.signals.slots import SLOT_SECONDS, seconds

MINUTE_SECONDS = 60


class SimulatedMarket:
    """Every coin whose name is of capitals and digits is traded. Nothing here is a statement about a real market."""

    @property
    def name(self) -> MarketName:
        """Stands in every row that was made from it."""
        return "simulated"

    @property
    def parallel(self) -> int:
        """Only arithmetic: nothing is won by asking for two coins at once."""
        return 1

    def time(self, now: datetime) -> datetime:
        """It has no time of its own."""
        return now

    def candles(self, coin: str, start: datetime, end: datetime, as_of: datetime) -> Candles:
        """15-minute candles with start <= open time < end that had closed by `as_of`."""
        known = _traded(coin)
        path = stretch(known, seconds(start), min(seconds(end), seconds(as_of) - SLOT_SECONDS + 1))
        columns = (path.open, path.high, path.low, path.close, path.volume)
        return _in_units(known, path.open_time, columns, SLOT_SECONDS)

    def finer_candles(self, coin: str, start: datetime, end: datetime, as_of: datetime) -> Candles:
        """One-minute candles that add up to the 15-minute ones."""
        known = _traded(coin)
        first, last = seconds(start), min(seconds(end), seconds(as_of) - MINUTE_SECONDS + 1)
        path = stretch(known, first // SLOT_SECONDS * SLOT_SECONDS, last)
        minutes = minutes_of(coin, path.open_time, (path.open, path.high, path.low, path.close), path.volume)
        at = (path.open_time[:, None] + np.arange(MINUTES) * MINUTE_SECONDS).ravel()
        wanted = (at >= first) & (at < last)
        return _in_units(known, at[wanted], [column.ravel()[wanted] for column in minutes], MINUTE_SECONDS)

    def instruments(self, coins: tuple[str, ...]) -> dict[str, Instrument]:
        """The instruments of coins; a name that no coin can have is left out."""
        return {name: known.instrument for name in coins if (known := coin_named(name)) is not None}

    def positioning(self, coin: str, start: datetime, end: datetime) -> Positioning:
        """Rows every 15 minutes with start <= time < end, each made from candles that had closed by its time."""
        return positioning_of(_traded(coin), seconds(start), seconds(end))


def _traded(name: str) -> Coin:
    coin = coin_named(name)
    if coin is None:
        raise MarketMalformed(f"{name!r} is not the name of a coin: capitals and digits, 20 at most", coin=name)
    return coin


def _in_units(coin: Coin, open_time: Times, columns: Sequence[NDArray[np.int64]], interval: int) -> Candles:
    """Candles whose numbers are the floats nearest to the exchange's decimals: one division of whole numbers."""
    tick, step = (unit.as_integer_ratio() for unit in (coin.instrument.tick_size, coin.instrument.qty_step))
    *prices, volume = columns
    opened, high, low, close = (price * tick[0] / tick[1] for price in prices)
    return Candles(coin.instrument.coin, open_time, opened, high, low, close, volume * step[0] / step[1], interval)
