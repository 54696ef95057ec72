"""How many rows are kept of each UTC day: what a partition holds, whichever run wrote it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from xfg_pipeline.signals.slots import SLOT
from xfg_pipeline.storage.tables import metadata


def rows_of_days(
    connection: Connection, table: str, market: str, coins: Sequence[str], start: datetime, end: datetime
) -> dict[date, int]:
    """Rows by UTC day with start <= slot < end, candles by their close; a day without any is left out."""
    columns = metadata.tables[table].c
    # A candle is named by its open, and belongs to the day of its close.
    at, later = (columns.open_time, SLOT) if table == "candles" else (columns.slot, timedelta(0))
    day = sa.cast(sa.func.timezone("UTC", at + later), sa.Date)
    query = (
        sa.select(day, sa.func.count())
        .where(columns.market == market, columns.coin.in_(coins), at >= start - later, at < end - later)
        .group_by(day)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


_ACCOUNT_TIMES = {
    "trades": "exit_time",
    "performance_snapshots": "snapshot_time",
    "signal_type_performance": "snapshot_time",
    "coin_performance": "snapshot_time",
    "controller_status": "timestamp",
}


def rows_of_account_days(
    connection: Connection, table: str, account: str, start: datetime, end: datetime
) -> dict[date, int]:
    """Rows of an account by UTC day with start <= time < end; a day without any is left out."""
    columns = metadata.tables[table].c
    at = columns[_ACCOUNT_TIMES[table]]
    day = sa.cast(sa.func.timezone("UTC", at), sa.Date)
    query = sa.select(day, sa.func.count()).where(columns.account == account, at >= start, at < end).group_by(day)
    return {row[0]: row[1] for row in connection.execute(query)}
