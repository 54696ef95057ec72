"""What became of a slot by the manifest's event: which class its probabilities spoke of came true."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Candles, Floats, Times
from xfg_pipeline.signals.manifest import CLASSES, Event

DOWN: Final = CLASSES.index("down")
FLAT: Final = CLASSES.index("flat")
UP: Final = CLASSES.index("up")
UNRESOLVED: Final = -1
"""Not known (yet): a candle that decides is missing, or the barrier is not a number."""
AMBIGUOUS: Final = -2
"""Both barriers lie within one candle: these candles cannot tell which was touched first."""

Classes = NDArray[np.int8]
Rows = NDArray[np.int64]


def rows_of(candles: Candles, slots: Times) -> Rows:
    """The index of the candle that closed at each slot (seconds since 1970), -1 where there is none."""
    if len(candles) == 0:
        return np.full(slots.shape, -1, dtype=np.int64)
    found = np.minimum(np.searchsorted(candles.close_time, slots), len(candles) - 1)
    return np.where(candles.close_time[found] == slots, found, -1).astype(np.int64)


def realised(event: Event, candles: Candles, atr: Floats, rows: Rows) -> Classes:
    """The class of each slot: DOWN, FLAT or UP (manifest.CLASSES), or below zero: UNRESOLVED, AMBIGUOUS.

    `rows`: int64[n], the slots' own candles as indexes into `candles` (see `rows_of`; -1 is UNRESOLVED). `atr`:
    float64[n], ATR(14) of each slot in price units; read only where the barrier is in ATR. The price of departure is
    the close of the slot's candle. Nothing later than `event.horizon_candles` candles after it is looked at, and the
    candles up to the deciding one must all be there. A price exactly at a barrier has touched it; a candle that opens
    at or beyond a barrier touched that one first. Raises ValueError for arrays of different length.
    """
    if atr.shape != rows.shape:
        raise ValueError(f"{atr.size} values of ATR for {rows.size} slots")
    found = np.full(rows.shape, UNRESOLVED, dtype=np.int8)
    barrier = np.full(rows.shape, np.nan)
    present = np.flatnonzero((rows >= 0) & (rows < len(candles)))
    close = candles.close[rows[present]]
    barrier[present] = event.barrier * (atr[present] if event.unit == "atr" else close)
    asked = np.flatnonzero(np.isfinite(barrier) & (barrier > 0))
    if event.kind == "first_touch":
        _first_touch(event, candles, rows, barrier, asked, found)
    else:
        _close_change(event, candles, rows, barrier, asked, found)
    return found


def _first_touch(event: Event, candles: Candles, rows: Rows, barrier: Floats, pending: Rows, found: Classes) -> None:
    for step in range(1, event.horizon_candles + 1):
        pending = pending[_there(candles, rows[pending], step)]
        later, close = rows[pending] + step, candles.close[rows[pending]]
        upper, lower = close + barrier[pending], close - barrier[pending]
        opened = candles.open[later]
        up, down = candles.high[later] >= upper, candles.low[later] <= lower
        outcome = np.full(pending.shape, FLAT, dtype=np.int8)
        outcome[up & ~down | (opened >= upper)] = UP
        outcome[down & ~up | (opened <= lower)] = DOWN
        outcome[up & down & (opened < upper) & (opened > lower)] = AMBIGUOUS
        decided = outcome != FLAT
        found[pending[decided]] = outcome[decided]
        pending = pending[~decided]
    found[pending] = FLAT


def _close_change(event: Event, candles: Candles, rows: Rows, barrier: Floats, pending: Rows, found: Classes) -> None:
    pending = pending[_there(candles, rows[pending], event.horizon_candles)]
    now, later = candles.close[rows[pending]], candles.close[rows[pending] + event.horizon_candles]
    outcome = np.full(pending.shape, FLAT, dtype=np.int8)
    outcome[later > now + barrier[pending]] = UP
    outcome[later < now - barrier[pending]] = DOWN
    found[pending] = outcome


def _there(candles: Candles, rows: Rows, step: int) -> NDArray[np.bool_]:
    """Whether the candle `step` later is there, with none missing in between (times are unique and ascending)."""
    later = rows + step
    passed = candles.open_time[np.minimum(later, len(candles) - 1)] - candles.open_time[rows]
    return np.asarray((later < len(candles)) & (passed == step * candles.interval_seconds), dtype=np.bool_)
