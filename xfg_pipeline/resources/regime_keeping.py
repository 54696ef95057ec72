"""The market's regime at each slot, from candles that had closed by then."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.signals.candles import Candles, Times
from xfg_pipeline.signals.slots import SLOT, SLOT_SECONDS, first_on_grid, seconds
from xfg_pipeline.storage.candles import read_candles
from xfg_pipeline.storage.database import lock, without_hurry
from xfg_pipeline.storage.regime import CoinRegime, drop_regime, write_regime
from xfg_pipeline.trading.volatility import regime_rows

LOOK_BACK = timedelta(days=31)
"""A day of returns, and thirty days before it to compare with."""


def keep_regime(pipeline: Pipeline, work: SlotWork) -> dict[str, CoinRegime]:
    """Write the regime of the work's slots; what it came to, by coin."""
    market, coins = pipeline.settings.market_name, pipeline.settings.market.coins
    found: dict[str, CoinRegime] = {}
    for piece in work.chunks():
        start, end = piece.span
        slots = np.arange(first_on_grid(start), seconds(end), int(SLOT.total_seconds()), dtype=np.int64)
        with pipeline.database.begin() as connection:
            without_hurry(connection)
            lock(connection, "market_regime", market)
            candles = read_candles(connection, market, coins, start - LOOK_BACK - 2 * SLOT, min(end, piece.as_of))
            for coin in coins:
                rows = regime_rows(candles[coin], slots)
                # Without a fresh candle there is no regime: the light reads what is missing as stale.
                fresh = _has_candle(candles[coin], slots)
                found[coin] = CoinRegime(
                    coin,
                    slots[fresh],
                    rows.volatility[fresh],
                    rows.baseline[fresh],
                    rows.days[fresh],
                    rows.ratio[fresh],
                )
            drop_regime(connection, market, coins, start, end)
            write_regime(connection, market, list(found.values()), pipeline.market_now())
    return found


def _has_candle(candles: Candles, slots: Times) -> NDArray[np.bool_]:
    """Whether a candle had closed at each slot, or within the two intervals before it."""
    if not len(candles):
        return np.zeros(slots.shape, dtype=np.bool_)
    newest = candles.close_time[np.maximum(np.searchsorted(candles.close_time, slots, side="right") - 1, 0)]
    fresh: NDArray[np.bool_] = (newest <= slots) & (slots - newest <= 2 * SLOT_SECONDS)
    return fresh
