"""What the models see of a slot: one named row of numbers, from the candles of its day and the three days before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Candles, Floats, Times
from xfg_pipeline.signals.day_blocks import DayBlocks
from xfg_pipeline.signals.indicators import FEATURES, MEASURES, indicators
from xfg_pipeline.signals.slots import DAY_SECONDS, SLOT_SECONDS, SLOTS_A_DAY, first_on_grid, moment

__all__ = ["FEATURES", "MEASURES", "REASONS", "WARM_UP", "FeatureRows", "FeatureUnknown", "compute", "needed_from"]

WARM_UP = timedelta(days=3)
"""How long before its UTC day the candles of a slot begin."""
REASONS: tuple[str, ...] = (
    "",
    "no closed candle for the slot",
    "a candle is missing since three days before the slot's day",
    "a price or volume is beyond what can be computed with",
)
NO_CANDLE, GAP, BEYOND = 1, 2, 3
PRICE_LIMITS = (1e-12, 1e12)
VOLUME_LIMIT = 1e18

_WARM = int(WARM_UP.total_seconds()) // SLOT_SECONDS
_WIDTH = _WARM + SLOTS_A_DAY - 1
_COLUMNS = ("open", "high", "low", "close", "volume")
_SCALED = frozenset(MEASURES) - set(_COLUMNS) - {"volume_ratio", "rsi", "adx", "return_4", "return_96"}
"""Measures in the quote currency that are computed from scaled prices."""


class FeatureUnknown(KeyError):
    """An ensemble asks for features that are not computed. `names` says which."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"features not known: {', '.join(names)}")
        self.names = tuple(names)

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, eq=False)
class FeatureRows:
    """Features of one coin at n consecutive slots.

    `slots` is int64[n] in seconds; `values` float64[n, len(FEATURES)], NaN in rows that are not usable; `reason`
    int8[n] indexes REASONS, 0 where usable. `measures` are float64[n] by name (MEASURES): prices and distances in the
    quote currency, `volume_ratio` to the mean of 20, `rsi` and `adx` from 0 to 100, `return_4` and `return_96` as
    fractions of the earlier close.
    """

    coin: str
    slots: Times
    values: Floats
    reason: NDArray[np.int8]
    measures: dict[str, Floats]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which rows may be scored, bool[n]."""
        usable: NDArray[np.bool_] = self.reason == 0
        return usable

    def __len__(self) -> int:
        return int(self.slots.size)

    def matrix(self, names: Sequence[str]) -> NDArray[np.float32]:
        """float32[n, len(names)], C-ordered, in the order of `names`. Raises FeatureUnknown."""
        missing = [name for name in names if name not in FEATURES]
        if missing:
            raise FeatureUnknown(missing)
        return np.ascontiguousarray(self.values[:, [FEATURES.index(name) for name in names]], dtype=np.float32)


def needed_from(start: datetime) -> datetime:
    """Open time of the first candle that `compute` needs for slots from `start` on."""
    return moment(first_on_grid(start) // DAY_SECONDS * DAY_SECONDS) - WARM_UP


def compute(candles: Candles, start: datetime, end: datetime) -> FeatureRows:
    """The rows of all slots with start <= slot < end.

    Each UTC day is computed by itself from 288 candles before its midnight on, so that a slot's row is the same to
    the last bit whichever range it is asked in, and whatever came later. Raises ValueError unless candles are of 15
    minutes.
    """
    if candles.interval_seconds != SLOT_SECONDS:
        raise ValueError(f"features need candles of {SLOT_SECONDS} s, not of {candles.interval_seconds} s")
    first, last = first_on_grid(start), first_on_grid(end)
    slots = np.arange(first, last, SLOT_SECONDS, dtype=np.int64)
    values = np.full((slots.size, len(FEATURES)), np.nan)
    measures = {name: np.full(slots.size, np.nan) for name in MEASURES}
    reason = np.full(slots.size, NO_CANDLE, dtype=np.int8)
    rows = FeatureRows(candles.coin, slots, values, reason, measures)
    if slots.size:
        _fill(rows, candles)
    return rows


def _fill(rows: FeatureRows, candles: Candles) -> None:
    first_day, last_day = int(rows.slots[0]) // DAY_SECONDS, int(rows.slots[-1]) // DAY_SECONDS
    dense, there, beyond = _on_grid(candles, first_day, last_day)
    # A day's block begins three days before its midnight, and ends with the candle that closes at 23:45.
    windows = np.arange(last_day - first_day + 1)[:, None] * SLOTS_A_DAY + np.arange(_WIDTH)
    day, column = np.divmod((rows.slots - first_day * DAY_SECONDS) // SLOT_SECONDS, SLOTS_A_DAY)
    whole = np.logical_and.accumulate(there[windows], axis=1)
    sane = ~np.logical_or.accumulate(beyond[windows], axis=1)
    at = (day, column + _WARM - 1)
    rows.reason[:] = np.where(there[windows][at], np.where(whole[at], np.where(sane[at], 0, BEYOND), GAP), NO_CANDLE)
    usable = rows.usable
    days, of_day = np.unique(day[usable], return_inverse=True)
    if not days.size:
        return
    wanted = column[usable]
    # Of a single day only the wanted columns are computed: elementwise formulas give the same bits either way.
    left, right = (int(wanted.min()), int(wanted.max())) if days.size == 1 else (0, SLOTS_A_DAY - 1)
    first, end = left + _WARM - 1, right + _WARM
    (open_, high, low, close, volume), scale = _scaled(dense[:, windows[days][:, :end]], (whole & sane)[days][:, :end])
    slots = (days[:, None] + first_day) * DAY_SECONDS + np.arange(left, right + 1) * SLOT_SECONDS
    features, measures = indicators(DayBlocks(open_, high, low, close, volume, slots, first))
    measures |= dict(zip(_COLUMNS, dense[:, windows[days][:, first:end]], strict=True))
    where = (of_day, wanted - left)
    rows.values[usable] = np.stack([features[name] for name in FEATURES], axis=-1)[where]
    for name in MEASURES:
        rows.measures[name][usable] = (measures[name] * scale if name in _SCALED else measures[name])[where]


def _on_grid(candles: Candles, first_day: int, last_day: int) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """The candles from the first day's anchor on with every place of the grid: [5, places], there, beyond limits."""
    begin = first_day * DAY_SECONDS - _WARM * SLOT_SECONDS
    places = (last_day - first_day + 1) * SLOTS_A_DAY + _WARM
    position = (candles.open_time - begin) // SLOT_SECONDS
    inside = slice(*np.searchsorted(position, [0, places]).tolist())
    dense = np.full((len(_COLUMNS), places), 1.0)
    there = np.zeros(places, dtype=np.bool_)
    there[position[inside]] = True
    for row, name in enumerate(_COLUMNS):
        dense[row, position[inside]] = getattr(candles, name)[inside]
    smallest, largest = PRICE_LIMITS
    beyond = (dense[2] < smallest) | (dense[1] > largest) | (dense[4] > VOLUME_LIMIT)
    return dense, there, beyond


def _scaled(blocks: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Blocks [5, days, width] with prices near 1, and the power of two [days, 1] that was divided by.

    TA-Lib takes anything below 1e-14 for zero, whatever the price; a power of two changes no bit of a mantissa.
    After the last known candle of a day its close is repeated: no row that reads it is usable.
    """
    latest = np.maximum(known.sum(axis=1) - 1, 0)
    final = np.take_along_axis(blocks[3], latest[:, None], axis=1)
    prices = np.where(known, blocks[:4], final)
    volume = np.where(known, blocks[4], 0.0)
    scale = np.ldexp(1.0, np.frexp(prices[3][:, :1])[1])
    return np.concatenate([prices / scale, volume[None]]), scale
