"""Candles written by hand for the paper account: a quiet market at 100 where a test does not say otherwise."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from xfg_pipeline.exchange.market import Instrument
from xfg_pipeline.signals.candles import Candles, no_candles
from xfg_pipeline.signals.slots import seconds
from xfg_pipeline.trading.account_records import NewOrder

NINE = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)
"""When the orders of tests are placed: between settlements of funding, on the grid."""
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
QUIET = (100.0, 100.1, 99.9, 100.0)
Prices = tuple[float, float, float, float]
"""Open, high, low, close."""
BTC = Instrument("BTC", "BTCUSDT", *map(Decimal, ("0.1", "0.001", "0.001", "1000", "5", "100")))


def candles(start: datetime, rows: Sequence[Prices], interval: int = 900, coin: str = "BTC") -> Candles:
    """Consecutive candles from `start` on."""
    if not rows:
        return no_candles(coin, interval)
    open_, high, low, close = np.array(rows, dtype=np.float64).T
    times = seconds(start) + interval * np.arange(len(rows), dtype=np.int64)
    return Candles(coin, times, open_, high, low, close, np.ones(len(rows)), interval)


def quiet(start: datetime, count: int, loud: Mapping[int, Prices] | None = None, *, coin: str = "BTC") -> Candles:
    """So many candles at 100, but for those by number."""
    return candles(start, [(loud or {}).get(number, QUIET) for number in range(count)], coin=coin)


def order(link_id: str = "xfg-250301-0900-BTC", **changes: object) -> NewOrder:
    """A long of 2 BTC at 101 or better, stop 95, target 110."""
    given: dict[str, object] = {
        "coin": "BTC",
        "side": "Buy",
        "quantity": Decimal(2),
        "price": Decimal("101.0"),
        "take_profit": Decimal("110.0"),
        "stop_loss": Decimal("95.0"),
        "link_id": link_id,
        **changes,
    }
    return NewOrder(**given)  # type: ignore[arg-type]


def short(link_id: str = "xfg-250301-0900-BTC", **changes: object) -> NewOrder:
    """The same the other way round: a short at 99 or better, stop 105, target 90."""
    levels = {"price": Decimal("99.0"), "take_profit": Decimal("90.0"), "stop_loss": Decimal("105.0")}
    return order(link_id, **{"side": "Sell", **levels, **changes})
