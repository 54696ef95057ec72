"""What would have happened to a plan, taken or not: target first, stop first, or neither within a day.

The position is taken to be filled at the slot's close, at the far edge of the entry zone: the worst fill. Fees and
funding are not in it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Candles, Floats, Times
from xfg_pipeline.signals.events import Classes, realised, rows_of
from xfg_pipeline.signals.manifest import Event
from xfg_pipeline.signals.slots import moment

OUTCOME_CANDLES: Final = 96
"""How long a plan is followed: one day."""
_STAGES: Final = (8, 24, 48, OUTCOME_CANDLES)
OUTCOMES: Final = ("", "target", "stop", "timeout", "ambiguous", "unresolved")
"""The first: there was no plan."""
NO_PLAN, TARGET, STOP, TIMEOUT, AMBIGUOUS, UNRESOLVED = range(len(OUTCOMES))

FinerCandles = Callable[[datetime, datetime], Candles | None]
"""One-minute candles with start <= open time < end, or None where none are kept."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What became of n plans.

    `outcome` int8[n] indexes OUTCOMES. `resolved_at` int64[n] is the close of the candle that decided, in seconds, 0
    while nothing has. `r_multiple` float64[n] is gain (below 0: loss) in units of the risk, NaN where not known.
    `candles` int64[n] counts those looked at.
    """

    slots: Times
    outcome: NDArray[np.int8]
    resolved_at: Times
    r_multiple: Floats
    candles: NDArray[np.int64]

    @property
    def resolved(self) -> NDArray[np.bool_]:
        """Where it is decided, bool[n]. An ambiguous one is; it is no win."""
        return self.resolved_at > 0


def follow(
    slots: Times,
    direction: NDArray[np.int8],
    entry: Floats,
    stop: Floats,
    target: Floats,
    candles: Candles,
    as_of: datetime,
    *,
    finer: FinerCandles | None = None,
) -> Outcomes:
    """The outcomes of plans of one coin, from 15-minute candles that had closed by `as_of`.

    `direction` int8[n] (0: no plan); prices are float64[n], `entry` the far edge. A price exactly at a level touches
    it. A candle that opens beyond the stop is a stop at its open, so that a gap costs more than 1 R; a target is never
    filled better than itself. Where one candle holds both, `finer` is asked for its minutes. A missing candle leaves
    the plan unresolved, which is not a loss.
    """
    closed = candles.closed_by(as_of)
    found = Outcomes(
        slots,
        np.where(direction != 0, UNRESOLVED, NO_PLAN).astype(np.int8),
        np.zeros(slots.size, dtype=np.int64),
        np.full(slots.size, np.nan),
        np.zeros(slots.size, dtype=np.int64),
    )
    plans = _Legs(direction, entry, stop, target)
    deciding, timed_out = _deciding(found, plans, closed)
    rows = np.flatnonzero(deciding >= 0)
    legs, at = plans.at(rows), deciding[rows]
    touched = np.where(timed_out[rows], TIMEOUT, legs.touched(closed, at)).astype(np.int8)
    found.outcome[rows] = touched
    found.resolved_at[rows] = closed.open_time[at] + closed.interval_seconds
    found.r_multiple[rows] = legs.r_multiple(touched, closed, at)
    if finer is not None:
        _look_closer(found, plans, finer, closed.interval_seconds)
    return found


def event_of(event: Event, slots: Times, atr: Floats, candles: Candles, as_of: datetime) -> Classes:
    """The realised class of the manifest's event at each slot (see events.realised), from what closed by `as_of`."""
    closed = candles.closed_by(as_of)
    return realised(event, closed, atr, rows_of(closed, slots))


