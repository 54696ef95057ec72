"""Signals and decisions as people and programs read them: with what became of them, and the status of now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Select

from xfg_pipeline.storage.tables import candles, predictions, signal_candidates, signal_outcomes, signals

PASSED = "passed"
"""The word for the gate of a candidate that no gate stopped."""

_BECAME = (
    signal_outcomes.c.outcome,
    signal_outcomes.c.resolved_at,
    signal_outcomes.c.r_multiple,
    signal_outcomes.c.event,
)
_OWN = [column for column in signals.c if column.name not in ("status", "lineage")]


@dataclass(frozen=True)
class Wanted:
    """Which rows of one market: start <= slot < end; None means all."""

    market: str
    start: datetime
    end: datetime
    coin: str | None = None
    status: str | None = None
    gate: str | None = None


@dataclass(frozen=True)
class Page:
    """Some of the rows that were asked for, and how many there are."""

    rows: list[dict[str, Any]]
    total: int


def signals_page(connection: Connection, wanted: Wanted, now: datetime, *, limit: int, offset: int = 0) -> Page:
    """Signals with their outcomes, newest first, and of their lineage the light. The status is that of `now`."""
    conditions = _conditions(signals, wanted)
    if wanted.status is not None:
        conditions.append(_status(now) == wanted.status)
    count = sa.select(sa.func.count()).select_from(signals).where(*conditions)
    query = (
        _signals(now)
        .where(*conditions)
        .order_by(signals.c.slot.desc(), signals.c.confidence.desc(), signals.c.coin)
        .limit(limit)
        .offset(offset)
    )
    return Page(_rows(connection, query), connection.execute(count).scalar_one())


def signal_by_id(connection: Connection, market: str, id_: int, now: datetime) -> dict[str, Any] | None:
    """One signal with its outcome and lineage; None when this market has none of that id."""
    return _one(connection, market, signals.c.id == id_, now)


def signal_by_link(connection: Connection, market: str, link_id: str, now: datetime) -> dict[str, Any] | None:
    """The same by its order link id."""
    return _one(connection, market, signals.c.order_link_id == link_id, now)


def newest_ready(connection: Connection, market: str, now: datetime) -> dict[str, Any] | None:
    """The newest signal that can be acted on now, the most confident of its slot; None when there is none."""
    query = (
        _signals(now, signals.c.lineage)
        .where(signals.c.market == market, signals.c.status == "ready", signals.c.expires_at > now)
        .order_by(signals.c.slot.desc(), signals.c.confidence.desc(), signals.c.coin)
        .limit(1)
    )
    return next(iter(_rows(connection, query)), None)


def candidates_page(connection: Connection, wanted: Wanted, *, limit: int, offset: int = 0) -> Page:
    """What was decided, newest first, with what became of it; `signal_id` where it became a signal."""
    conditions = _conditions(signal_candidates, wanted)
    if wanted.gate is not None:
        stopped = signal_candidates.c.gate
        conditions.append(stopped.is_(None) if wanted.gate == PASSED else stopped == wanted.gate)
    count = sa.select(sa.func.count()).select_from(signal_candidates).where(*conditions)
    query = (
        sa.select(signal_candidates, *_BECAME, signals.c.id.label("signal_id"))
        .select_from(
            signal_candidates.outerjoin(signal_outcomes, _same_slot(signal_candidates, signal_outcomes)).outerjoin(
                signals, _same_slot(signal_candidates, signals)
            )
        )
        .where(*conditions)
        .order_by(signal_candidates.c.slot.desc(), signal_candidates.c.coin)
        .limit(limit)
        .offset(offset)
    )
    return Page(_rows(connection, query), connection.execute(count).scalar_one())


def counts_by_gate(connection: Connection, wanted: Wanted) -> dict[str, int]:
    """How many candidates each gate stopped, and how many passed."""
    gate = sa.func.coalesce(signal_candidates.c.gate, PASSED)
    query = sa.select(gate, sa.func.count()).where(*_conditions(signal_candidates, wanted)).group_by(gate)
    return {row[0]: row[1] for row in connection.execute(query)}


def decided_slots(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, end: datetime, limit: int
) -> list[datetime]:
    """The newest slots with start <= slot < end at which any of these coins was decided on, newest first."""
    made = signal_candidates.c
    query = (
        sa.select(made.slot)
        .where(made.market == market, made.coin.in_(coins), made.slot >= start, made.slot < end)
        .distinct()
        .order_by(made.slot.desc())
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def kept_of_slot(
    connection: Connection, market: str, coin: str, slot: datetime, open_time: datetime
) -> tuple[bool, bool]:
    """Whether the candle and the prediction of a coin's slot are kept."""
    candle = sa.exists().where(candles.c.market == market, candles.c.coin == coin, candles.c.open_time == open_time)
    prediction = sa.exists().where(
        predictions.c.market == market, predictions.c.coin == coin, predictions.c.slot == slot
    )
    there = connection.execute(sa.select(candle, prediction)).one()
    return bool(there[0]), bool(there[1])


def _one(connection: Connection, market: str, which: ColumnElement[bool], now: datetime) -> dict[str, Any] | None:
    query = _signals(now, signals.c.lineage).where(signals.c.market == market, which)
    return next(iter(_rows(connection, query)), None)


def _signals(now: datetime, *more: ColumnElement[Any]) -> Select[Any]:
    light = signals.c.lineage["light"].label("light")
    looked_at = signal_outcomes.c.candles.label("outcome_candles")
    joined = signals.outerjoin(signal_outcomes, _same_slot(signals, signal_outcomes))
    return sa.select(*_OWN, _status(now).label("status"), light, *more, *_BECAME, looked_at).select_from(joined)


def _status(now: datetime) -> ColumnElement[str]:
    """What a signal is at a moment, also when no process has written it (see signals.records.status_at)."""
    over = sa.and_(signals.c.status.in_(("ready", "paused")), signals.c.expires_at <= now)
    return sa.case((over, "expired"), else_=signals.c.status)


def _same_slot(left: sa.Table, right: sa.Table) -> ColumnElement[bool]:
    return sa.and_(*(left.c[name] == right.c[name] for name in ("market", "coin", "slot")))


def _conditions(table: sa.Table, wanted: Wanted) -> list[ColumnElement[bool]]:
    found = [table.c.market == wanted.market, table.c.slot >= wanted.start, table.c.slot < wanted.end]
    return found if wanted.coin is None else [*found, table.c.coin == wanted.coin]


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    found: Sequence[Mapping[str, Any]] = connection.execute(query).mappings().all()  # type: ignore[assignment]
    return [dict(row) for row in found]
