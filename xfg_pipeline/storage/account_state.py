"""How far an account was read, what is open in it, what it is worth, and what stands in the way of reading it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.signals.slots import midnight
from xfg_pipeline.storage.performance import forget_from
from xfg_pipeline.storage.tables import (
    account_closings,
    account_equity,
    account_executions,
    account_positions,
    account_refusals,
    account_sync,
)
from xfg_pipeline.trading.account_records import Equity, Position


@dataclass(frozen=True)
class SyncState:
    """Of one kind of record, or of the account's state: until when it is complete, when it was asked, what is wrong."""

    kind: str
    complete_until: datetime | None
    tried_at: datetime
    succeeded_at: datetime | None
    problem: str | None
    problem_kind: str | None
    facts: dict[str, Any]


def sync_states(connection: Connection, account: str) -> dict[str, SyncState]:
    """By kind; empty before the account was ever asked."""
    query = sa.select(account_sync).where(account_sync.c.account == account)
    return {
        row["kind"]: SyncState(**{name: row[name] for name in row if name != "account"})
        for row in connection.execute(query).mappings()
    }


def note_success(
    connection: Connection, account: str, kind: str, now: datetime, *, complete_until: datetime | None, **facts: Any
) -> None:
    """It was read; how far it is complete never goes back."""
    statement = insert(account_sync).values(
        account=account,
        kind=kind,
        complete_until=complete_until,
        tried_at=now,
        succeeded_at=now,
        problem=None,
        problem_kind=None,
        facts=facts,
    )
    there, new = account_sync.c, statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "kind"],
            set_={
                "complete_until": sa.func.greatest(there.complete_until, new.complete_until),
                "tried_at": new.tried_at,
                "succeeded_at": new.succeeded_at,
                "problem": None,
                "problem_kind": None,
                "facts": there.facts.op("||")(new.facts),
            },
        )
    )


def note_progress(connection: Connection, account: str, kind: str, now: datetime, *, complete_until: datetime) -> None:
    """Some of it was read: what stood in the way stands until the rest is."""
    statement = insert(account_sync).values(account=account, kind=kind, complete_until=complete_until, tried_at=now)
    further = sa.func.greatest(account_sync.c.complete_until, statement.excluded.complete_until)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "kind"],
            set_={"complete_until": further, "tried_at": statement.excluded.tried_at},
        )
    )


def note_problem(
    connection: Connection, account: str, kind: str, now: datetime, problem: str, problem_kind: str
) -> None:
    """It could not be read, or not all of it."""
    statement = insert(account_sync).values(
        account=account, kind=kind, tried_at=now, problem=problem[:500], problem_kind=problem_kind
    )
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "kind"],
            set_={"tried_at": new.tried_at, "problem": new.problem, "problem_kind": new.problem_kind},
        )
    )


def keep_refused(
    connection: Connection, account: str, kind: str, refused: Sequence[tuple[dict[str, Any], str]], now: datetime
) -> None:
    """Keep records that could not be meant, each once."""
    for record, why in refused:
        digest = hashlib.sha256(json.dumps(record, sort_keys=True, default=str).encode()).hexdigest()
        connection.execute(
            insert(account_refusals)
            .values(account=account, digest=digest, kind=kind, record=record, why=why[:500], first_seen_at=now)
            .on_conflict_do_nothing()
        )


def replace_positions(connection: Connection, account: str, positions: Sequence[Position], now: datetime) -> None:
    """What is open now."""
    connection.execute(sa.delete(account_positions).where(account_positions.c.account == account))
    rows = []
    for one in positions:
        row = asdict(one)
        row.pop("updated_at")
        rows.append({"account": account, "recorded_at": now, **row})
    if rows:
        connection.execute(sa.insert(account_positions), rows)


# The fill may have been a moment before the look that showed the position for the last time.
_FILLED_APART = timedelta(minutes=2)


def vanished(connection: Connection, account: str, positions: Sequence[Position]) -> list[str]:
    """Coins whose position was there at the last look, is not in this answer, and whose close no record tells of."""
    there = account_positions.c
    still = {(one.coin, one.side) for one in positions}
    found = []
    for row in connection.execute(sa.select(there.coin, there.side, there.recorded_at).where(there.account == account)):
        if (row.coin, row.side) in still:
            continue
        fills, told = account_executions.c, account_closings.c
        by_fill = sa.exists().where(
            fills.account == account,
            fills.coin == row.coin,
            fills.side != row.side,
            fills.closed_quantity > 0,
            fills.at >= row.recorded_at - _FILLED_APART,
        )
        by_closing = sa.exists().where(
            told.account == account,
            told.coin == row.coin,
            told.side != row.side,
            told.updated_at >= row.recorded_at - _FILLED_APART,
        )
        if not connection.execute(sa.select(by_fill | by_closing)).scalar_one():
            found.append(row.coin)
    return found


def database_now(connection: Connection) -> datetime:
    """Postgres's own time: what `recorded_at` of records is written by."""
    now: datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    return now


# It is asked every half minute: of each hour the first answer stays, and the newest.
_THINNED = """
DELETE FROM account_equity WHERE account = :account AND source = 'account' AND at < :at AND at > (
    SELECT min(at) FROM account_equity WHERE account = :account AND source = 'account'
    AND at >= date_bin('1 hour', CAST(:at AS timestamptz), '2000-01-01Z'))
"""


def keep_equity(connection: Connection, account: str, at: datetime, equity: Equity, source: str = "account") -> None:
    """What it was worth at a moment. Metrics go by the first of a UTC day: they are made again where they passed it."""
    connection.execute(
        insert(account_equity).values(account=account, at=at, source=source, **asdict(equity)).on_conflict_do_nothing()
    )
    there = account_equity.c
    earlier = sa.select(there.at).where(
        there.account == account, there.source == source, there.at >= midnight(at), there.at < at
    )
    if connection.execute(earlier.limit(1)).first() is None:
        forget_from(connection, account, at)
    elif source == "account":
        connection.execute(sa.text(_THINNED), {"account": account, "at": at})


_OPENING = """
INSERT INTO account_equity (account, at, equity, wallet_balance, source)
SELECT :account, first.at - interval '1 second', balance.rest, balance.rest, 'opening'
FROM (SELECT min(realised_at) AS at FROM account_closings WHERE account = :account) AS first,
     LATERAL (SELECT at, wallet_balance FROM account_equity WHERE account = :account AND source = 'account'
              ORDER BY at LIMIT 1) AS told,
     LATERAL (SELECT told.wallet_balance - coalesce(sum(pnl), 0) AS rest FROM account_closings
              WHERE account = :account AND realised_at <= told.at) AS balance
WHERE first.at < told.at AND balance.rest > 0
  AND NOT EXISTS (SELECT FROM account_equity WHERE account = :account AND source = 'opening')
ON CONFLICT DO NOTHING RETURNING at
"""


def reckon_opening(connection: Connection, account: str) -> bool:
    """What the account was worth before its first closing, once: the first balance told less all P&L before it.

    Deposits and withdrawals before that are not known, and not in it. True when it was written now.
    """
    opened = connection.execute(sa.text(_OPENING), {"account": account}).scalar_one_or_none()
    if opened is not None:
        forget_from(connection, account, opened)
    return opened is not None
