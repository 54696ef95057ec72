"""What kind of trade a candidate is, by stated rules on its slot's measures. docs/signals.md says them to a trader."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Floats
from xfg_pipeline.signals.positioning import PositioningRows

SIGNAL_TYPES: Final = (
    "liquidation_cascade",
    "breakout",
    "mean_reversion",
    "sentiment_divergence",
    "trend_following",
)
"""In the order in which they are tried: the first whose rule holds names the candidate. At most 20 characters each."""
CASCADE, BREAKOUT, REVERSION, DIVERGENCE, TREND = range(len(SIGNAL_TYPES))
NO_TYPE: Final = -1

CASCADE_MOVE = 5.0
"""ATR from the close back to the far end of the 20 candles before: price went against the direction, and far."""
CASCADE_OPEN_INTEREST = -0.02
"""Change of open interest within an hour, as a fraction: positions were closed by force."""
OVERSOLD, OVERBOUGHT = 30.0, 70.0
"""RSI(14)."""
CROWDED_LONG, CROWDED_SHORT = 1.5, 2.0 / 3.0
"""Accounts long over accounts short: three of five on one side."""
FUNDING_LONG, FUNDING_SHORT = 0.0002, 0.0
"""Funding that the crowd's side pays: longs twice the usual 0.01 % of eight hours, shorts anything at all."""
TRENDING = 20.0
"""ADX(14)."""


def types_of(
    measures: Mapping[str, Floats], direction: NDArray[np.int8], positioning: PositioningRows
) -> NDArray[np.int8]:
    """The type of each row as an index of SIGNAL_TYPES, int8[n]; NO_TYPE where no rule holds, or direction is 0.

    `direction` is int8[n]: 1 long, -1 short, 0 none. A rule that needs a value which is not known does not hold.
    """
    side = direction.astype(np.float64)
    close, atr, rsi = measures["close"], measures["atr"], measures["rsi"]
    long = direction > 0
    funding, crowd = positioning.funding_rate, positioning.long_short_ratio
    with np.errstate(invalid="ignore", divide="ignore"):
        fallen = np.where(long, measures["range_high"] - close, close - measures["range_low"])
        rules = (
            (fallen >= CASCADE_MOVE * atr) & (positioning.open_interest_change <= CASCADE_OPEN_INTEREST),
            np.where(long, close > measures["range_high"], close < measures["range_low"]),
            (side * (measures["mean_20"] - close) > 0)
            & np.where(
                long,
                (measures["low"] < measures["band_low"]) | (rsi <= OVERSOLD),
                (measures["high"] > measures["band_high"]) | (rsi >= OVERBOUGHT),
            ),
            np.where(
                long,
                (crowd <= CROWDED_SHORT) & (funding < FUNDING_SHORT) & (measures["return_96"] >= 0),
                (crowd >= CROWDED_LONG) & (funding >= FUNDING_LONG) & (measures["return_96"] <= 0),
            ),
            (measures["adx"] >= TRENDING) & (side * (close - measures["ema_50"]) > 0),
        )
    found = np.full(direction.shape, NO_TYPE, dtype=np.int8)
    for kind in reversed(range(len(SIGNAL_TYPES))):
        found[rules[kind] & (direction != 0)] = kind
    return found
