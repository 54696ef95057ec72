"""Levels typed by hand: rows, audit and the event for the pipeline, in the caller's one transaction."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.storage.tables import idempotency_keys, level_audit, manual_level_outbox, structural_levels


def version(connection: Connection, symbol: str, day: date, week: date) -> int:
    """Number of the last change by hand that concerns a day, its week's pivot included; 0 before the first."""
    columns = level_audit.c
    query = sa.select(sa.func.coalesce(sa.func.max(columns.id), 0)).where(
        columns.symbol == symbol,
        columns.source == "MANUAL",
        sa.or_(
            columns.trading_date == day,
            sa.and_(columns.trading_date == week, columns.level_type == "weekly_pivot"),
        ),
    )
    return int(connection.execute(query).scalar_one())


def put(
    connection: Connection,
    symbol: str,
    day: date,
    level_type: str,
    price: Decimal,
    *,
    timeframe: str,
    by: str,
    at: datetime,
    errors: Sequence[Mapping[str, Any]],
    validated: bool,
) -> bool:
    """Keep a typed price with its audit; False when nothing changed."""
    old = _old_price(connection, symbol, day, level_type)
    if old == price:
        return False
    statement = insert(structural_levels).values(
        symbol=symbol,
        trading_date=day,
        level_type=level_type,
        price=price,
        source="MANUAL",
        timeframe=timeframe,
        priority="all_star",
        description="typed by hand",
        is_validated=validated,
        validation_errors=list(errors),
        imported_by=by,
        created_at=at,
        updated_at=at,
    )
    renewed = ("price", "is_validated", "validation_errors", "imported_by", "updated_at")
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["symbol", "trading_date", "level_type", "source"],
            set_={name: statement.excluded[name] for name in renewed},
        )
    )
    _audit(connection, symbol, day, level_type, old, price, by, at)
    return True


def remove(connection: Connection, symbol: str, day: date, level_type: str, *, by: str, at: datetime) -> bool:
    """Take a typed price back, with its audit; False when there was none."""
    old = _old_price(connection, symbol, day, level_type)
    if old is None:
        return False
    connection.execute(structural_levels.delete().where(*_key(symbol, day, level_type)))
    _audit(connection, symbol, day, level_type, old, None, by, at)
    return True


def announce(
    connection: Connection, symbol: str, day: date, levels: Mapping[str, str | None], *, by: str, at: datetime
) -> None:
    """Leave the event that the sensor turns into a materialisation of the day."""
    connection.execute(
        manual_level_outbox.insert().values(symbol=symbol, trading_date=day, levels=dict(levels), by=by, at=at)
    )


def open_events(connection: Connection, limit: int = 1000) -> list[RowMapping]:
    """Events that no run has carried through the assets yet, oldest first."""
    outbox = manual_level_outbox
    query = sa.select(outbox).where(outbox.c.handled_at.is_(None)).order_by(outbox.c.id).limit(limit)
    return list(connection.execute(query).mappings())


def open_event_ids(connection: Connection, start: date, end: date) -> list[int]:
    """Numbers of the open events of trading dates from start to end, both included."""
    outbox = manual_level_outbox.c
    query = sa.select(outbox.id).where(outbox.handled_at.is_(None), outbox.trading_date.between(start, end))
    return list(connection.execute(query).scalars())


def mark_handled(connection: Connection, event_ids: Sequence[int], at: datetime) -> None:
    """Say that a run carried these events."""
    outbox = manual_level_outbox
    connection.execute(
        outbox.update().where(outbox.c.id.in_(event_ids), outbox.c.handled_at.is_(None)).values(handled_at=at)
    )


def recall(connection: Connection, username: str, endpoint: str, key: str) -> RowMapping | None:
    """The answer that was given to this idempotency key."""
    keys = idempotency_keys
    query = sa.select(keys).where(keys.c.username == username, keys.c.endpoint == endpoint, keys.c.key == key)
    return connection.execute(query).mappings().one_or_none()


def remember(connection: Connection, facts: Mapping[str, Any]) -> None:
    """Keep the answer to an idempotency key for a week; `facts` has the columns of idempotency_keys."""
    keys = idempotency_keys
    connection.execute(keys.delete().where(keys.c.created_at < facts["created_at"] - timedelta(days=7)))
    connection.execute(keys.insert().values(**facts))


def _key(symbol: str, day: date, level_type: str) -> tuple[sa.ColumnElement[bool], ...]:
    columns = structural_levels.c
    return (
        columns.symbol == symbol,
        columns.trading_date == day,
        columns.level_type == level_type,
        columns.source == "MANUAL",
    )


def _old_price(connection: Connection, symbol: str, day: date, level_type: str) -> Decimal | None:
    query = sa.select(structural_levels.c.price).where(*_key(symbol, day, level_type))
    return connection.execute(query).scalar_one_or_none()


def _audit(
    connection: Connection,
    symbol: str,
    day: date,
    level_type: str,
    old: Decimal | None,
    new: Decimal | None,
    by: str,
    at: datetime,
) -> None:
    action = "entered" if old is None else "removed" if new is None else "changed"
    connection.execute(
        level_audit.insert().values(
            at=at,
            by=by,
            symbol=symbol,
            trading_date=day,
            level_type=level_type,
            source="MANUAL",
            action=action,
            old_price=old,
            new_price=new,
        )
    )
