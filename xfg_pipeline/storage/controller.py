"""The light as it was evaluated, what people did to it, and what it watches while it is red."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.storage.light_views import newest_action
from xfg_pipeline.storage.tables import controller_actions, controller_status
from xfg_pipeline.trading.light.facts import Action


@dataclass(frozen=True)
class Evaluated:
    """A row that an evaluation goes on from."""

    timestamp: datetime
    evaluated_at: datetime
    mode: str
    status: str
    lights: dict[str, Any]


def last_before(connection: Connection, account: str, moment: datetime) -> Evaluated | None:
    """The newest evaluation as of an earlier moment; of the same moment a live one first."""
    return _last(connection, account, controller_status.c.timestamp < moment)


def last_live_before(connection: Connection, account: str, moment: datetime) -> Evaluated | None:
    """The newest evaluation as of an earlier moment that was shown; where none ever was, a backfilled one."""
    earlier = controller_status.c.timestamp < moment
    return _last(connection, account, earlier, controller_status.c.mode == "live") or _last(
        connection, account, earlier
    )


def _last(connection: Connection, account: str, *conditions: sa.ColumnElement[bool]) -> Evaluated | None:
    there = controller_status.c
    query = (
        sa.select(there.timestamp, there.evaluated_at, there.mode, there.status, there.lights)
        .where(there.account == account, *conditions)
        .order_by(there.timestamp.desc(), (there.mode == "live").desc(), there.id.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Evaluated(**row)


def last_live(connection: Connection, account: str) -> datetime | None:
    """As of when the newest live evaluation holds."""
    there = controller_status.c
    query = sa.select(sa.func.max(there.timestamp)).where(there.account == account, there.mode == "live")
    return connection.execute(query).scalar_one_or_none()


def evaluated_keys(
    connection: Connection, account: str, start: datetime, until: datetime
) -> set[tuple[datetime, str, str]]:
    """Moment, cause and mode of the evaluations with start <= moment <= until."""
    there = controller_status.c
    query = sa.select(there.timestamp, there.cause, there.mode).where(
        there.account == account, there.timestamp >= start, there.timestamp <= until
    )
    return {(row.timestamp, row.cause, row.mode) for row in connection.execute(query)}


def drop_backfilled(connection: Connection, account: str, start: datetime, until: datetime) -> None:
    """Drop what a backfill made of start <= moment <= until; what was shown live stays."""
    there = controller_status.c
    connection.execute(
        sa.delete(controller_status).where(
            there.account == account, there.mode == "backfill", there.timestamp >= start, there.timestamp <= until
        )
    )


def write_status(connection: Connection, account: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add evaluations; one that is there live is not rewritten."""
    if rows:
        statement = insert(controller_status).on_conflict_do_nothing()
        connection.execute(statement, [{"account": account, **row} for row in rows])


@dataclass(frozen=True)
class SlotLight:
    """The light that was evaluated for a slot, and the account's equity as it was known then."""

    slot: datetime
    status: str
    multiplier: Decimal
    message: str
    evaluated_at: datetime
    equity: Decimal | None
    mode: str


_SLOTS = """
SELECT DISTINCT ON (timestamp) timestamp, status, position_multiplier, message, evaluated_at,
       (metrics ->> 'equity')::numeric AS equity, mode
FROM controller_status WHERE account = :account AND cause = 'slot' AND timestamp >= :start AND timestamp < :end
ORDER BY timestamp, mode = 'live' DESC
"""


def lights_of_slots(connection: Connection, account: str, start: datetime, end: datetime) -> dict[datetime, SlotLight]:
    """By slot, start <= slot < end; of a slot that has a live and a backfilled evaluation the live one."""
    facts = {"account": account, "start": start, "end": end}
    return {
        row.timestamp: SlotLight(
            row.timestamp, row.status, row.position_multiplier, row.message, row.evaluated_at, row.equity, row.mode
        )
        for row in connection.execute(sa.text(_SLOTS), facts)
    }


def newest_pause(connection: Connection, account: str) -> Action | None:
    """The last thing that people did, when it was a pause: nobody has acknowledged it."""
    last = newest_action(connection, account)
    if last is None or last["action"] != "pause":
        return None
    return Action(last["at"], last["action"], last["who"], last["reason"])


def actions_between(connection: Connection, account: str, after: datetime, until: datetime) -> list[Action]:
    """What people did, after < at <= until, in order."""
    there = controller_actions.c
    query = (
        sa.select(there.at, there.action, there.who, there.reason)
        .where(there.account == account, there.at > after, there.at <= until)
        .order_by(there.at, there.id)
    )
    return [Action(**row) for row in connection.execute(query).mappings()]


@dataclass(frozen=True)
class PassedPlan:
    """A plan that passed every gate of its own, and how it ended: None while that is not known."""

    coin: str
    slot: datetime
    ended_at: datetime | None
    win: bool


_PASSED = """
SELECT made.coin, made.slot, became.resolved_at AS ended_at, coalesce(became.outcome = 'target', false) AS win
FROM signal_candidates AS made LEFT JOIN signal_outcomes AS became
  ON (became.market, became.coin, became.slot) = (made.market, made.coin, made.slot)
  AND became.outcome IN ('target', 'stop', 'timeout')
WHERE made.market = :market AND made.slot >= :start AND made.slot <= :until
  AND (made.gate IS NULL OR made.gate IN ('size', 'open_signal', 'daily_limit'))
ORDER BY made.slot, made.coin
"""


def passed_plans(connection: Connection, market: str, start: datetime, until: datetime) -> list[PassedPlan]:
    """Plans of start <= slot <= until that only the light, the account or another signal can have kept back."""
    facts = {"market": market, "start": start, "until": until}
    return [PassedPlan(**row) for row in connection.execute(sa.text(_PASSED), facts).mappings()]
