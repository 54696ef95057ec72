"""Closed candles of one coin, as arrays: ordered, unique, on the grid, possible."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.slots import first_on_grid, moment, seconds

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
PRICES = ("open", "high", "low", "close")


class BadCandles(ValueError):
    """Candles that no market can have made, or that are out of order. The message names the first."""


@dataclass(frozen=True, eq=False)
class Candles:
    """Candles of one coin; all arrays have the same length.

    `open_time` is in whole seconds since 1970 UTC, ascending and unique; a candle closes `interval_seconds` later.
    Volume is in the base asset. Raises BadCandles when that does not hold.
    """

    coin: str
    open_time: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    interval_seconds: int = 900

    def __post_init__(self) -> None:
        size = self.open_time.size
        columns = (self.open, self.high, self.low, self.close, self.volume)
        if any(column.shape != (size,) for column in columns):
            raise BadCandles(f"{self.coin}: columns of different length")
        if size == 0:
            return
        steps = np.diff(self.open_time)
        self._refuse(np.concatenate([[False], steps <= 0]), "is out of order, or there twice")
        self._refuse(self.open_time % self.interval_seconds != 0, f"is not on the {self.interval_seconds} s grid")
        for name, bad in impossible(self).items():
            self._refuse(bad, name)

    def _refuse(self, bad: NDArray[np.bool_], what: str) -> None:
        if bad.any():
            raise BadCandles(f"{self.coin}: the candle of {moment(self.open_time[bad][0]):%Y-%m-%d %H:%M} UTC {what}")

    def __len__(self) -> int:
        return int(self.open_time.size)

    @property
    def close_time(self) -> Times:
        """When each candle closed: the slot that it belongs to."""
        return self.open_time + self.interval_seconds

    def at(self, rows: Any) -> "Candles":
        """The same candles at a slice, mask or index."""
        open_, high, low, close, volume = (
            column[rows] for column in (self.open, self.high, self.low, self.close, self.volume)
        )
        return Candles(self.coin, self.open_time[rows], open_, high, low, close, volume, self.interval_seconds)

    def opened_between(self, start: datetime, end: datetime) -> "Candles":
        """Those with start <= open time < end."""
        first, last = np.searchsorted(self.open_time, [seconds(start), seconds(end)])
        return self.at(slice(int(first), int(last)))

    def closed_by(self, as_of: datetime) -> "Candles":
        """Those that had closed at a moment."""
        last = int(np.searchsorted(self.close_time, seconds(as_of), side="right"))
        return self.at(slice(0, last))


def impossible(candles: Candles) -> dict[str, NDArray[np.bool_]]:
    """What is wrong with a candle by itself: one mask a rule, each named as a sentence's end."""
    prices = np.stack([candles.open, candles.high, candles.low, candles.close])
    with np.errstate(invalid="ignore"):
        found: dict[str, Any] = {
            "has a price that is not finite and positive": ~(np.isfinite(prices) & (prices > 0)).all(axis=0),
            "has a volume that is not finite, or below zero": ~(np.isfinite(candles.volume) & (candles.volume >= 0)),
            "has its high below its open, low or close": (prices > candles.high).any(axis=0),
            "has its low above its open, high or close": (prices < candles.low).any(axis=0),
        }
    return found


def no_candles(coin: str, interval_seconds: int = 900) -> Candles:
    """None at all."""
    nothing = np.empty(0, dtype=np.float64)
    return Candles(coin, np.empty(0, dtype=np.int64), nothing, nothing, nothing, nothing, nothing, interval_seconds)


def gaps(candles: Candles, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The stretches of open times from start (included) to end (not) for which no candle is there."""
    grid = candles.interval_seconds
    first = first_on_grid(start, grid)
    wanted = np.arange(first, seconds(end), grid, dtype=np.int64)
    missing = wanted[~np.isin(wanted, candles.open_time)]
    if missing.size == 0:
        return []
    breaks = np.flatnonzero(np.diff(missing) != grid)
    starts = missing[np.concatenate([[0], breaks + 1])]
    ends = missing[np.concatenate([breaks, [missing.size - 1]])] + grid
    return [(moment(a), moment(b)) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
