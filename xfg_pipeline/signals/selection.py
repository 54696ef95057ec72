"""Which candidates become signals: slot by slot over all coins, best first, within equity, open signals and the day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

import numpy as np

from xfg_pipeline.signals.gates import Candidates
from xfg_pipeline.signals.light import Light, LightSource
from xfg_pipeline.signals.outcomes import Outcomes
from xfg_pipeline.signals.publishing import signal_of
from xfg_pipeline.signals.records import Signal
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.signals.sizing import SizeRefused, size_position
from xfg_pipeline.signals.slots import moment, seconds
from xfg_pipeline.signals.standing import Book, Standing
from xfg_pipeline.signals.stops import DAILY_LIMIT, OPEN_SIGNAL, PASSED, SIZE, Stops

EquityAt = Callable[[datetime], Decimal | None]
"""The account's equity as it was known at a slot, in the quote currency; None where it is not known."""


@dataclass(frozen=True, eq=False)
class Selection:
    """What became of all candidates: `signals` by slot and rank, `stops` by coin for all rows."""

    signals: tuple[Signal, ...]
    stops: dict[str, Stops]
    candidates: tuple[Candidates, ...]


def select(
    candidates: Sequence[Candidates],
    standing: Standing,
    *,
    light: LightSource,
    equity: EquityAt,
    rules: SignalRules,
    outcomes: Mapping[str, Outcomes] | None = None,
) -> Selection:
    """Signals of all slots of all coins, one `Candidates` a coin.

    Slots are judged in order; within one, candidates that passed their own gates are ranked by confidence, then
    risk/reward, then the coin's name. What is decided at a slot depends on nothing later, so that any division of a
    range gives the same, when each part is handed what the parts before it left (`standing`).

    Light and equity are asked once a slot, where there is such a candidate. `outcomes` of a coin are those of its
    plans, row by row: they count for its tier from when they were known. Raises ValueError for candidates that were
    judged by other rules.
    """
    if other := [one.coin for one in candidates if one.rules != rules]:
        raise ValueError(f"{', '.join(other)}: judged by other rules than signals are selected by")
    book, outcomes = Book(standing), outcomes or {}
    signals: list[Signal] = []
    stopped: dict[str, list[_Stopped]] = {one.coin: [] for one in candidates}
    for slot, entries in groupby(_ranked(candidates), key=lambda entry: entry.slot):
        at = moment(slot)
        book.come_to(slot)
        now = _Now(slot, light.at(at), equity(at))
        for entry in entries:
            judged = _judge(entry, now, book, rules)
            if isinstance(judged, _Stopped):
                stopped[entry.one.coin].append(judged)
                continue
            signals.append(judged)
            book.publish(entry.one.coin, slot, seconds(judged.expires_at), paused=now.light.is_red)
            if (became := outcomes.get(entry.one.coin)) is not None:
                book.will_end(entry.one.coin, slot, became, entry.row)
    stops = {one.coin: _with(one.stops, stopped[one.coin]) for one in candidates}
    return Selection(tuple(signals), stops, tuple(candidates))


@dataclass(frozen=True, eq=False)
class _Entry:
    slot: int
    one: Candidates
    row: int


@dataclass(frozen=True)
class _Now:
    slot: int
    light: Light
    equity: Decimal | None


@dataclass(frozen=True)
class _Stopped:
    row: int
    gate: int
    detail: str = ""
    value: float = np.nan
    threshold: float = np.nan


def _ranked(candidates: Sequence[Candidates]) -> list[_Entry]:
    """Rows that passed their own gates, by slot and rank."""
    found = []
    for one in candidates:
        for row in np.flatnonzero(one.stops.gate == PASSED).tolist():
            ratio = Fraction(int(one.plans.reward[row]), int(one.plans.risk[row]))
            entry = _Entry(int(one.features.slots[row]), one, row)
            found.append(((entry.slot, -int(one.confidence[row]), -ratio, one.coin), entry))
    found.sort(key=lambda pair: pair[0])
    return [entry for _, entry in found]


def _judge(entry: _Entry, now: _Now, book: Book, rules: SignalRules) -> Signal | _Stopped:
    one, row, coin = entry.one, entry.row, entry.one.coin
    plans, increments = one.plans, one.plans.increments
    far_edge, stop = (increments.price(int(ticks[row])) for ticks in (plans.far_edge, plans.stop))
    try:
        size = size_position(now.equity, now.light.multiplier, far_edge, stop, increments, rules.base_risk_per_trade)
    except SizeRefused as refused:
        return _Stopped(row, SIZE, str(refused))
    if (open_signal := book.open_signal(coin, now.slot)) is not None:
        return _Stopped(row, OPEN_SIGNAL, open_signal)
    number = book.of_day(now.slot, paused=now.light.is_red) + 1
    if number > rules.max_signals_per_day:
        return _Stopped(row, DAILY_LIMIT, value=number, threshold=rules.max_signals_per_day)
    tier = book.tier(coin, now.slot)
    return signal_of(one, row, light=now.light, equity=now.equity, size=size, tier=tier, number=number)


def _with(stops: Stops, more: Sequence[_Stopped]) -> Stops:
    """The same stops, and those that came of what else there was."""
    gate, value = stops.gate.copy(), stops.value.copy()
    threshold, detail = stops.threshold.copy(), stops.detail.copy()
    details = list(stops.details)
    for one in more:
        gate[one.row], value[one.row], threshold[one.row] = one.gate, one.value, one.threshold
        if one.detail:
            detail[one.row] = len(details)
            details.append(one.detail)
    return Stops(gate, value, threshold, detail, tuple(details))
