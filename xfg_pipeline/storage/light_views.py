"""The light as people and programs read it: the newest row, its history, a strip of days, and what people did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection, Select

from xfg_pipeline.storage.signal_views import Page
from xfg_pipeline.storage.tables import controller_actions, controller_status, market_regime, signal_outcomes, signals

Row = dict[str, Any]
ActionWord = Literal["pause", "acknowledge"]

LOOK_BACK = timedelta(hours=1)
"""A light or a regime of longer ago than this did not hold at a slot."""

LONGEST = timedelta(days=92)
"""How far back it is asked since when a light has held."""

_STATUS = controller_status.c
_HISTORY = (
    "id",
    "account",
    "timestamp",
    "evaluated_at",
    "cause",
    "mode",
    "status",
    "position_multiplier",
    "triggered_by",
    "message",
    "triggers",
    "evidence",
    "literal_status",
    "gated_status",
    "changed",
)


def newest(connection: Connection, account: str) -> Row | None:
    """The last live row; None before the first."""
    query = (
        sa.select(controller_status)
        .where(_STATUS.account == account, _STATUS.mode == "live")
        .order_by(_STATUS.timestamp.desc(), _STATUS.id.desc())
        .limit(1)
    )
    return _one(connection, query)


def holds_since(connection: Connection, account: str, row: Mapping[str, Any]) -> datetime:
    """From when on the light has been that of a live row, without a change; LONGEST before it at the earliest."""
    key = sa.tuple_(_STATUS.timestamp, _STATUS.id)
    recent = (
        _STATUS.account == account,
        _STATUS.mode == "live",
        _STATUS.timestamp > row["timestamp"] - LONGEST,
        key <= sa.tuple_(sa.literal(row["timestamp"]), sa.literal(row["id"])),
    )
    other = (
        sa.select(_STATUS.timestamp, _STATUS.id)
        .where(*recent, _STATUS.status != row["status"])
        .order_by(_STATUS.timestamp.desc(), _STATUS.id.desc())
        .limit(1)
    )
    before = connection.execute(other).one_or_none()
    after = () if before is None else (key > sa.tuple_(sa.literal(before.timestamp), sa.literal(before.id)),)
    found: datetime = connection.execute(sa.select(sa.func.min(_STATUS.timestamp)).where(*recent, *after)).scalar_one()
    return found


def history_page(
    connection: Connection,
    account: str,
    start: datetime,
    end: datetime,
    *,
    changed: bool | None = None,
    limit: int,
    offset: int = 0,
) -> Page:
    """Rows with start <= timestamp < end, live and backfilled, newest first; `changed`: only those that changed it."""
    conditions = [_STATUS.account == account, _STATUS.timestamp >= start, _STATUS.timestamp < end]
    if changed is not None:
        conditions.append(_STATUS.changed == changed)
    count = sa.select(sa.func.count()).select_from(controller_status).where(*conditions)
    query = (
        sa.select(*(_STATUS[name] for name in _HISTORY))
        .where(*conditions)
        .order_by(_STATUS.timestamp.desc(), _STATUS.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return Page(_rows(connection, query), connection.execute(count).scalar_one())


def counts_by_day(connection: Connection, account: str, start: datetime, end: datetime) -> list[Row]:
    """How many rows of each status a UTC day has: `day`, `mode`, `status`, `n`."""
    day = sa.cast(sa.func.timezone("UTC", _STATUS.timestamp), sa.Date).label("day")
    query = (
        sa.select(day, _STATUS.mode, _STATUS.status, sa.func.count().label("n"))
        .where(_STATUS.account == account, _STATUS.timestamp >= start, _STATUS.timestamp < end)
        .group_by(day, _STATUS.mode, _STATUS.status)
        .order_by(day)
    )
    return _rows(connection, query)


def newest_ratios(connection: Connection, market: str, after: datetime, until: datetime) -> list[float]:
    """Volatility against its normal of each coin, of its newest slot with after < slot <= until; unknown ones out."""
    own = market_regime.c
    newest = (
        sa.select(own.coin, own.ratio)
        .distinct(own.coin)
        .where(own.market == market, own.slot > after, own.slot <= until)
        .order_by(own.coin, own.slot.desc())
        .subquery()
    )
    return [row.ratio for row in connection.execute(sa.select(newest.c.ratio).where(newest.c.ratio.is_not(None)))]


def newest_action(connection: Connection, account: str) -> Row | None:
    """What a person did last; None when nobody has done anything."""
    acts = controller_actions.c
    query = sa.select(controller_actions).where(acts.account == account).order_by(acts.id.desc()).limit(1)
    return _one(connection, query)


def actions(connection: Connection, account: str, limit: int) -> list[Row]:
    """What people did, newest first."""
    acts = controller_actions.c
    return _rows(
        connection,
        sa.select(controller_actions).where(acts.account == account).order_by(acts.id.desc()).limit(limit),
    )


def keep_action(connection: Connection, account: str, at: datetime, action: ActionWord, who: str, reason: str) -> Row:
    """Write what a person did; the row."""
    values = {"account": account, "at": at, "action": action, "who": who, "reason": reason}
    made = connection.execute(controller_actions.insert().values(values).returning(controller_actions))
    return dict(made.mappings().one())


@dataclass(frozen=True)
class GuardedSpan:
    """Signals of one market with start <= slot < end, under the light of one account."""

    market: str
    account: str
    start: datetime
    end: datetime


def guarded_signals(connection: Connection, wanted: GuardedSpan) -> list[Row]:
    """Signals with the light that they were made under, and what became of their plans, oldest first.

    `light_status` and `triggered_by` are of the row that held at the slot, in the signal's own mode where there is
    one; None where none is kept.
    """
    held = (
        sa.select(_STATUS.status, _STATUS.triggered_by)
        .where(
            _STATUS.account == wanted.account,
            _STATUS.timestamp <= signals.c.slot,
            _STATUS.timestamp > signals.c.slot - LOOK_BACK,
        )
        .order_by((_STATUS.mode == signals.c.mode).desc(), _STATUS.timestamp.desc(), _STATUS.id.desc())
        .limit(1)
        .lateral("held")
    )
    became = sa.and_(*(signals.c[name] == signal_outcomes.c[name] for name in ("market", "coin", "slot")))
    query = (
        sa.select(
            signals.c.slot,
            signals.c.coin,
            signals.c.mode,
            signals.c.position_multiplier,
            signals.c.risk_amount,
            signals.c.equity,
            held.c.status.label("light_status"),
            held.c.triggered_by,
            signal_outcomes.c.r_multiple,
        )
        .select_from(signals.outerjoin(signal_outcomes, became).outerjoin(held, sa.true()))
        .where(signals.c.market == wanted.market, signals.c.slot >= wanted.start, signals.c.slot < wanted.end)
        .order_by(signals.c.slot, signals.c.coin)
    )
    return _rows(connection, query)


def _one(connection: Connection, query: Select[Any]) -> Row | None:
    return next(iter(_rows(connection, query)), None)


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]
