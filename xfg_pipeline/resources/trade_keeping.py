"""From an account's records to trades, coin by coin: what changed is made anew from the last flat moment before it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from xfg_pipeline.clock import BEFORE_ALL
from xfg_pipeline.faults import point
from xfg_pipeline.resources.minutes import Minutes
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.storage import account_records, performance, service_marks, trades
from xfg_pipeline.storage.account_state import database_now, reckon_opening
from xfg_pipeline.storage.candles import read_candles
from xfg_pipeline.storage.database import lock, without_hurry
from xfg_pipeline.trading.account_records import Closing, Execution
from xfg_pipeline.trading.episodes import episodes_of
from xfg_pipeline.trading.excursions import excursions
from xfg_pipeline.trading.matching import Match, SignalPlan, match
from xfg_pipeline.trading.risk import pnl_percent, r_multiple, risk_of
from xfg_pipeline.trading.slippage import slippage
from xfg_pipeline.trading.trade import Trade
from xfg_pipeline.trading.trades import Entry, entries_of, trades_of

REMATCHED_FOR = timedelta(days=40)
"""A trade without a signal is looked at again so long: its signal may be computed later than it was traded."""
# A transaction that was open while another looked may have written its records in the meantime.
_SEEN_AGAIN = timedelta(minutes=5)
# The minutes of an old trade's candles are not worth a question each.
_MINUTES_FOR = timedelta(days=3)
# A signal that a trade may have come from lies at most so long before it.
_PLANS_FROM = timedelta(days=1)


@dataclass
class Kept:
    """What making trades came to: rows that differ, coins looked at, and what could not be told."""

    changed: int = 0
    coins: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def derived_mark(account: str) -> str:
    """The mark of the moment up to which records were made into trades."""
    return f"trades.{account}.derived"


def waiting_coins(connection: Connection, account: str) -> dict[str, datetime]:
    """By coin the earliest moment that records speak of which no trade was made of yet."""
    derived = service_marks.within(connection, derived_mark(account))
    since = BEFORE_ALL if derived is None else derived - _SEEN_AGAIN
    return account_records.changed_since(connection, account, since)


def keep_trades(pipeline: Pipeline, as_of: datetime, again: tuple[datetime, datetime] | None = None) -> Kept:
    """Make trades of what has come since they were made last; of all coins in `again` (from, to) anew."""
    account, report = pipeline.settings.account_name, Kept()
    with pipeline.database.read() as connection:
        began = database_now(connection)
        wanted = waiting_coins(connection, account)
        for coin, since in trades.unmatched_since(connection, account, as_of - REMATCHED_FOR).items():
            wanted[coin] = min(since, wanted.get(coin, since))
        if again is not None:
            for coin in account_records.coins_between(connection, account, *again):
                wanted[coin] = min(again[0], wanted.get(coin, again[0]))
    minutes = Minutes(pipeline.market, as_of)
    for coin, since in wanted.items():
        with pipeline.database.begin() as connection:
            without_hurry(connection)
            lock(connection, "account", account)
            report.changed += _keep_coin(connection, pipeline, coin, since, as_of, minutes)
            point("trades.before_commit")
        point("trades.after_commit")
        report.coins.append(coin)
    with pipeline.database.begin() as connection:
        reckon_opening(connection, account)
        service_marks.write_within(connection, derived_mark(account), began)
    report.notes += minutes.notes
    return report


def _keep_coin(
    connection: Connection, pipeline: Pipeline, coin: str, since: datetime, as_of: datetime, minutes: Minutes
) -> int:
    account, market = pipeline.settings.account_name, pipeline.settings.market_name
    after, closings, fills = _records(connection, account, coin, since)
    named = {one.order_id for one in closings} | {one.order_id for one in fills}
    orders = account_records.read_orders(connection, account, named)
    found = trades_of(account, closings, fills, orders)
    entered: list[Trade | Entry] = [*found, *entries_of(account, closings, fills, orders)]
    plans = _plans(connection, account, market, coin, entered, after)
    matched = match(entered, plans)
    by_id = {plan.id: plan for plan in plans}
    candles = _candles(connection, market, coin, found, as_of)
    rows = [_row(one, matched.get(one.episode), by_id, candles, as_of, minutes) for one in found]
    changed, earliest = trades.replace_trades(connection, account, coin, after, rows)
    account_records.mark_realised(connection, account, [name for one in found for name in one.order_ids])
    if earliest is not None:
        # Partial closes of the same trade came before its exit.
        first = min([earliest, *(one.entry_time for one in found if one.entry_time and one.exit_time >= earliest)])
        performance.forget_from(connection, account, first)
    known = [(one, matched.get(one.episode)) for one in entered]
    executed = {by.signal_id: one.entry_time for one, by in known if by is not None and one.entry_time is not None}
    if opened := [one.entry_time for one in entered if one.entry_time is not None]:
        trades.mark_executed(connection, market, coin, executed, min(opened), as_of)
    return changed


def _records(
    connection: Connection, account: str, coin: str, since: datetime
) -> tuple[datetime | None, list[Closing], list[Execution]]:
    """Records after the newest flat moment before `since`.

    A close without its opening tells that it was not flat: a position that nothing was closed of yet is no trade, and
    may have been open (hedge mode). Then they are read from farther and farther back.
    """
    back = timedelta(days=1)
    while True:
        after = trades.flat_before(connection, account, coin, since)
        closings = account_records.read_closings(connection, account, coin, after)
        fills = account_records.read_executions(connection, account, coin, after)
        if after is None or all(one.is_whole for one in episodes_of(closings, fills)):
            return after, closings, fills
        since, back = after - back, 4 * back


def _plans(
    connection: Connection,
    account: str,
    market: str,
    coin: str,
    entered: Sequence[Trade | Entry],
    after: datetime | None,
) -> list[SignalPlan]:
    """Signals that these may have come from; those that an earlier trade came from are not among them."""
    times = [one.entry_time for one in entered if one.entry_time is not None]
    if not times:
        return []
    rows = trades.plans_of(connection, account, market, coin, min(times) - _PLANS_FROM, max(times), after)
    return [SignalPlan(**row) for row in rows]


def _candles(connection: Connection, market: str, coin: str, found: Sequence[Trade], as_of: datetime) -> Candles | None:
    opened = [one.entry_time for one in found if one.entry_time is not None]
    if not opened:
        return None
    start, end = min(opened) - timedelta(minutes=15), max(one.exit_time for one in found) + timedelta(minutes=15)
    return read_candles(connection, market, [coin], start, min(end, as_of))[coin]


def _row(
    trade: Trade,
    matched: Match | None,
    plans: dict[int, SignalPlan],
    candles: Candles | None,
    as_of: datetime,
    minutes: Minutes,
) -> dict[str, Any]:
    plan = None if matched is None else plans[matched.signal_id]
    finer = minutes.of(trade.coin) if trade.exit_time > as_of - _MINUTES_FOR else None
    reach = None if candles is None else excursions(trade, candles, finer)
    risk = risk_of(trade, plan)
    return {
        "episode": trade.episode,
        "signal_id": None if plan is None else plan.id,
        "matched_by": None if matched is None else matched.by,
        "direction": trade.direction,
        "entry_time": trade.entry_time,
        "exit_time": trade.exit_time,
        "entry_price": trade.entry_price,
        "exit_price": trade.exit_price,
        "quantity": trade.quantity,
        "pnl": trade.pnl,
        "pnl_percent": pnl_percent(trade),
        "fees": trade.fees,
        "funding": trade.funding,
        "leverage": trade.leverage,
        "stop_loss": trade.stop_loss,
        "take_profit": trade.take_profit,
        "risk": risk,
        "r_multiple": r_multiple(trade, risk),
        "mae": None if reach is None else reach[0],
        "mfe": None if reach is None else reach[1],
        "slippage": None if plan is None else slippage(plan, trade),
        "exit_reason": trade.exit_reason,
        "exit_evidence": trade.exit_evidence,
        "signal_type": None if plan is None else plan.signal_type,
        "confidence": None if plan is None else plan.confidence,
        "ensemble_hash": None if plan is None else plan.ensemble_hash,
        "order_link_id": trade.order_link_id,
        "bybit_order_id": trade.bybit_order_id,
        "order_ids": list(trade.order_ids),
        "is_open": trade.is_open,
        "updated_at": trade.updated_at,
        "recorded_at": as_of,
    }
