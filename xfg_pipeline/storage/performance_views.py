"""Trades, snapshots and the account as people and programs read them: rows out, nothing computed again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Select, Table
from sqlalchemy.sql.elements import SQLCoreOperations

from xfg_pipeline.storage.columns import read_columns
from xfg_pipeline.storage.signal_views import Page
from xfg_pipeline.storage.tables import (
    coin_performance,
    performance_snapshots,
    signal_outcomes,
    signal_type_performance,
    signals,
    trades,
)

Row = dict[str, Any]

_TRADES = trades.c
_SNAPSHOTS = performance_snapshots.c


@dataclass(frozen=True)
class WantedTrades:
    """Which trades of one account: start <= exit_time < end; None means all. `matched`: with a signal, or without."""

    account: str
    start: datetime
    end: datetime
    coin: str | None = None
    signal_type: str | None = None
    exit_reason: str | None = None
    direction: str | None = None
    matched: bool | None = None


@dataclass(frozen=True)
class TradeSums:
    """What all trades that were asked for came to: money of all, wins of those that are closed."""

    n: int
    closed: int
    wins: int
    pnl: Any
    fees: Any
    funding: Any


def trades_page(connection: Connection, wanted: WantedTrades, *, limit: int, offset: int = 0) -> Page:
    """Trades, the newest exit first."""
    conditions = _conditions(wanted)
    count = sa.select(sa.func.count()).select_from(trades).where(*conditions)
    query = (
        sa.select(trades)
        .where(*conditions)
        .order_by(_TRADES.exit_time.desc(), _TRADES.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return Page(_rows(connection, query), connection.execute(count).scalar_one())


def trade_sums(connection: Connection, wanted: WantedTrades) -> TradeSums:
    """Counts and sums over all of them, whatever page is shown."""
    is_closed = sa.not_(_TRADES.is_open)
    query = sa.select(
        sa.func.count(),
        sa.func.count().filter(is_closed),
        sa.func.count().filter(sa.and_(is_closed, _TRADES.pnl > 0)),
        sa.func.coalesce(sa.func.sum(_TRADES.pnl), 0),
        sa.func.coalesce(sa.func.sum(_TRADES.fees), 0),
        sa.func.coalesce(sa.func.sum(_TRADES.funding), 0),
    ).where(*_conditions(wanted))
    return TradeSums(*connection.execute(query).one())


def newest_snapshot(connection: Connection, account: str, as_of: datetime) -> Row | None:
    """The last snapshot up to a moment; of two of the same moment the live one."""
    query = (
        sa.select(performance_snapshots)
        .where(_SNAPSHOTS.account == account, _SNAPSHOTS.snapshot_time <= as_of)
        .order_by(_SNAPSHOTS.snapshot_time.desc(), (_SNAPSHOTS.mode == "live").desc(), _SNAPSHOTS.id.desc())
        .limit(1)
    )
    return next(iter(_rows(connection, query)), None)


def snapshots_page(
    connection: Connection, account: str, start: datetime, end: datetime, *, limit: int, offset: int = 0
) -> Page:
    """Snapshots with start <= snapshot_time < end, live and backfilled, newest first."""
    conditions = (_SNAPSHOTS.account == account, _SNAPSHOTS.snapshot_time >= start, _SNAPSHOTS.snapshot_time < end)
    count = sa.select(sa.func.count()).select_from(performance_snapshots).where(*conditions)
    query = (
        sa.select(performance_snapshots)
        .where(*conditions)
        .order_by(_SNAPSHOTS.snapshot_time.desc(), _SNAPSHOTS.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return Page(_rows(connection, query), connection.execute(count).scalar_one())


def type_rows(connection: Connection, account: str, as_of: datetime) -> list[Row]:
    """Performance by signal type, of the newest snapshot time that has any."""
    return _newest_groups(connection, signal_type_performance, "signal_type", account, as_of)


def coin_rows(connection: Connection, account: str, as_of: datetime) -> list[Row]:
    """The same by coin."""
    return _newest_groups(connection, coin_performance, "coin", account, as_of)


def followed_signals(
    connection: Connection, market: str, account: str, start: datetime, end: datetime, modes: Sequence[str]
) -> list[Row]:
    """Signals with start <= slot < end, each with the trade that followed it (`trade_…`) and what its plan came to."""
    plan = (
        "id",
        "coin",
        "slot",
        "expires_at",
        "direction",
        "entry_low",
        "entry_high",
        "stop_loss",
        "take_profit",
        "order_link_id",
        "signal_type",
        "confidence",
        "position_size",
        "position_multiplier",
        "status",
        "executed_at",
    )
    followed = ("id", "episode", "order_link_id", "entry_time", "entry_price", "slippage", "r_multiple", "is_open")
    became = sa.and_(*(signals.c[name] == signal_outcomes.c[name] for name in ("market", "coin", "slot")))
    own = sa.and_(_TRADES.signal_id == signals.c.id, _TRADES.account == account)
    query = (
        sa.select(
            *(signals.c[name] for name in plan),
            sa.func.coalesce(signals.c.lineage["ensemble"]["hash"].as_string(), "").label("ensemble_hash"),
            *(_TRADES[name].label(f"trade_{name}") for name in followed),
            signal_outcomes.c.r_multiple.label("outcome_r"),
        )
        .select_from(signals.outerjoin(trades, own).outerjoin(signal_outcomes, became))
        .where(signals.c.market == market, signals.c.mode.in_(modes), signals.c.slot >= start, signals.c.slot < end)
        .order_by(signals.c.slot, signals.c.coin)
    )
    return _rows(connection, query)


def forecasts_of_trades(
    connection: Connection, account: str, as_of: datetime, window: int
) -> tuple[str | None, list[tuple[float, bool]]]:
    """What was forecast of the last closed trades of the newest ensemble, and whether they won; oldest first."""
    has = [
        _TRADES.account == account,
        _TRADES.exit_time <= as_of,
        sa.not_(_TRADES.is_open),
        _TRADES.confidence.is_not(None),
    ]
    newest_first = (_TRADES.exit_time.desc(), _TRADES.id.desc())
    ensemble = connection.execute(
        sa.select(_TRADES.ensemble_hash).where(*has).order_by(*newest_first).limit(1)
    ).scalar_one_or_none()
    query = (
        sa.select(_TRADES.confidence, _TRADES.pnl > 0)
        .where(*has, _TRADES.ensemble_hash.is_not_distinct_from(ensemble))
        .order_by(*newest_first)
        .limit(window)
    )
    return ensemble, [(row[0], row[1]) for row in reversed(connection.execute(query).all())]


_EVENTS = """
SELECT greatest(p_up, p_down), (p_up >= p_down AND event = 'up') OR (p_up < p_down AND event = 'down')
FROM predictions JOIN signal_outcomes USING (market, coin, slot)
WHERE market = %(market)s AND slot >= %(start)s AND slot < %(end)s AND event IS NOT NULL
"""


def forecasts_of_events(connection: Connection, market: str, start: datetime, end: datetime) -> tuple[Any, Any]:
    """Of each predicted slot the likelier direction's probability, and whether it came: float64[n] and bool[n].

    start <= slot < end, of events that are decided.
    """
    facts = {"market": market, "start": start, "end": end}
    found = read_columns(connection, _EVENTS, facts, {"probability": "double", "came": "boolean"})
    return found["probability"], found["came"]


def _newest_groups(connection: Connection, table: Table, key: str, account: str, as_of: datetime) -> list[Row]:
    own = table.c
    newest = (
        sa.select(own.snapshot_time, own.mode)
        .where(own.account == account, own.snapshot_time <= as_of)
        .order_by(own.snapshot_time.desc(), (own.mode == "live").desc())
        .limit(1)
    )
    at = connection.execute(newest).one_or_none()
    if at is None:
        return []
    query = (
        sa.select(table)
        .where(own.account == account, own.snapshot_time == at.snapshot_time, own.mode == at.mode)
        .order_by(own[key], own.period)
    )
    return _rows(connection, query)


def _conditions(wanted: WantedTrades) -> list[SQLCoreOperations[bool]]:
    found: list[SQLCoreOperations[bool]] = [
        _TRADES.account == wanted.account,
        _TRADES.exit_time >= wanted.start,
        _TRADES.exit_time < wanted.end,
    ]
    equal: Mapping[str, str | None] = {
        "coin": wanted.coin,
        "signal_type": wanted.signal_type,
        "exit_reason": wanted.exit_reason,
        "direction": wanted.direction,
    }
    found += [_TRADES[name] == value for name, value in equal.items() if value is not None]
    if wanted.matched is not None:
        found.append(_has_signal(wanted.matched))
    return found


def _has_signal(matched: bool) -> ColumnElement[bool]:
    return _TRADES.signal_id.is_not(None) if matched else _TRADES.signal_id.is_(None)


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]
