"""What was made of an account: trades, reconciliation, metrics, the light and what people did to it."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from xfg_pipeline.storage.tables.account import account, amount
from xfg_pipeline.storage.tables.common import TIME, coin, finite, market, metadata, on_the_grid, one_of, price
from xfg_pipeline.trading.trade import EXIT_REASONS


def _share(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} >= 0 AND {column} <= 1", name=f"{column}_is_a_share")


def _status(column: str) -> CheckConstraint:
    return one_of(column, "green", "yellow", "red")


trades = Table(
    "trades",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    Column("account", sa.Text, nullable=False),
    # The position: its first opening execution, or its first closing order where the opening is not in the records.
    Column("episode", sa.Text, nullable=False),
    Column("signal_id", ForeignKey("signals.id", ondelete="SET NULL")),
    Column("matched_by", sa.Text),
    Column("coin", sa.Text, nullable=False),
    Column("direction", sa.Text, nullable=False),
    Column("entry_time", TIME),
    Column("exit_time", TIME, nullable=False),
    Column("entry_price", sa.Numeric, nullable=False),
    Column("exit_price", sa.Numeric, nullable=False),
    Column("quantity", sa.Numeric, nullable=False),
    # The exchange's closed P&L; percent is of the entry value.
    Column("pnl", sa.Numeric, nullable=False),
    Column("pnl_percent", sa.Numeric, nullable=False),
    Column("fees", sa.Numeric),
    Column("funding", sa.Numeric, nullable=False),
    Column("leverage", sa.Numeric),
    Column("stop_loss", sa.Numeric),
    Column("take_profit", sa.Numeric),
    Column("risk", sa.Numeric),
    Column("r_multiple", sa.Numeric),
    # Farthest against and farthest with the position, in price, 0 or more.
    Column("mae", sa.Numeric),
    Column("mfe", sa.Numeric),
    # Entry beyond the signal's zone, in price: above 0 is worse.
    Column("slippage", sa.Numeric),
    Column("exit_reason", sa.Text, nullable=False),
    Column("exit_evidence", JSONB, nullable=False),
    Column("signal_type", sa.String(20)),
    Column("confidence", sa.Double),
    Column("ensemble_hash", sa.Text),
    Column("order_link_id", sa.Text, nullable=False),
    Column("bybit_order_id", sa.Text, nullable=False),
    Column("order_ids", ARRAY(sa.Text), nullable=False),
    Column("is_open", sa.Boolean, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("recorded_at", TIME, nullable=False),
    UniqueConstraint("account", "episode"),
    UniqueConstraint("account", "bybit_order_id"),
    account(),
    coin(),
    one_of("direction", "LONG", "SHORT"),
    one_of("exit_reason", *EXIT_REASONS),
    one_of("matched_by", "link", "zone"),
    CheckConstraint("(signal_id IS NULL) >= (matched_by IS NULL)", name="matched_by_something"),
    CheckConstraint("entry_time <= exit_time", name="opened_before_it_closed"),
    price("entry_price"),
    price("exit_price"),
    amount("quantity", "> 0"),
    amount("pnl"),
    amount("fees"),
    amount("funding"),
    amount("r_multiple"),
    amount("risk", "> 0"),
    amount("mae", ">= 0"),
    amount("mfe", ">= 0"),
    amount("slippage"),
    _share("confidence"),
    Index(None, "account", "exit_time", "id"),
    Index(None, "account", "coin", "exit_time"),
    Index(None, "signal_id"),
)

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("day", sa.Date, primary_key=True),
    Column("our_pnl", sa.Numeric, nullable=False),
    Column("exchange_pnl", sa.Numeric, nullable=False),
    Column("difference", sa.Numeric, nullable=False),
    Column("our_closings", sa.Integer, nullable=False),
    Column("exchange_closings", sa.Integer, nullable=False),
    Column("detail", sa.Text, nullable=False),
    Column("checked_at", TIME, nullable=False),
    account(),
    CheckConstraint("difference = our_pnl - exchange_pnl", name="difference_is_ours_less_theirs"),
)


def _metric(name: str) -> Column[Any]:
    return Column(name, sa.Numeric)


performance_snapshots = Table(
    "performance_snapshots",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    Column("account", sa.Text, nullable=False),
    Column("snapshot_time", TIME, nullable=False),
    Column("cause", sa.Text, nullable=False),
    Column("mode", sa.Text, nullable=False),
    Column("made_at", TIME, nullable=False),
    _metric("win_rate_last_20"),
    _metric("win_rate_low"),
    _metric("win_rate_high"),
    _metric("daily_pnl"),
    _metric("weekly_pnl"),
    _metric("monthly_pnl"),
    _metric("pnl_24h"),
    _metric("daily_pnl_share"),
    _metric("weekly_pnl_share"),
    _metric("monthly_pnl_share"),
    _metric("pnl_24h_share"),
    _metric("sharpe_ratio"),
    _metric("sharpe_per_trade"),
    _metric("max_drawdown"),
    _metric("ece"),
    _metric("brier"),
    _metric("log_loss"),
    _metric("profit_factor"),
    _metric("expectancy_r"),
    Column("consecutive_losses", sa.Integer, nullable=False),
    Column("total_trades", sa.Integer, nullable=False),
    _metric("equity"),
    # The event that the model predicts, over all outcomes of 30 days.
    _metric("event_ece"),
    _metric("event_brier"),
    Column("event_n", sa.Integer, nullable=False, server_default="0"),
    # By metric: the sample, and where the value is null the reason.
    Column("samples", JSONB, nullable=False),
    Column("reasons", JSONB, nullable=False),
    UniqueConstraint("account", "snapshot_time", "cause", "mode"),
    account(),
    one_of("cause", "hour", "trade"),
    one_of("mode", "live", "backfill"),
    _share("win_rate_last_20"),
    _share("ece"),
    _share("brier"),
    _share("event_ece"),
    amount("daily_pnl"),
    amount("sharpe_ratio"),
    amount("profit_factor", ">= 0"),
    CheckConstraint("max_drawdown >= 0 AND max_drawdown < 'Infinity'::numeric", name="max_drawdown_is_finite"),
    CheckConstraint("consecutive_losses >= 0 AND total_trades >= consecutive_losses", name="counts_are_possible"),
    Index(None, "account", "snapshot_time"),
)

# The folded state after everything up to a moment: what a later snapshot goes on from.
performance_states = Table(
    "performance_states",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("at", TIME, primary_key=True),
    Column("version", sa.Text, nullable=False),
    Column("state", JSONB, nullable=False),
    account(),
)


def _group(name: str, key: Column[Any], *more: Column[object]) -> Table:
    return Table(
        name,
        metadata,
        Column("account", sa.Text, primary_key=True),
        Column("snapshot_time", TIME, primary_key=True),
        key,
        Column("period", sa.Text, primary_key=True),
        Column("mode", sa.Text, primary_key=True),
        *more,
        Column("trades", sa.Integer, nullable=False),
        Column("wins", sa.Integer, nullable=False),
        _metric("win_rate"),
        _metric("win_rate_low"),
        _metric("win_rate_high"),
        _metric("pnl"),
        _metric("profit_factor"),
        _metric("expectancy_r"),
        account(),
        one_of("period", "last_20", "week", "month"),
        one_of("mode", "live", "backfill"),
        CheckConstraint("wins >= 0 AND wins <= trades", name="wins_are_trades"),
        _share("win_rate"),
        amount("pnl"),
    )


# `is_failing`: its last 20 stand below the red threshold; null while there are fewer.
_failing: Column[Any] = Column("is_failing", sa.Boolean)
_type: Column[Any] = Column("signal_type", sa.String(20), primary_key=True)
signal_type_performance = _group("signal_type_performance", _type, _failing)
_coin: Column[Any] = Column("coin", sa.Text, primary_key=True)
_tier: Column[Any] = Column("tier", sa.SmallInteger, nullable=False)
coin_performance = _group("coin_performance", _coin, _tier)

market_regime = Table(
    "market_regime",
    metadata,
    Column("market", sa.Text, primary_key=True),
    Column("coin", sa.Text, primary_key=True),
    Column("slot", TIME, primary_key=True),
    # Standard deviation of 96 log returns, and its median over the 30 days before.
    Column("volatility", sa.Double),
    Column("baseline", sa.Double),
    Column("baseline_days", sa.Integer, nullable=False),
    Column("ratio", sa.Double),
    Column("made_at", TIME, nullable=False),
    market(),
    coin(),
    on_the_grid("slot"),
    finite("volatility", ">= 0"),
    finite("baseline", ">= 0"),
    finite("ratio", ">= 0"),
    Index(None, "market", "slot"),
)

controller_status = Table(
    "controller_status",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    Column("account", sa.Text, nullable=False),
    # The moment as of which it holds, and when that was decided.
    Column("timestamp", TIME, nullable=False),
    Column("evaluated_at", TIME, nullable=False),
    Column("cause", sa.Text, nullable=False),
    Column("mode", sa.Text, nullable=False),
    Column("status", sa.Text, nullable=False),
    Column("position_multiplier", sa.Numeric, nullable=False),
    Column("triggered_by", sa.Text),
    Column("message", sa.Text, nullable=False),
    Column("triggers", JSONB, nullable=False),
    Column("evidence", sa.Text, nullable=False),
    Column("literal_status", sa.Text, nullable=False),
    Column("gated_status", sa.Text, nullable=False),
    # Both lights with their triggers and what holds them, to go on from.
    Column("lights", JSONB, nullable=False),
    Column("health", JSONB, nullable=False),
    Column("metrics", JSONB, nullable=False),
    Column("thresholds", JSONB, nullable=False),
    Column("changed", sa.Boolean, nullable=False),
    UniqueConstraint("account", "timestamp", "cause", "mode"),
    account(),
    one_of("cause", "slot", "trade", "hour", "pause", "acknowledge"),
    one_of("mode", "live", "backfill"),
    one_of("evidence", "literal", "gated"),
    _status("status"),
    _status("literal_status"),
    _status("gated_status"),
    CheckConstraint(
        "(status = 'red' AND position_multiplier = 0) OR (status = 'yellow' AND position_multiplier = 0.5) "
        "OR (status = 'green' AND position_multiplier = 1)",
        name="multiplier_follows_status",
    ),
    CheckConstraint("(status = 'green') = (triggered_by IS NULL)", name="says_what_triggered_it"),
    Index(None, "account", "timestamp"),
)

# Append-only: who paused or acknowledged, and why.
controller_actions = Table(
    "controller_actions",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    Column("account", sa.Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("action", sa.Text, nullable=False),
    Column("who", sa.Text, nullable=False),
    Column("reason", sa.Text, nullable=False),
    account(),
    one_of("action", "pause", "acknowledge"),
    CheckConstraint("length(who) BETWEEN 1 AND 64 AND length(reason) BETWEEN 1 AND 500", name="is_signed"),
    Index(None, "account", "at"),
)
