"""Which slots wait to be decided, and what a run asked for at a slot therefore has to do."""

from datetime import datetime, timedelta

from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.signals.slots import SLOT, slot_at
from xfg_pipeline.storage.decided import first_provisional, first_undecided, last_decided

# A longer outage is made up by a backfill, which a person starts: the check of late slots says so.
CATCH_UP = timedelta(days=3)


def work_of(pipeline: Pipeline, start: datetime, end: datetime, as_of: datetime, live_at: datetime | None) -> SlotWork:
    """What of a range is to be decided.

    A backfill takes what can no longer be acted on: a slot of now would be expired at birth, and is the schedule's. A
    run of the schedule takes what is not decided, up to its own slot.
    """
    if live_at is None:
        over = slot_at(as_of - pipeline.signal_rules.ttl) + SLOT
        return SlotWork(start, max(start, min(end, over)), as_of)
    after = live_at + SLOT
    with pipeline.database.read() as connection:
        first = first_undecided(
            connection, pipeline.market.name, pipeline.settings.market.coins, start, min(end, after)
        )
    return SlotWork(first or live_at, after, as_of, live_at)


def catch_up_from(pipeline: Pipeline, slot: datetime) -> datetime:
    """From where on a slot's run has to look, at most three days back.

    It is the last slot that was decided, or an earlier one at which a coin had no candle: it may be there by now.
    """
    market, coins, earliest = pipeline.market.name, pipeline.settings.market.coins, slot - CATCH_UP
    with pipeline.database.read() as connection:
        last = last_decided(connection, market, coins, slot)
        waiting = first_provisional(connection, market, coins, earliest, slot)
    return max(earliest, min(slot, last or slot, waiting or slot))
