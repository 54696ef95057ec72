"""Questions about the account, its trades and the light as they stand now, each answered by the problems found."""

from datetime import timedelta

import sqlalchemy as sa

from xfg_pipeline.resources.light_health import ACCOUNT_STALE_AFTER
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.standing import Finding
from xfg_pipeline.storage import account_state
from xfg_pipeline.trading.light.reading import STALE_AFTER

SNAPSHOT_LATE_AFTER = timedelta(minutes=75)
LOOK_BACK = timedelta(days=33)


def unread_account(pipeline: Pipeline) -> list[Finding]:
    """What of the account cannot be read, or was not for ten minutes; records that could not be used."""
    account, now = pipeline.settings.account_name, pipeline.market_now()
    if pipeline.account is None:
        return [Finding(account, "there is no API key", "set bybit.api_key and bybit.api_secret")]
    with pipeline.database.read() as connection:
        states = account_state.sync_states(connection, account)
        refused = connection.execute(
            sa.text("SELECT kind, count(*), max(why) AS why FROM account_refusals WHERE account = :account GROUP BY 1"),
            {"account": account},
        ).all()
    found = [
        Finding(f"{account} {kind}", "was never read", "is the sensor closed_positions switched on in Dagster?")
        for kind in ("closings", "executions", "orders", "state")
        if kind not in states
    ]
    for kind, state in states.items():
        if state.problem is not None:
            remedy = "it is asked again every half minute; see docs/account.md"
            found.append(Finding(f"{account} {kind}", state.problem, remedy))
        elif state.succeeded_at is None or now - state.succeeded_at > ACCOUNT_STALE_AFTER:
            remedy = "is the sensor closed_positions switched on in Dagster?"
            found.append(Finding(f"{account} {kind}", f"was last read at {state.succeeded_at}", remedy))
    return found + [
        Finding(
            f"{account} {row.kind}",
            f"{row.count} records cannot be used: {row.why}",
            "they are kept in account_refusals; the exchange may have changed its records",
            is_doubt=True,
        )
        for row in refused
    ]


# Order ids as rows: against each trade's array every closing would be held against every trade.
_UNSOUND_TRADES = """
WITH told AS (
    SELECT id, coin, exit_time, pnl, unnest(order_ids) AS order_id FROM trades WHERE account = :account
)
SELECT 'closings' AS place, (realised_at)::text AS at, order_id || ' stands in no trade' AS what
FROM account_closings AS closing WHERE account = :account AND realised_at >= :since AND NOT EXISTS (
    SELECT FROM told WHERE told.order_id = closing.order_id)
UNION ALL
SELECT told.coin, told.exit_time::text, 'P&L ' || told.pnl || ' is not that of its closings, ' || sum(closing.pnl)
FROM told JOIN account_closings AS closing ON closing.account = :account AND closing.order_id = told.order_id
WHERE told.exit_time >= :since GROUP BY told.id, told.coin, told.exit_time, told.pnl
HAVING told.pnl <> sum(closing.pnl)
UNION ALL
SELECT min(coin), min(exit_time)::text, 'one signal has ' || count(*) || ' trades' FROM trades
WHERE account = :account AND signal_id IS NOT NULL AND exit_time >= :since GROUP BY signal_id HAVING count(*) > 1
LIMIT 100
"""


def unsound_trades(pipeline: Pipeline) -> list[Finding]:
    """Closings without a trade, trades whose P&L is not that of their closings, signals with two trades; 33 days."""
    facts = {"account": pipeline.settings.account_name, "since": pipeline.market_now() - LOOK_BACK}
    with pipeline.database.read() as connection:
        rows = connection.execute(sa.text(_UNSOUND_TRADES), facts).all()
    return [Finding(f"{row.place} {row.at}", row.what, "xfg backfill trades over that day") for row in rows]


