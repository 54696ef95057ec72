"""Trades: written whole for a coin from a moment on, matched to the signals that may have caused them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from xfg_pipeline.storage.tables import account_positions, trades

# From the newest on, so that the first one that fits ends the search: there may be a hundred thousand. An order that
# turned a position around closed and opened at once.
_FLAT = """
SELECT exit_time FROM trades AS ended
WHERE account = :account AND coin = :coin AND NOT is_open AND exit_time < least(:before, (
    SELECT min(coalesce(entry_time, exit_time)) FROM trades
    WHERE account = :account AND coin = :coin AND is_open))
AND NOT EXISTS (
    SELECT FROM trades AS other WHERE other.account = ended.account AND other.coin = ended.coin
    AND other.exit_time > ended.exit_time AND coalesce(other.entry_time, other.exit_time) <= ended.exit_time)
AND NOT EXISTS (
    SELECT FROM account_executions AS fill WHERE fill.account = ended.account AND fill.coin = ended.coin
    AND fill.at = ended.exit_time AND fill.kind <> 'Funding' AND fill.quantity > fill.closed_quantity)
ORDER BY exit_time DESC LIMIT 1
"""


def flat_before(connection: Connection, account: str, coin: str, before: datetime) -> datetime | None:
    """The newest moment before `before` at which nothing of a coin was open: trades after it are made anew."""
    return connection.execute(sa.text(_FLAT), {"account": account, "coin": coin, "before": before}).scalar_one_or_none()


def replace_trades(
    connection: Connection, account: str, coin: str, after: datetime | None, rows: Sequence[Mapping[str, Any]]
) -> tuple[int, datetime | None]:
    """Make a coin's trades after a moment these; how many rows differ now, and the earliest exit that does.

    A trade keeps its id and the time it was first seen. Rows that are the same stay untouched.
    """
    mine = (trades.c.account == account) & (trades.c.coin == coin)
    if after is not None:
        mine &= trades.c.exit_time > after
    there = {row["episode"]: dict(row) for row in connection.execute(sa.select(trades).where(mine)).mappings()}
    wanted = {row["episode"]: row for row in rows}
    changed = [key for key, row in wanted.items() if key not in there or _differs(there[key], row)]
    gone = [key for key in there if key not in wanted]
    if not changed and not gone:
        return 0, None
    replaced = [there[key]["id"] for key in [*changed, *gone] if key in there]
    if replaced:
        connection.execute(sa.delete(trades).where(trades.c.id.in_(replaced)))
    again = [
        {**wanted[key], "id": there[key]["id"], "recorded_at": there[key]["recorded_at"]}
        for key in changed
        if key in there
    ]
    new = [wanted[key] for key in changed if key not in there]
    for several in (again, new):
        if several:
            connection.execute(sa.insert(trades), [{"account": account, "coin": coin, **row} for row in several])
    moments = [there[key]["exit_time"] for key in [*changed, *gone] if key in there]
    moments += [wanted[key]["exit_time"] for key in changed]
    return len(changed) + len(gone), min(moments)


def _differs(there: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return any(there[name] != value for name, value in row.items() if name != "recorded_at")


_PLANS = """
SELECT id, coin, slot, expires_at, direction, entry_low, entry_high, stop_loss, take_profit, order_link_id, signal_type,
       confidence, position_size, coalesce(lineage #>> '{ensemble,hash}', '') AS ensemble_hash
FROM signals AS made WHERE market = :market AND coin = :coin AND slot >= :start AND slot <= :end AND NOT EXISTS (
    SELECT FROM trades WHERE trades.signal_id = made.id AND account = :account AND exit_time <= :after)
ORDER BY slot
"""


def plans_of(
    connection: Connection,
    account: str,
    market: str,
    coin: str,
    start: datetime,
    end: datetime,
    after: datetime | None,
) -> list[dict[str, Any]]:
    """Signals of start <= slot <= end that no trade up to `after` has come from."""
    facts = {"account": account, "market": market, "coin": coin, "start": start, "end": end, "after": after}
    return [dict(row) for row in connection.execute(sa.text(_PLANS), facts).mappings()]


def unmatched_since(connection: Connection, account: str, since: datetime) -> dict[str, datetime]:
    """By coin, the earliest entry of trades that have no signal yet."""
    query = (
        sa.select(trades.c.coin, sa.func.min(sa.func.coalesce(trades.c.entry_time, trades.c.exit_time)))
        .where(trades.c.account == account, trades.c.signal_id.is_(None), trades.c.exit_time >= since)
        .group_by(trades.c.coin)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


_EXECUTED = """
UPDATE signals SET status = 'executed', executed_at = entered.at
FROM unnest(CAST(:ids AS bigint[]), CAST(:times AS timestamptz[])) AS entered (signal, at)
WHERE id = entered.signal AND mode = 'live' AND position_multiplier > 0 AND status IN ('ready', 'expired')
"""


_NOT_EXECUTED = """
UPDATE signals SET status = CASE WHEN expires_at <= :now THEN 'expired' ELSE 'ready' END, executed_at = NULL
WHERE market = :market AND coin = :coin AND status = 'executed' AND executed_at >= :since AND id <> ALL(:ids)
AND NOT EXISTS (SELECT FROM trades WHERE trades.signal_id = signals.id)
"""


def mark_executed(
    connection: Connection, market: str, coin: str, entered: Mapping[int, datetime], since: datetime, now: datetime
) -> None:
    """Live signals, by id, whose position was opened at that time: all of a coin's since then.

    Of the others the mark is taken away: a position that was told by its entry zone may turn out to be another's.
    """
    facts = {"market": market, "coin": coin, "ids": list(entered), "since": since, "now": now}
    connection.execute(sa.text(_NOT_EXECUTED), facts)
    if entered:
        facts = {"ids": list(entered), "times": list(entered.values())}
        connection.execute(sa.text(_EXECUTED), facts)


_HELD = """
SELECT signals.coin, signals.slot, exit_time FROM trades JOIN signals ON signals.id = trades.signal_id
WHERE account = :account AND status = 'executed' AND NOT is_open AND slot >= :since
"""


def closed_signals(connection: Connection, account: str, since: datetime) -> dict[tuple[str, datetime], datetime]:
    """When the positions of executed signals were closed, by coin and slot."""
    rows = connection.execute(sa.text(_HELD), {"account": account, "since": since})
    return {(row.coin, row.slot): row.exit_time for row in rows}


def open_coins(connection: Connection, account: str) -> frozenset[str]:
    """Coins in which a position was open at the last look."""
    there = account_positions.c
    return frozenset(connection.execute(sa.select(there.coin).where(there.account == account)).scalars())
