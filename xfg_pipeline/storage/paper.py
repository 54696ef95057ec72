"""The paper account's books: its orders, fills and closings as JSON, each amount as text, exactly."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.storage.database import Database, lock
from xfg_pipeline.storage.tables import paper_accounts, paper_closings, paper_executions, paper_orders

Record = Mapping[str, Any]


@dataclass(frozen=True)
class OpenedBook:
    """When an account was opened, with what, and up to when candles were applied."""

    opened_at: datetime
    starting_equity: Decimal
    advanced_to: datetime


class StoredPage:
    """One transaction that holds the account's lock."""

    def __init__(self, connection: Connection, account: str) -> None:
        self._connection = connection
        self._account = account

    def order_of(self, link_id: str) -> Record | None:
        """What is kept under a link id."""
        return _order_of(self._connection, self._account, link_id)

    def last_of(self, coin: str, side: str) -> Record | None:
        """The newest order to open a position of this coin and side, by when it was placed."""
        order = paper_orders.c.record["order"]
        query = (
            sa.select(paper_orders.c.record)
            .where(
                paper_orders.c.account == self._account,
                order["coin"].astext == coin,
                order["side"].astext == side,
            )
            .order_by(paper_orders.c.created_at.desc(), paper_orders.c.order_id)
            .limit(1)
        )
        return self._connection.execute(query).scalar_one_or_none()

    def keep_order(
        self,
        record: Record,
        *,
        order_id: str,
        link_id: str,
        is_working: bool,
        created_at: datetime,
        updated_at: datetime,
    ) -> None:
        """Write an order in the place of an older version of it."""
        statement = insert(paper_orders).values(
            account=self._account,
            order_id=order_id,
            link_id=link_id,
            record=dict(record),
            is_working=is_working,
            created_at=created_at,
            updated_at=updated_at,
        )
        changed = {name: statement.excluded[name] for name in ("record", "is_working", "updated_at")}
        self._connection.execute(statement.on_conflict_do_update(index_elements=["account", "order_id"], set_=changed))

    def keep_execution(self, record: Record, *, exec_id: str, at: datetime) -> None:
        """Write a fill; one that is there stays."""
        self._insert(paper_executions, exec_id=exec_id, record=dict(record), at=at)

    def keep_closing(self, record: Record, *, order_id: str, updated_at: datetime) -> None:
        """Write a closing; one that is there stays."""
        self._insert(paper_closings, order_id=order_id, record=dict(record), updated_at=updated_at)

    def advanced_to(self, at: datetime) -> None:
        """Note that candles up to `at` were applied; it never goes back."""
        own = paper_accounts.c
        self._connection.execute(
            sa.update(paper_accounts).where(own.account == self._account, own.advanced_to < at).values(advanced_to=at)
        )

    def _insert(self, table: Table, **values: Any) -> None:
        self._connection.execute(insert(table).values(account=self._account, **values).on_conflict_do_nothing())


class StoredPaperBooks:
    """The books of one account in Postgres. Everything raises DatabaseUnavailable when it cannot be reached."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def opened(self) -> OpenedBook | None:
        """None: it has not been opened."""
        with self._database.read() as connection:
            return self._opened(connection)

    def open(self, at: datetime, equity: Decimal) -> OpenedBook:
        """Open it; what was opened before stays as it was."""
        first = {"account": self._account, "opened_at": at, "starting_equity": equity, "advanced_to": at}
        with self._database.begin() as connection:
            connection.execute(insert(paper_accounts).values(first).on_conflict_do_nothing())
            found = self._opened(connection)
        assert found is not None, "it was written in this transaction"
        return found

    @contextmanager
    def changing(self) -> Iterator[StoredPage]:
        """One transaction, alone on the books, committed at the end of the block."""
        with self._database.begin() as connection:
            lock(connection, "paper_account", self._account)
            yield StoredPage(connection, self._account)

    def order_of(self, link_id: str) -> Record | None:
        """What is kept under a link id."""
        with self._database.read() as connection:
            return _order_of(connection, self._account, link_id)

    def standing_at(self, at: datetime | None) -> Sequence[Record]:
        """Orders to open a position that were working at a moment; None: that are now."""
        own = paper_orders.c
        query = sa.select(own.record).where(own.account == self._account).order_by(own.created_at, own.order_id)
        if at is None:
            query = query.where(own.is_working)
        else:
            ended_at = sa.cast(own.record["ended_at"].astext, sa.DateTime(timezone=True))
            query = query.where(
                own.created_at <= at, own.record.has_key("followed_to"), sa.or_(own.is_working, ended_at > at)
            )
        return self._records(query)

    def orders(self, start: datetime, end: datetime) -> Sequence[Record]:
        """Orders with start <= last change < end."""
        return self._between(paper_orders, "updated_at", start, end)

    def executions(self, start: datetime, end: datetime) -> Sequence[Record]:
        """Fills and funding with start <= time < end."""
        return self._between(paper_executions, "at", start, end)

    def closings(self, start: datetime, end: datetime) -> Sequence[Record]:
        """Closings with start <= last change < end."""
        return self._between(paper_closings, "updated_at", start, end)

    def wallet(self, at: datetime) -> Decimal | None:
        """Starting equity, closed P&L and funding until a moment, included; None: it has not been opened."""
        own, closed, filled = paper_accounts.c, paper_closings.c, paper_executions.c
        pnl = sa.select(sa.func.sum(_amount(closed.record, "pnl"))).where(
            closed.account == self._account, closed.updated_at <= at
        )
        paid = sa.select(sa.func.sum(_amount(filled.record, "fee"))).where(
            filled.account == self._account, filled.at <= at, filled.record["kind"].astext == "Funding"
        )
        total = own.starting_equity + _or_zero(pnl) - _or_zero(paid)
        with self._database.read() as connection:
            found: Decimal | None = connection.execute(
                sa.select(total).where(own.account == self._account)
            ).scalar_one_or_none()
        return found

    def _opened(self, connection: Connection) -> OpenedBook | None:
        own = paper_accounts.c
        query = sa.select(own.opened_at, own.starting_equity, own.advanced_to).where(own.account == self._account)
        found = connection.execute(query).one_or_none()
        return None if found is None else OpenedBook(*found)

    def _between(self, table: Table, time: str, start: datetime, end: datetime) -> Sequence[Record]:
        at = table.c[time]
        query = sa.select(table.c.record).where(table.c.account == self._account, at >= start, at < end)
        return self._records(query.order_by(at))

    def _records(self, query: sa.Select[Any]) -> Sequence[Record]:
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())


def _order_of(connection: Connection, account: str, link_id: str) -> Record | None:
    own = paper_orders.c
    query = sa.select(own.record).where(own.account == account, own.link_id == link_id)
    found: Record | None = connection.execute(query).scalar_one_or_none()
    return found


def _amount(record: Any, name: str) -> Any:
    return sa.cast(record[name].astext, sa.Numeric)


def _or_zero(query: sa.Select[Any]) -> Any:
    return sa.func.coalesce(query.scalar_subquery(), 0)
