"""The minutes inside a candle, where it alone cannot tell what came first."""

from collections import defaultdict
from datetime import datetime

from xfg_pipeline.exchange.market import Market, MarketError, MarketUnavailable
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.outcomes import FinerCandles
from xfg_pipeline.signals.slots import seconds


class Minutes:
    """One-minute candles that had closed by `as_of`. A market that does not answer is not asked again.

    `unread`: by coin the closes (seconds since 1970) of the candles whose minutes could not be read. `notes`: why.
    """

    def __init__(self, market: Market, as_of: datetime) -> None:
        self._market = market
        self._as_of = as_of
        self._is_silent = False
        self.unread: defaultdict[str, list[int]] = defaultdict(list)
        self.notes: list[str] = []

    def of(self, coin: str) -> FinerCandles:
        """Reads those of a coin from a time (included) to another (not); None where they cannot be read."""

        def read(start: datetime, end: datetime) -> Candles | None:
            if not self._is_silent:
                try:
                    return self._market.finer_candles(coin, start, end, self._as_of)
                except MarketError as error:
                    self._is_silent = isinstance(error, MarketUnavailable)
                    self.notes.append(f"{coin} {start:%Y-%m-%d %H:%M}: its minutes could not be read: {error}")
            self.unread[coin].append(seconds(end))
            return None

        return read
