"""One-minute candles that add up to a 15-minute candle exactly, tick by tick and step by step."""

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.exchange.simulation.noise import seed, uniforms
from xfg_pipeline.signals.candles import Times
from xfg_pipeline.signals.slots import SLOT_SECONDS

MINUTES = 15

Ticks = NDArray[np.int64]


def minutes_of(
    coin: str, open_time: Times, prices: tuple[Ticks, Ticks, Ticks, Ticks], volume: Ticks
) -> tuple[Ticks, Ticks, Ticks, Ticks, Ticks]:
    """Open, high, low, close in ticks and volume in steps, int64[n, 15], of n candles whose prices are given alike.

    The price goes in noisy straight lines from the open to one extreme, to the other, and to the close; which comes
    first is hashed, more often the one against the candle's direction.
    """
    opened, high, low, close = prices
    slots = open_time // SLOT_SECONDS
    first, second, order = (
        uniforms(seed(coin, "extremes"), (slots[:, None] * 3 + np.arange(3)).ravel()).reshape(-1, 3).T
    )
    low_first = order < np.where(close >= opened, 0.75, 0.25)
    early = (first * 7).astype(np.int64)
    late = 8 + (second * 7).astype(np.int64)
    at_low, at_high = np.where(low_first, early, late), np.where(low_first, late, early)
    minute = np.arange(MINUTES + 1)
    start, turn = np.where(low_first, low, high)[:, None], np.where(low_first, high, low)[:, None]
    noise = uniforms(seed(coin, "minutes"), (slots[:, None] * 48 + np.arange(48)).ravel()).reshape(-1, 3, 16)
    early_at, late_at = early[:, None] + 0.5, late[:, None] + 0.5
    path = np.where(
        minute < early_at,
        opened[:, None] + (start - opened[:, None]) * minute / early_at,
        np.where(
            minute < late_at,
            start + (turn - start) * (minute - early_at) / (late_at - early_at),
            turn + (close[:, None] - turn) * (minute - late_at) / (MINUTES - late_at),
        ),
    )
    height = (high - low)[:, None]
    path = np.rint(path + 0.25 * height * (noise[:, 0] - 0.5)).astype(np.int64)
    path = np.clip(path, low[:, None], high[:, None])
    path[:, 0], path[:, -1] = opened, close
    begins, ends = path[:, :-1], path[:, 1:]
    wick = np.rint(0.12 * height[:, :, None] * noise[:, 1:, :MINUTES]).astype(np.int64)
    tops = np.minimum(np.maximum(begins, ends) + wick[:, 0], high[:, None])
    bottoms = np.maximum(np.minimum(begins, ends) - wick[:, 1], low[:, None])
    row = np.arange(slots.size)
    tops[row, at_high], bottoms[row, at_low] = high, low
    shares = np.cumsum(
        0.3 + uniforms(seed(coin, "shares"), (slots[:, None] * 16 + np.arange(MINUTES)).ravel()).reshape(-1, MINUTES),
        axis=1,
    )
    counted = np.rint(shares / shares[:, -1:] * volume[:, None]).astype(np.int64)
    counts = np.diff(counted, axis=1, prepend=0)
    return begins, tops, bottoms, ends, counts
