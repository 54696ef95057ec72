"""The account as people and programs read it: what it is worth, what is open, how far it was read, days reconciled."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Select

from xfg_pipeline.storage.tables import (
    account_equity,
    account_positions,
    account_refusals,
    account_sync,
    reconciliations,
)

Row = dict[str, Any]


def reconciliation_rows(connection: Connection, account: str, limit: int) -> list[Row]:
    """Days on which our P&L was held against the exchange's, newest first."""
    own = reconciliations.c
    query = sa.select(reconciliations).where(own.account == account).order_by(own.day.desc()).limit(limit)
    return _rows(connection, query)


def newest_equity(connection: Connection, account: str) -> Row | None:
    """What the account was last known to be worth."""
    query = (
        sa.select(account_equity)
        .where(account_equity.c.account == account)
        .order_by(account_equity.c.at.desc())
        .limit(1)
    )
    return next(iter(_rows(connection, query)), None)


def positions(connection: Connection, account: str) -> list[Row]:
    """What was open at the last reading."""
    own = account_positions.c
    return _rows(connection, sa.select(account_positions).where(own.account == account).order_by(own.coin, own.side))


def sync_rows(connection: Connection, account: str) -> list[Row]:
    """How far each kind of record was read, and what stands in the way."""
    own = account_sync.c
    return _rows(connection, sa.select(account_sync).where(own.account == account).order_by(own.kind))


def refused_records(connection: Connection, account: str) -> int:
    """How many records could not be meant."""
    own = account_refusals.c
    query = sa.select(sa.func.count()).select_from(account_refusals).where(own.account == account)
    return int(connection.execute(query).scalar_one())


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]
