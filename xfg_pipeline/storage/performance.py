"""Events that metrics are folded from, states to go on from, and the snapshots that were made."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.storage import service_marks
from xfg_pipeline.storage.database import lock
from xfg_pipeline.storage.tables import (
    coin_performance,
    metadata,
    performance_snapshots,
    performance_states,
    signal_type_performance,
)
from xfg_pipeline.trading.metrics.events import ClosedTrade, EquityKnown, Event, Realised

# At the same moment: what the account is worth, then money, then the count that it belongs to.
_EVENTS = """
SELECT at, '0 ' || source AS id, wallet_balance AS amount, NULL AS coin, NULL::numeric AS r_multiple,
       NULL AS signal_type, NULL::float8 AS confidence, NULL AS ensemble_hash
FROM (SELECT DISTINCT ON (source, (at AT TIME ZONE 'UTC')::date) at, source, wallet_balance FROM account_equity
      WHERE account = :account AND at > CAST(:after AS timestamptz) - interval '1 day' AND at <= :until
      ORDER BY source, (at AT TIME ZONE 'UTC')::date, at) AS told
WHERE at > :after AND wallet_balance > 0
UNION ALL
SELECT realised_at, '1 ' || order_id, pnl, NULL, NULL, NULL, NULL, NULL FROM account_closings
WHERE account = :account AND realised_at > :after AND realised_at <= :until
UNION ALL
SELECT exit_time, '2 ' || bybit_order_id, pnl, coin, r_multiple, signal_type, confidence, ensemble_hash FROM trades
WHERE account = :account AND NOT is_open AND exit_time > :after AND exit_time <= :until
ORDER BY at, id
"""


def events_between(connection: Connection, account: str, after: datetime, until: datetime) -> list[Event]:
    """Events with after < at <= until, in their order."""
    facts = {"account": account, "after": after, "until": until}
    found = [_event(row) for row in connection.execute(sa.text(_EVENTS), facts)]
    # The database may order texts by a language.
    return sorted(found, key=lambda event: (event.at, event.id))


def _event(row: Any) -> Event:
    if row.id.startswith("0"):
        return EquityKnown(row.at, row.id, row.amount)
    if row.id.startswith("1"):
        return Realised(row.at, row.id, row.amount)
    return ClosedTrade(
        at=row.at,
        id=row.id,
        coin=row.coin,
        pnl=row.amount,
        r_multiple=row.r_multiple,
        signal_type=row.signal_type,
        confidence=row.confidence,
        ensemble=row.ensemble_hash,
    )


def closed_between(
    connection: Connection, account: str, after: datetime, until: datetime, seen_after: datetime | None = None
) -> list[ClosedTrade]:
    """Trades closed in after < exit <= until; with `seen_after` those before too that became known since then."""
    query = sa.text(
        "SELECT exit_time AS at, '2 ' || bybit_order_id AS id, pnl AS amount, coin, r_multiple, "
        "signal_type, confidence, ensemble_hash FROM trades WHERE account = :account AND NOT is_open "
        "AND exit_time <= :until AND (exit_time > :after OR recorded_at > :seen_after) ORDER BY exit_time, id"
    )
    facts = {"account": account, "after": after, "until": until, "seen_after": seen_after or until}
    return [_event(row) for row in connection.execute(query, facts)]  # type: ignore[misc]


def newest_state(
    connection: Connection, account: str, version: str, until: datetime
) -> tuple[datetime, dict[str, Any]] | None:
    """The folded state of the newest moment not after `until`, and that moment."""
    there = performance_states.c
    query = (
        sa.select(there.at, there.state)
        .where(there.account == account, there.version == version, there.at <= until)
        .order_by(there.at.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else (row.at, row.state)


def keep_state(connection: Connection, account: str, version: str, at: datetime, state: Mapping[str, Any]) -> None:
    """Write the state as of a moment; of each UTC day the last one stays."""
    there = performance_states
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    connection.execute(sa.delete(there).where(there.c.account == account, there.c.at >= midnight, there.c.at < at))
    statement = insert(there).values(account=account, at=at, version=version, state=dict(state))
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "at"],
            set_={"version": statement.excluded.version, "state": statement.excluded.state},
        )
    )


def stale_mark(account: str) -> str:
    """The mark of the moment from which on snapshots no longer hold what trades say."""
    return f"performance.{account}.stale_from"


def forget_from(connection: Connection, account: str, moment: datetime) -> None:
    """Events changed from a moment on: states behind it are gone, snapshots are to be made again.

    Whoever makes snapshots meanwhile is waited for: it has not seen the change, and would keep a state without it.
    """
    lock(connection, "performance", account)
    there = performance_states.c
    connection.execute(sa.delete(performance_states).where(there.account == account, there.at >= moment))
    service_marks.lower_within(connection, stale_mark(account), moment)


def snapshot_keys(
    connection: Connection, account: str, start: datetime, until: datetime | None = None
) -> list[tuple[datetime, str, str]]:
    """Moment, cause and mode of the snapshots with start <= moment <= until; None: to the newest."""
    there = performance_snapshots.c
    query = sa.select(there.snapshot_time, there.cause, there.mode).where(
        there.account == account, there.snapshot_time >= start
    )
    if until is not None:
        query = query.where(there.snapshot_time <= until)
    return [(row.snapshot_time, row.cause, row.mode) for row in connection.execute(query)]


def last_snapshot(connection: Connection, account: str, until: datetime) -> datetime | None:
    """The moment of the newest snapshot."""
    there = performance_snapshots.c
    return connection.execute(
        sa.select(sa.func.max(there.snapshot_time)).where(there.account == account, there.snapshot_time <= until)
    ).scalar_one_or_none()


def exits_between(connection: Connection, account: str, start: datetime, until: datetime) -> list[datetime]:
    """When trades were closed, start <= exit <= until, each moment once."""
    query = sa.text(
        "SELECT DISTINCT exit_time FROM trades WHERE account = :account AND NOT is_open "
        "AND exit_time >= :start AND exit_time <= :until ORDER BY 1"
    )
    return list(connection.execute(query, {"account": account, "start": start, "until": until}).scalars())


def write_snapshots(connection: Connection, account: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write snapshots, in the place of those of the same moment, cause and mode."""
    _upsert(
        connection,
        performance_snapshots,
        account,
        rows,
        ("account", "snapshot_time", "cause", "mode"),
        keep=("made_at",),
    )


