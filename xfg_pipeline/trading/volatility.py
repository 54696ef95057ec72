"""How volatile a coin is against its own normal, slot by slot."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.calibration import DIGITS
from xfg_pipeline.signals.candles import Candles, Floats, Times
from xfg_pipeline.signals.slots import DAY_SECONDS

RETURNS, RETURNS_NEEDED = 96, 72
"""15-minute log returns that a volatility is of: 24 hours, of which 18 must be there."""
BASELINE_DAYS, BASELINE_NEEDED = 30, 14
HISTORY_DAYS = BASELINE_DAYS + 1
"""How many days of candles before a slot its row looks at."""


@dataclass(frozen=True, eq=False)
class RegimeRows:
    """One entry a slot, float64[n]; NaN where it is not known.

    `volatility`: standard deviation (ddof 1) of the 96 log returns up to the slot's close. `baseline`: the median of
    the same at the same time of the 30 days before. `days`: how many of those are known. `ratio`: one over the other.
    """

    volatility: Floats
    baseline: Floats
    days: NDArray[np.int64]
    ratio: Floats


def regime_rows(candles: Candles, slots: Times) -> RegimeRows:
    """The regime of one coin at slots (seconds since 1970, each the close of a 15-minute candle).

    A slot whose own candle is missing is not known; nothing after a slot is looked at. A volatility needs 72 of its 96
    returns, and a return both of its candles; a baseline needs 14 days and is not zero.
    """
    back = np.arange(BASELINE_DAYS + 1, dtype=np.int64) * DAY_SECONDS
    wanted, place = np.unique(slots[:, None] - back, return_inverse=True)
    table = _volatility(candles, wanted)[place.reshape(slots.size, back.size)]
    now, before = table[:, 0], table[:, 1:]
    days = np.isfinite(before).sum(axis=1)
    baseline = np.full(slots.size, np.nan)
    enough = days >= BASELINE_NEEDED
    if enough.any():
        baseline[enough] = np.nanmedian(before[enough], axis=1)
    ratio = np.full(slots.size, np.nan)
    usable = np.isfinite(now) & (baseline > 0)
    # Equal to a limit where it is meant to be: the division leaves a rest in the last digits.
    ratio[usable] = np.round(now[usable] / baseline[usable], DIGITS)
    return RegimeRows(now, baseline, days.astype(np.int64), ratio)


def _volatility(candles: Candles, slots: Times) -> Floats:
    """The standard deviation of the returns that ended in the 24 hours up to each slot; NaN where it is not known."""
    found = np.full(slots.size, np.nan)
    if len(candles) == 0 or slots.size == 0:
        return found
    step = candles.interval_seconds
    first = int(candles.open_time[0])
    # On the full grid, with holes, so that a window is a stretch of places.
    size = (int(candles.open_time[-1]) - first) // step + 1
    close = np.full(size + RETURNS, np.nan)
    close[RETURNS + (candles.open_time - first) // step] = candles.close
    returns = np.diff(np.log(close), prepend=np.nan)
    place = RETURNS + (slots - step - first) // step
    known = (slots % step == 0) & (place >= RETURNS) & (place < close.size)
    known[known] = np.isfinite(close[place[known]])
    windows = np.lib.stride_tricks.sliding_window_view(returns, RETURNS)[place[known] - RETURNS + 1]
    there = np.isfinite(windows)
    n = there.sum(axis=1)
    values = np.where(there, windows, 0.0)
    mean = values.sum(axis=1) / np.maximum(n, 1)
    spread = np.where(there, windows - mean[:, None], 0.0)
    deviation = np.sqrt((spread * spread).sum(axis=1) / np.maximum(n - 1, 1))
    found[known] = np.where(n >= RETURNS_NEEDED, deviation, np.nan)
    return found
