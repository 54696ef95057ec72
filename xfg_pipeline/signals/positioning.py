"""How others stood in a coin at each slot, from what was published by then. What is old or missing is unknown."""

from dataclasses import dataclass

import numpy as np

from xfg_pipeline.signals.candles import Floats, Times

FUNDING_HOLDS = 9 * 3600
"""Seconds for which a settled funding rate is the present one: the interval of eight hours, and one to spare."""
READING_HOLDS = 2 * 3600
"""The same for open interest and the long/short ratio, which are published at least hourly."""
CHANGE_OVER = 3600
"""Open interest is compared with what it was so many seconds earlier."""
LOOK_BACK = max(FUNDING_HOLDS, READING_HOLDS + CHANGE_OVER)
"""How long before a slot its positioning may begin, in seconds."""


@dataclass(frozen=True, eq=False)
class PositioningRows:
    """Positioning of one coin at n slots, float64[n] each, NaN where it is not known.

    `funding_rate` is a fraction of notional that longs pay (negative: shorts), `open_interest_change` the fraction by
    which open interest grew in the last hour, `long_short_ratio` accounts long over accounts short.
    """

    funding_rate: Floats
    open_interest_change: Floats
    long_short_ratio: Floats


def unknown(rows: int) -> PositioningRows:
    """No positioning at all, as on a market that publishes none."""
    nothing = np.full(rows, np.nan)
    return PositioningRows(nothing, nothing, nothing)


def align(
    slots: Times, time: Times, funding_rate: Floats, open_interest: Floats, long_short_ratio: Floats
) -> PositioningRows:
    """Published rows (`time` in seconds, ascending; NaN where a column has no value) as they were known at slots.

    The newest value at or before the slot counts, unless it is too old. Hand in rows from LOOK_BACK before the first
    slot on. A ratio of 0 is no ratio: somebody is always long.
    """
    now = _latest(slots, time, open_interest, READING_HOLDS)
    before = _latest(slots - CHANGE_OVER, time, open_interest, READING_HOLDS)
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.where(before > 0, now / before - 1.0, np.nan)
    return PositioningRows(
        _latest(slots, time, funding_rate, FUNDING_HOLDS),
        change,
        _latest(slots, time, np.where(long_short_ratio > 0, long_short_ratio, np.nan), READING_HOLDS),
    )


def _latest(at: Times, time: Times, values: Floats, holds: int) -> Floats:
    known = np.isfinite(values)
    time, values = time[known], values[known]
    if not time.size:
        return np.full(at.shape, np.nan)
    newest = np.searchsorted(time, at, side="right") - 1
    held = (newest >= 0) & (at - time[newest] <= holds)
    return np.where(held, values[newest], np.nan)