@dataclass(frozen=True, eq=False)
class _Legs:
    """Side (1 long, -1 short), far edge, stop and target of n plans."""

    side: NDArray[np.int8]
    entry: Floats
    stop: Floats
    target: Floats

    def at(self, rows: NDArray[np.int64]) -> "_Legs":
        return _Legs(self.side[rows], self.entry[rows], self.stop[rows], self.target[rows])

    def touched(self, candles: Candles, at: NDArray[np.int64]) -> NDArray[np.int8]:
        """What the candles `at` touched: TARGET, STOP, AMBIGUOUS or, neither, UNRESOLVED."""
        long = self.side > 0
        open_, high, low = candles.open[at], candles.high[at], candles.low[at]
        won = np.where(long, high >= self.target, low <= self.target)
        lost = np.where(long, low <= self.stop, high >= self.stop)
        opened_won = np.where(long, open_ >= self.target, open_ <= self.target)
        opened_lost = np.where(long, open_ <= self.stop, open_ >= self.stop)
        return np.select(
            [opened_lost, opened_won, won & lost, won, lost],
            [STOP, TARGET, AMBIGUOUS, TARGET, STOP],
            default=UNRESOLVED,
        ).astype(np.int8)

    def r_multiple(self, touched: NDArray[np.int8], candles: Candles, at: NDArray[np.int64]) -> Floats:
        """Gain in units of the risk when what was touched ends the trade; NaN where that cannot be told."""
        opened = candles.open[at]
        stopped = np.where(self.side > 0, np.minimum(opened, self.stop), np.maximum(opened, self.stop))
        left = np.select(
            [touched == TARGET, touched == STOP, touched == TIMEOUT],
            [self.target, stopped, candles.close[at]],
            default=np.nan,
        )
        return np.asarray(self.side * (left - self.entry) / np.abs(self.entry - self.stop), dtype=np.float64)


def _deciding(found: Outcomes, plans: _Legs, candles: Candles) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The candle that ends each plan, as an index (-1: none has), and whether it ends by time; fills `candles`.

    Most plans end soon, so that a few candles of all of them are looked at together, then more of what is left.
    """
    size = found.slots.size
    deciding, timed_out = np.full(size, -1, dtype=np.int64), np.zeros(size, dtype=np.bool_)
    pending = np.flatnonzero(plans.side != 0)
    upper, lower = np.maximum(plans.stop, plans.target), np.minimum(plans.stop, plans.target)
    first = np.searchsorted(candles.open_time, found.slots)
    for begin, end in pairwise((0, *_STAGES)):
        if not pending.size or not len(candles):
            break
        steps = np.arange(begin, end)
        at = first[pending, None] + steps
        inside = at < len(candles)
        at = np.minimum(at, len(candles) - 1)
        due = found.slots[pending, None] + steps * candles.interval_seconds
        there = np.logical_and.accumulate(inside & (candles.open_time[at] == due), axis=1)
        ends = there & ((candles.high[at] >= upper[pending, None]) | (candles.low[at] <= lower[pending, None]))
        touched, step = ends.any(axis=1), ends.argmax(axis=1)
        found.candles[pending] = begin + np.where(touched, step + 1, there.sum(axis=1))
        deciding[pending[touched]] = at[touched, step[touched]]
        whole = there[:, -1] & ~touched
        if end == OUTCOME_CANDLES:
            deciding[pending[whole]], timed_out[pending[whole]] = at[whole, -1], True
        pending = pending[whole]
    return deciding, timed_out


def _look_closer(found: Outcomes, plans: _Legs, finer: FinerCandles, interval_seconds: int) -> None:
    """Decide ambiguous rows by the finer candles of the deciding candle, as far as they are whole."""
    ambiguous = np.flatnonzero(found.outcome == AMBIGUOUS)
    for closed_at in np.unique(found.resolved_at[ambiguous]).tolist():
        opened_at = closed_at - interval_seconds
        inside = finer(moment(opened_at), moment(closed_at))
        if inside is None:
            continue
        pending = ambiguous[found.resolved_at[ambiguous] == closed_at]
        for candle in range(len(inside)):
            if inside.open_time[candle] != opened_at + candle * inside.interval_seconds:
                break
            at = np.full(pending.size, candle)
            legs = plans.at(pending)
            touched = legs.touched(inside, at)
            decided = (touched == TARGET) | (touched == STOP)
            found.outcome[pending[decided]] = touched[decided]
            found.r_multiple[pending[decided]] = legs.r_multiple(touched, inside, at)[decided]
            pending = pending[touched == UNRESOLVED]