def unreconciled(pipeline: Pipeline) -> list[Finding]:
    """Days of the last 33 whose P&L differs from the exchange's; closings of days that were not compared."""
    account, now = pipeline.settings.account_name, pipeline.market_now()
    facts = {"account": account, "since": (now - LOOK_BACK).date(), "today": now.date()}
    with pipeline.database.read() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT day, difference, detail FROM reconciliations WHERE account = :account AND day >= :since "
                "AND (difference <> 0 OR our_closings <> exchange_closings) ORDER BY day"
            ),
            facts,
        ).all()
        open_days = connection.execute(
            sa.text(
                "SELECT DISTINCT (updated_at AT TIME ZONE 'UTC')::date AS day FROM account_closings AS closing "
                "WHERE account = :account AND (updated_at AT TIME ZONE 'UTC')::date >= :since "
                "AND (updated_at AT TIME ZONE 'UTC')::date < :today AND NOT EXISTS (SELECT FROM reconciliations "
                "WHERE account = :account AND day = (closing.updated_at AT TIME ZONE 'UTC')::date) ORDER BY 1"
            ),
            facts,
        ).scalars()
        not_compared = list(open_days)
    return [
        Finding(
            f"{account} {row.day}", f"differs by {row.difference}: {row.detail}", "xfg backfill trades over that day"
        )
        for row in rows
    ] + [
        Finding(f"{account} {day}", "was not compared with the exchange", "the next run of trades does", is_doubt=True)
        for day in not_compared
    ]


def late_snapshot(pipeline: Pipeline) -> list[Finding]:
    """Whether the newest snapshot is older than an hour and a quarter."""
    return _late(pipeline, "performance_snapshots", "snapshot_time", "true", SNAPSHOT_LATE_AFTER)


def late_light(pipeline: Pipeline) -> list[Finding]:
    """Whether the newest live evaluation of the light is older than 20 minutes: it is read as red then."""
    return _late(pipeline, "controller_status", "timestamp", "mode = 'live'", STALE_AFTER)


def _late(pipeline: Pipeline, table: str, column: str, which: str, after: timedelta) -> list[Finding]:
    account, now = pipeline.settings.account_name, pipeline.market_now()
    query = sa.text(f"SELECT max({column}) FROM {table} WHERE account = :account AND {which}")  # noqa: S608
    with pipeline.database.read() as connection:
        newest = connection.execute(query, {"account": account}).scalar_one_or_none()
    if newest is not None and now - newest <= after:
        return []
    what = "there is none" if newest is None else f"the newest is of {newest:%Y-%m-%d %H:%M} UTC"
    return [Finding(account, what, "see the failed runs, and whether the schedules are switched on in Dagster")]


_AGAINST_THE_LIGHT = """
SELECT made.coin, made.slot, made.position_multiplier AS used, said.position_multiplier AS told FROM signals AS made
LEFT JOIN LATERAL (
    SELECT position_multiplier FROM controller_status
    WHERE account = :account AND timestamp = made.slot AND cause = 'slot' ORDER BY mode = 'live' DESC LIMIT 1
) AS said ON true
WHERE made.market = :market AND made.slot >= :since AND made.position_multiplier > coalesce(said.position_multiplier, 0)
ORDER BY made.slot DESC LIMIT 100
"""


def signals_against_the_light(pipeline: Pipeline) -> list[Finding]:
    """Signals of the last two days that are larger than the light of their slot allowed."""
    settings = pipeline.settings
    facts = {"account": settings.account_name, "market": settings.market_name}
    facts["since"] = pipeline.market_now() - timedelta(days=2)  # type: ignore[assignment]
    with pipeline.database.read() as connection:
        rows = connection.execute(sa.text(_AGAINST_THE_LIGHT), facts).all()
    return [
        Finding(
            f"{row.coin} {row.slot:%Y-%m-%d %H:%M} UTC",
            f"sized by {row.used}, the light " + ("was not evaluated" if row.told is None else f"allowed {row.told}"),
            "do not trade it; see the runs of that slot",
        )
        for row in rows
    ]
