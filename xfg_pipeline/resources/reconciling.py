"""Our closed P&L of past days held against what the account tells when it is asked again, for those days alone."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta

from xfg_pipeline.exchange.market import MarketError
from xfg_pipeline.resources.accounts import is_ready
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.signals.slots import midnight
from xfg_pipeline.storage import reconciliations
from xfg_pipeline.trading.account_records import Closing
from xfg_pipeline.trading.reconciliation import Reconciliation, reconcile

DAY = timedelta(days=1)
SETTLES_IN = timedelta(minutes=10)
"""A day is over when its last closings can be expected to be there."""
AGAIN_FOR = timedelta(days=3)
"""A day that differs is asked for again so long by itself; later a backfill of trades does."""
COMPARED_FOR = timedelta(days=33)
"""Days of late that were never compared are, also those from before the account was first read."""


def reconcile_days(
    pipeline: Pipeline, start: datetime, end: datetime, problems: dict[str, str], *, again: bool
) -> list[Reconciliation]:
    """Reconcile the UTC days of start <= day < end that are over, and those of late that are not settled.

    Days that agreed are compared again with `again` only.

    What could not be asked is added to `problems`, and stays open.
    """
    account, now = pipeline.account, pipeline.market_now()
    if account is None or not is_ready(pipeline):
        return []
    over = midnight(now - SETTLES_IN)
    with pipeline.database.read() as connection:
        compared = reconciliations.compared_days(connection, account.name)
        first = reconciliations.first_day(connection, account.name)
    if first is None:
        return []
    wanted = {day for day in _days(midnight(now) - AGAIN_FOR, over) if not compared.get(day, False)}
    wanted |= {day for day in _days(start, min(end, over)) if again or day not in compared}
    wanted |= {day for day in _days(midnight(now) - COMPARED_FOR, over) if day not in compared}
    wanted = {day for day in wanted if day >= first}
    if not wanted:
        return []
    begin, stop = _begins(min(wanted)), _begins(max(wanted)) + DAY
    try:
        theirs = account.closings(begin, stop)
    except MarketError as error:
        problems["reconciliation"] = str(error)
        return []
    if theirs.refused:
        problems["reconciliation"] = f"{len(theirs.refused)} records cannot be used: {theirs.refused[0].why}"
        return []
    by_day: defaultdict[date, list[Closing]] = defaultdict(list)
    for one in theirs.records:
        by_day[one.updated_at.astimezone(UTC).date()].append(one)
    with pipeline.database.begin() as connection:
        ours = reconciliations.closings_in_trades(connection, account.name, begin, stop)
        made = [reconcile(day, ours, by_day[day]) for day in sorted(wanted)]
        reconciliations.write(connection, account.name, made, now)
    return made


def _days(start: datetime, end: datetime) -> list[date]:
    count = max((end - start).days, 0)
    return [start.date() + timedelta(days=number) for number in range(count)]


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
