"""An account's records as they came: each once, in its newest version, whatever the order they arrive in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.storage.tables import account_closings, account_executions, account_orders
from xfg_pipeline.trading.account_records import Closing, Execution, OrderRecord

Record = TypeVar("Record", Closing, Execution, OrderRecord)

TABLES: Mapping[str, Table] = {
    "closings": account_closings,
    "executions": account_executions,
    "orders": account_orders,
}
# Of two versions the greater one by these stays. A fill has only one.
_VERSION = {
    "closings": ("updated_at", "quantity", "pnl"),
    "executions": (),
    "orders": ("updated_at", "filled_quantity", "status"),
}
_KEY = {"closings": "order_id", "executions": "exec_id", "orders": "order_id"}
# Postgres takes 65,535 parameters a statement.
_AT_ONCE = 1000


def keep_records(connection: Connection, account: str, kind: str, records: Sequence[Any]) -> int:
    """Add records of one kind, or replace older versions; how many rows that changed. The same again changes none."""
    table, version, key = TABLES[kind], _VERSION[kind], _KEY[kind]
    newest = _newest(records, version, key)
    changed = 0
    for first in range(0, len(newest), _AT_ONCE):
        statement = insert(table).values(
            [{"account": account, **asdict(one)} for one in newest[first : first + _AT_ONCE]]
        )
        if version:
            names = [name for name in asdict(newest[0]) if name != key]
            statement = statement.on_conflict_do_update(
                index_elements=["account", key],
                set_={name: statement.excluded[name] for name in names} | {"recorded_at": sa.func.clock_timestamp()},
                where=sa.tuple_(*(statement.excluded[name] for name in version))
                > sa.tuple_(*(table.c[name] for name in version)),
            )
        else:
            statement = statement.on_conflict_do_nothing()
        changed += connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount
    return changed


def _newest(records: Sequence[Any], version: Sequence[str], key: str) -> list[Any]:
    """One statement must not meet a key twice."""
    kept: dict[str, Any] = {}
    for one in records:
        before = kept.get(getattr(one, key))
        if before is None or _rank(one, version) > _rank(before, version):
            kept[getattr(one, key)] = one
    return list(kept.values())


def _rank(record: Any, version: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in version)


def read_closings(connection: Connection, account: str, coin: str, after: datetime | None) -> list[Closing]:
    """Closings of a coin that a trade after that moment may be made of."""
    table = account_closings
    when = sa.func.coalesce(table.c.realised_at, table.c.updated_at)
    query = sa.select(*_columns(Closing, table)).where(table.c.account == account, table.c.coin == coin)
    if after is not None:
        query = query.where(when > after)
    return [Closing(**row) for row in connection.execute(query).mappings()]


def read_executions(connection: Connection, account: str, coin: str, after: datetime | None) -> list[Execution]:
    """Fills and funding of a coin after that moment."""
    table = account_executions
    query = sa.select(*_columns(Execution, table)).where(table.c.account == account, table.c.coin == coin)
    if after is not None:
        query = query.where(table.c.at > after)
    return [Execution(**row) for row in connection.execute(query).mappings()]


def read_orders(connection: Connection, account: str, order_ids: Iterable[str]) -> list[OrderRecord]:
    """Orders by id; those that are not kept are left out."""
    table, wanted = account_orders, sorted(set(order_ids))
    query = sa.select(*_columns(OrderRecord, table)).where(
        table.c.account == account, table.c.order_id == sa.any_(sa.cast(wanted, sa.ARRAY(sa.Text)))
    )
    return [OrderRecord(**row) for row in connection.execute(query).mappings()]


def _columns(kind: type, table: Table) -> list[Any]:
    return [table.c[field.name] for field in fields(kind)]


_CHANGED = """
SELECT coin, min(at) AS since FROM (
    SELECT coin, least(realised_at, updated_at, (
        SELECT min(at) FROM account_executions AS fill
        WHERE fill.account = closing.account AND fill.order_id = closing.order_id
    )) AS at FROM account_closings AS closing
    WHERE account = :account AND recorded_at >= :since
    UNION ALL
    SELECT coin, at FROM account_executions WHERE account = :account AND recorded_at >= :since
    UNION ALL
    SELECT coin, created_at FROM account_orders WHERE account = :account AND recorded_at >= :since
) AS changed GROUP BY coin ORDER BY coin
"""


def changed_since(connection: Connection, account: str, recorded: datetime) -> dict[str, datetime]:
    """By coin the earliest moment that records speak of which were written at `recorded` or later."""
    rows = connection.execute(sa.text(_CHANGED), {"account": account, "since": recorded})
    return {row.coin: row.since for row in rows}


_COINS = """
SELECT coin FROM account_closings WHERE account = :account AND updated_at >= :start AND updated_at < :end
UNION SELECT coin FROM account_executions WHERE account = :account AND at >= :start AND at < :end ORDER BY 1
"""


def coins_between(connection: Connection, account: str, start: datetime, end: datetime) -> list[str]:
    """Coins with a record of start <= time < end."""
    facts = {"account": account, "start": start, "end": end}
    return list(connection.execute(sa.text(_COINS), facts).scalars())


_REALISED = """
UPDATE account_closings AS closing SET realised_at = told.at FROM (
    SELECT order_id, coalesce((
        SELECT max(at) FROM account_executions AS fill
        WHERE fill.account = own.account AND fill.order_id = own.order_id AND fill.closed_quantity > 0
    ), updated_at) AS at FROM account_closings AS own WHERE account = :account AND order_id = ANY(:orders)
) AS told
WHERE closing.account = :account AND closing.order_id = told.order_id AND realised_at IS DISTINCT FROM told.at
"""


def mark_realised(connection: Connection, account: str, order_ids: Sequence[str]) -> None:
    """Note when the money of these closings came."""
    if order_ids:
        connection.execute(sa.text(_REALISED), {"account": account, "orders": list(order_ids)})