def write_groups(connection: Connection, account: str, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of signal_type_performance or coin_performance."""
    key = {"signal_type_performance": "signal_type", "coin_performance": "coin"}[table]
    _upsert(
        connection, metadata.tables[table], account, rows, ("account", "snapshot_time", key, "period", "mode"), keep=()
    )


def drop_groups_from(connection: Connection, account: str, start: datetime, until: datetime) -> None:
    """Drop the rows by type and coin of start <= moment <= until: a group may be gone."""
    for table in (signal_type_performance, coin_performance):
        connection.execute(
            sa.delete(table).where(
                table.c.account == account, table.c.snapshot_time >= start, table.c.snapshot_time <= until
            )
        )


def _upsert(
    connection: Connection,
    table: sa.Table,
    account: str,
    rows: Iterable[Mapping[str, Any]],
    key: tuple[str, ...],
    keep: tuple[str, ...],
) -> None:
    """Insert or replace; what stands in `keep` stays as it was where nothing else changed."""
    several = [{"account": account, **row} for row in rows]
    if not several:
        return
    statement = insert(table)
    new = statement.excluded
    names = [name for name in several[0] if name not in key]
    seen = [name for name in names if name not in keep]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(key),
            set_={name: new[name] for name in names},
            where=sa.or_(*(table.c[name].is_distinct_from(new[name]) for name in seen)),
        ),
        several,
    )


_EVENT_HOURS = """
SELECT floor(extract(epoch FROM slot) / 3600)::int4 AS hour,
       greatest(ceil(round((p * 10)::numeric, 12))::int4 - 1, 0) AS bin,
       count(*)::int4 AS n, sum(p) AS probability, sum(came::int4)::int4 AS came, sum((p - came::int4) ^ 2) AS squares
FROM (SELECT slot, greatest(p_down, p_up) AS p,
             (p_up >= p_down AND event = 'up') OR (p_up < p_down AND event = 'down') AS came
      FROM predictions JOIN signal_outcomes USING (market, coin, slot)
      WHERE market = %(market)s AND coin = ANY(%(coins)s) AND slot >= %(start)s AND slot < %(end)s
        AND event IS NOT NULL) AS said
GROUP BY 1, 2 ORDER BY 1, 2
"""


def event_hours(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, end: datetime
) -> dict[str, Any]:
    """Forecasts of the likelier direction and whether it came, summed by hour of the slot and bin of ten.

    Arrays: hour (since 1970), bin 0 to 9, n, came (counts), probability and squares (sums of p and of (p - came)²).
    """
    from xfg_pipeline.storage.columns import read_columns

    facts = {"market": market, "coins": list(coins), "start": start, "end": end}
    kinds = {"hour": "integer", "bin": "integer", "n": "integer", "probability": "double", "came": "integer"}
    return read_columns(connection, _EVENT_HOURS, facts, kinds | {"squares": "double"})
