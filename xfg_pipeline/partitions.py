"""The partitions: one a trading day for levels, one a UTC day for the rest. A symbol or coin is never a partition."""

from datetime import UTC, date, datetime, time, timedelta

import dagster as dg

from xfg_pipeline.levels.sessions import FIRST_DAY, LAST_DAY, NEW_YORK, holidays


def trading_days() -> dg.TimeWindowPartitionsDefinition:
    """NYSE sessions, by New York's calendar.

    Three partitions ahead: from 18:00 on the next session is typed in, on a Friday that is Monday's, and the
    furthest day that pivots can be typed for is the one after it.
    """
    closed = holidays(FIRST_DAY, LAST_DAY)
    return dg.TimeWindowPartitionsDefinition(
        start=datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=NEW_YORK),
        fmt="%Y-%m-%d",
        cron_schedule="0 0 * * 1-5",
        timezone=str(NEW_YORK),
        end_offset=3,
        exclusions=[datetime(day.year, day.month, day.day) for day in closed],  # noqa: DTZ001
    )


TRADING_DAYS = trading_days()

UTC_DAYS = dg.DailyPartitionsDefinition(start_date="2020-01-01", timezone="UTC", end_offset=1)

BACKFILL = dg.BackfillPolicy.multi_run(30)


def window(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """First and last trading day of a run, both included: a day and a backfill take the same path."""
    keys = context.partition_keys
    return date.fromisoformat(min(keys)), date.fromisoformat(max(keys))


def utc_window(context: dg.AssetExecutionContext) -> tuple[datetime, datetime]:
    """From the midnight that starts the first UTC day of a run to the one that ends the last."""
    first, last = window(context)
    return _midnight(first), _midnight(last + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
