"""What became of plans and events, from the candles that have closed since."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from xfg_pipeline.faults import point
from xfg_pipeline.resources.minutes import Minutes
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.events import UNRESOLVED as EVENT_UNRESOLVED
from xfg_pipeline.signals.manifest import CLASSES, Event
from xfg_pipeline.signals.outcomes import AMBIGUOUS, OUTCOME_CANDLES, OUTCOMES, UNRESOLVED, event_of, follow
from xfg_pipeline.signals.slots import SLOT
from xfg_pipeline.storage.candles import read_candles
from xfg_pipeline.storage.database import lock, without_hurry
from xfg_pipeline.storage.outcomes import OutcomeRows, PlanRows, plans_to_follow, replace_outcomes
from xfg_pipeline.storage.predictions import events_of_ensembles

_OUTCOMES = tuple(word or None for word in OUTCOMES)
_EVENTS = (*CLASSES, None)


@dataclass
class Resolved:
    """What resolving came to: rows written, by outcome and by event, and what could not be told apart."""

    written: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def resolve(pipeline: Pipeline, work: SlotWork) -> Resolved:
    """Follow the plans of the work's slots, and those before it that are still open, up to `as_of`.

    A slot's event is that of the ensemble that predicted it, whichever is in use by now.
    """
    report = Resolved()
    with pipeline.database.read() as connection:
        events = events_of_ensembles(connection)
    # The last is for slots that were not predicted.
    events["none"] = pipeline.ensemble.manifest.event
    # A plan or an event is open so long at most.
    open_for = SLOT * (1 + max(OUTCOME_CANDLES, *(event.horizon_candles for event in events.values())))
    start, _ = work.span
    earlier = SlotWork(start - open_for, start, work.as_of, live_at=start)
    minutes = Minutes(pipeline.market, work.as_of)
    for piece in [*work.chunks(), *earlier.chunks()]:
        # Nothing before the work is followed again, only what is open there.
        again = work.is_backfill and piece.start >= start
        _resolve(pipeline, piece, events, open_for, minutes, report, again=again)
    report.notes += minutes.notes
    report.outcomes += Counter()
    return report


def _resolve(
    pipeline: Pipeline,
    piece: SlotWork,
    events: Mapping[str, Event],
    open_for: timedelta,
    minutes: Minutes,
    report: Resolved,
    *,
    again: bool,
) -> None:
    market, coins = pipeline.market.name, pipeline.settings.market.coins
    start, end = piece.span
    with pipeline.database.begin() as connection:
        without_hurry(connection)
        lock(connection, "signal_outcomes", market)
        plans = plans_to_follow(connection, market, coins, start, end, ensembles=list(events), again=again)
        if not plans:
            return
        asked = tuple(one.coin for one in plans)
        last = min(end + open_for, piece.as_of)
        candles = read_candles(connection, market, asked, start - SLOT, last)
        spoken = tuple(events.values())
        rows = [_follow(one, candles[one.coin], piece, spoken, minutes, report, again=again) for one in plans]
        report.written += replace_outcomes(connection, market, rows, pipeline.market_now())
        point("outcomes.before_commit")
    point("outcomes.after_commit")


def _follow(
    plans: PlanRows,
    candles: Candles,
    piece: SlotWork,
    events: Sequence[Event],
    minutes: Minutes,
    report: Resolved,
    *,
    again: bool,
) -> OutcomeRows:
    found = follow(
        plans.slots,
        plans.direction,
        plans.entry,
        plans.stop,
        plans.target,
        candles,
        piece.as_of,
        finer=minutes.of(plans.coin),
    )
    # Minutes that could not be read may decide later: until then it is open, and not ambiguous.
    waiting = (found.outcome == AMBIGUOUS) & np.isin(found.resolved_at, minutes.unread[plans.coin])
    outcome = np.where(waiting, UNRESOLVED, found.outcome).astype(np.int64)
    resolved_at = np.where(waiting, 0, found.resolved_at)
    classes = np.full(plans.slots.shape, EVENT_UNRESOLVED, dtype=np.int8)
    for number in np.unique(plans.ensemble).tolist():
        own = plans.ensemble == number
        classes[own] = event_of(events[number], plans.slots[own], plans.atr[own], candles, piece.as_of)
    event_closed = classes != EVENT_UNRESOLVED
    # What is as open as it was written stays as it is: of a day of plans a slot decides a few.
    changed = ~plans.kept_open | (resolved_at > 0) | (event_closed != plans.event_closed)
    at = np.flatnonzero(again | changed)
    report.outcomes += Counter(OUTCOMES[code] for code in outcome[at].tolist() if code)
    report.events += Counter(CLASSES[code] for code in classes[at].tolist() if code >= 0)
    return OutcomeRows(
        coin=plans.coin,
        slots=plans.slots[at],
        outcome=(outcome[at], _OUTCOMES),
        resolved_at=resolved_at[at],
        r_multiple=np.where(waiting, np.nan, found.r_multiple)[at],
        candles=found.candles[at],
        event=(np.where(classes < 0, len(CLASSES), classes)[at].astype(np.int64), _EVENTS),
        event_closed=event_closed[at],
    )
