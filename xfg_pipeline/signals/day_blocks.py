"""Candles of several days side by side, and sums and extremes over them whose bits do not depend on the range asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from xfg_pipeline.signals.candles import Floats, Times

CLIP = 100.0
"""No ratio is beyond ± this."""


@dataclass(frozen=True, eq=False)
class DayBlocks:
    """Candles of n days, one day a row, from the day's anchor on: float64[n, width], without a gap.

    `first` is the first column whose features are wanted; at least 117 columns stand before it. `slot` is the slot of
    each wanted column, int64[n, width - first].
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    slot: Times
    first: int

    def now(self, column: Floats) -> Floats:
        """The wanted columns."""
        return column[:, self.first :]

    def back(self, column: Floats, candles: int) -> Floats:
        """The value so many candles before each wanted column."""
        return column[:, self.first - candles : column.shape[1] - candles]

    def since(self, candles: int) -> "DayBlocks":
        """The same blocks, wanted from so many columns earlier on (slots are not: nobody asks them of it)."""
        return DayBlocks(self.open, self.high, self.low, self.close, self.volume, self.slot, self.first - candles)

    def total(self, column: Floats, candles: int, skip: int = 0) -> Floats:
        """The sum over so many candles: `skip` 0 ends with the wanted column itself."""
        return window_sums(self._reach(column, candles, skip), candles)

    def highest(self, column: Floats, candles: int, skip: int = 0) -> Floats:
        """The largest of so many candles."""
        return np.asarray(sliding_window_view(self._reach(column, candles, skip), candles, axis=1).max(axis=2))

    def lowest(self, column: Floats, candles: int, skip: int = 0) -> Floats:
        """The smallest of so many candles."""
        return np.asarray(sliding_window_view(self._reach(column, candles, skip), candles, axis=1).min(axis=2))

    def _reach(self, column: Floats, candles: int, skip: int) -> Floats:
        return column[:, self.first - skip - candles + 1 : column.shape[1] - skip]

    def recursive(self, indicator: Callable[..., Any], *columns: Floats, **settings: int) -> Floats:
        """A TA-Lib indicator, run over each day from its anchor."""
        found = np.empty((columns[0].shape[0], columns[0].shape[1] - self.first))
        for day in range(found.shape[0]):
            found[day] = indicator(*(column[day] for column in columns), **settings)[self.first :]
        return found


def window_sums(columns: Floats, candles: int) -> Floats:
    """Sums over each run of so many columns, float64[n, width - candles + 1].

    Sums of 2, 4, 8 … columns are added to one another: always in the same order, wherever the run stands.
    """
    width = columns.shape[1] - candles + 1
    sums = np.zeros((columns.shape[0], width))
    part, of, taken = columns, 1, 0
    while taken < candles:
        if candles & of:
            sums += part[:, taken : taken + width]
            taken += of
        if taken < candles:
            part = part[:, :-of] + part[:, of:]
            of *= 2
    return sums


def ratio(part: Floats, whole: Floats, still: Floats | float = 0.0, otherwise: float = 0.0) -> Floats:
    """`part` / `whole`, clipped; `otherwise` where `whole` is not above `still`."""
    found = np.full(part.shape, otherwise)
    np.divide(part, whole, out=found, where=whole > still)
    np.minimum(found, CLIP, out=found)
    np.maximum(found, -CLIP, out=found)
    return found
