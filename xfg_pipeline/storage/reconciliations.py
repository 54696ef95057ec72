"""What holding our P&L against the account's came to, day by day."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.storage.tables import account_closings, reconciliations
from xfg_pipeline.trading.account_records import Closing
from xfg_pipeline.trading.reconciliation import Reconciliation


def compared_days(connection: Connection, account: str) -> dict[date, bool]:
    """Days that were compared, and whether they agreed."""
    there = reconciliations.c
    query = sa.select(there.day, (there.difference == 0) & (there.our_closings == there.exchange_closings)).where(
        there.account == account
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def first_day(connection: Connection, account: str) -> date | None:
    """The UTC day of the first closing that is kept."""
    query = sa.select(sa.func.min(sa.func.timezone("UTC", account_closings.c.updated_at))).where(
        account_closings.c.account == account
    )
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return None if found is None else found.date()


def closings_in_trades(connection: Connection, account: str, start: datetime, end: datetime) -> list[Closing]:
    """Closings of start <= updated_at < end that stand in a trade."""
    query = sa.text(
        f"SELECT {', '.join(f'closing.{field.name}' for field in fields(Closing))} FROM account_closings AS closing "  # noqa: S608
        "WHERE account = :account AND updated_at >= :start AND updated_at < :end "
        "AND order_id IN (SELECT unnest(order_ids) FROM trades WHERE account = :account)"
    )
    rows = connection.execute(query, {"account": account, "start": start, "end": end}).mappings()
    return [Closing(**row) for row in rows]


def write(connection: Connection, account: str, made: Sequence[Reconciliation], now: datetime) -> None:
    """Write what they came to, in the place of what was there of those days."""
    for one in made:
        row = {
            "our_pnl": one.our_pnl,
            "exchange_pnl": one.exchange_pnl,
            "difference": one.difference,
            "our_closings": one.our_closings,
            "exchange_closings": one.exchange_closings,
            "detail": one.detail,
            "checked_at": now,
        }
        statement = insert(reconciliations).values(account=account, day=one.day, **row)
        connection.execute(statement.on_conflict_do_update(index_elements=["account", "day"], set_=row))
