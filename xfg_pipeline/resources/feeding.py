"""The market's part of a run: wait until the slot's candle can be there, then fetch what is missing."""

import time
from collections.abc import Callable
from datetime import timedelta

from xfg_pipeline.resources.light_health import market_mark
from xfg_pipeline.resources.market_feed import Fetched
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.regime_keeping import LOOK_BACK
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.signals.features import needed_from
from xfg_pipeline.signals.slots import SLOT
from xfg_pipeline.storage import service_marks

# An exchange closes a candle a moment after the slot.
SETTLES_IN = timedelta(seconds=5)
# Positioning of a slot is that of the hours before it.
POSITIONING_FROM = timedelta(days=1)


def feed(pipeline: Pipeline, work: SlotWork, progress: Callable[[str], None]) -> Fetched:
    """Fetch candles for the work's slots with what features need before them, instruments and positioning.

    Raises MarketUnavailable or MarketMalformed when no coin could be read.
    """
    if work.live_at is not None and pipeline.settings.market_provider == "bybit":
        early = (work.live_at + SETTLES_IN - pipeline.market_now()).total_seconds()
        time.sleep(min(max(early, 0.0), SETTLES_IN.total_seconds()))
    start, end = work.span
    # A slot's own run finds the month before it in Postgres: a backfill, or the slots themselves, have put it there.
    since = min(needed_from(start), start - LOOK_BACK - 2 * SLOT) if work.is_backfill else needed_from(start)
    report = pipeline.feed.fetch_candles(since, end, work.as_of, progress)
    service_marks.write(pipeline.database, market_mark(pipeline.settings.market_name), pipeline.market_now())
    report.notes += pipeline.feed.fetch_facts(start - POSITIONING_FROM, end, work.as_of)
    pipeline.features.forget()
    return report
