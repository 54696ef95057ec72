"""What was made of the market: predictions, signals, what was rejected and why, and what became of each.

Market, coin and slot are the key of all of them: rows of two markets never meet.
"""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB

from xfg_pipeline.signals.stops import GATES
from xfg_pipeline.storage.tables.common import (
    TIME,
    coin,
    finite,
    market,
    metadata,
    on_the_grid,
    one_of,
    price,
)


def _share(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} >= 0 AND {column} <= 1", name=f"{column}_is_a_share")


def _mode() -> CheckConstraint:
    return one_of("mode", "live", "backfill")


def _direction() -> CheckConstraint:
    return one_of("direction", "LONG", "SHORT")


ensembles = Table(
    "ensembles",
    metadata,
    Column("hash", sa.Text, primary_key=True),
    Column("name", sa.Text, nullable=False),
    Column("manifest", JSONB, nullable=False),
    Column("first_used_at", TIME, nullable=False),
    CheckConstraint("hash ~ '^[0-9a-f]{64}$'", name="hash_is_a_digest"),
)

predictions = Table(
    "predictions",
    metadata,
    Column("market", sa.Text, primary_key=True),
    Column("coin", sa.Text, primary_key=True),
    Column("slot", TIME, primary_key=True),
    Column("mode", sa.Text, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("ensemble_hash", ForeignKey("ensembles.hash"), nullable=False),
    Column("feature_hash", BYTEA, nullable=False),
    Column("p_down", sa.Double, nullable=False),
    Column("p_flat", sa.Double, nullable=False),
    Column("p_up", sa.Double, nullable=False),
    # Members by classes, flattened; the order of both stands in the ensemble's manifest.
    Column("probabilities", ARRAY(sa.REAL, dimensions=1), nullable=False),
    Column("disagreement", sa.Double, nullable=False),
    market(),
    coin(),
    on_the_grid("slot"),
    _mode(),
    _share("p_down"),
    _share("p_flat"),
    _share("p_up"),
    _share("disagreement"),
    CheckConstraint("abs(p_down + p_flat + p_up - 1) < 0.002", name="probabilities_sum_to_one"),
    Index(None, "market", "slot"),
)

signal_candidates = Table(
    "signal_candidates",
    metadata,
    Column("market", sa.Text, primary_key=True),
    Column("coin", sa.Text, primary_key=True),
    Column("slot", TIME, primary_key=True),
    Column("mode", sa.Text, nullable=False),
    Column("made_at", TIME, nullable=False),
    # The first gate that stopped it; none: it became a signal.
    Column("gate", sa.Text),
    Column("detail", sa.Text),
    Column("gate_value", sa.Double),
    Column("gate_threshold", sa.Double),
    Column("direction", sa.Text),
    Column("signal_type", sa.Text),
    Column("confidence", sa.Double),
    Column("volume_ratio", sa.Double),
    Column("entry_low", sa.Double),
    Column("entry_high", sa.Double),
    Column("stop_loss", sa.Double),
    Column("take_profit", sa.Double),
    Column("risk_reward", sa.Double),
    Column("atr", sa.Double),
    market(),
    coin(),
    on_the_grid("slot"),
    _mode(),
    _direction(),
    one_of("gate", *GATES),
    _share("confidence"),
    CheckConstraint(
        "stop_loss IS NULL OR (direction = 'LONG' AND stop_loss < entry_low AND entry_low <= entry_high "
        "AND entry_high < take_profit) OR (direction = 'SHORT' AND take_profit < entry_low "
        "AND entry_low <= entry_high AND entry_high < stop_loss)",
        name="plan_is_on_the_right_sides",
    ),
    Index(None, "market", "slot"),
)

signals = Table(
    "signals",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    Column("market", sa.Text, nullable=False),
    Column("coin", sa.Text, nullable=False),
    Column("slot", TIME, nullable=False),
    Column("mode", sa.Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("signal_type", sa.String(20), nullable=False),
    Column("direction", sa.Text, nullable=False),
    Column("tier", sa.SmallInteger, nullable=False),
    Column("confidence", sa.Double, nullable=False),
    Column("disagreement", sa.Double, nullable=False),
    Column("volume_ratio", sa.Double, nullable=False),
    Column("entry_low", sa.Numeric, nullable=False),
    Column("entry_high", sa.Numeric, nullable=False),
    Column("stop_loss", sa.Numeric, nullable=False),
    Column("take_profit", sa.Numeric, nullable=False),
    Column("risk_reward", sa.Numeric, nullable=False),
    Column("position_size", sa.Numeric, nullable=False),
    Column("position_multiplier", sa.Numeric, nullable=False),
    Column("risk_amount", sa.Numeric, nullable=False),
    Column("equity", sa.Numeric),
    Column("reasoning", sa.Text, nullable=False),
    Column("status", sa.Text, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Column("executed_at", TIME),
    Column("order_link_id", sa.Text, nullable=False),
    Column("gates", JSONB, nullable=False),
    Column("lineage", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    UniqueConstraint("market", "coin", "slot"),
    UniqueConstraint("market", "order_link_id"),
    market(),
    coin(),
    on_the_grid("slot"),
    _mode(),
    _direction(),
    one_of("status", "ready", "paused", "expired", "executed"),
    one_of(
        "signal_type",
        "mean_reversion",
        "trend_following",
        "breakout",
        "sentiment_divergence",
        "liquidation_cascade",
    ),
    CheckConstraint("tier BETWEEN 1 AND 3", name="tier_known"),
    _share("confidence"),
    _share("disagreement"),
    finite("volume_ratio", ">= 0"),
    price("stop_loss"),
    price("entry_low"),
    price("entry_high"),
    price("take_profit"),
    CheckConstraint(
        "(direction = 'LONG' AND stop_loss < entry_low AND entry_low <= entry_high AND entry_high < take_profit) OR "
        "(direction = 'SHORT' AND take_profit < entry_low AND entry_low <= entry_high AND entry_high < stop_loss)",
        name="plan_is_on_the_right_sides",
    ),
    CheckConstraint(
        "position_multiplier IN (0, 0.5, 1) AND position_size >= 0 AND position_size < 'Infinity'::numeric "
        "AND (position_multiplier = 0) = (position_size = 0)",
        name="size_follows_the_light",
    ),
    CheckConstraint("position_multiplier = 0 OR (equity IS NOT NULL AND equity > 0)", name="sized_by_a_known_equity"),
    CheckConstraint("expires_at > slot", name="expires_after_its_slot"),
    CheckConstraint("mode = 'live' OR status = 'expired'", name="backfilled_is_expired"),
    CheckConstraint("order_link_id ~ '^[A-Za-z0-9_-]{1,36}$'", name="order_link_id_is_allowed"),
    CheckConstraint("(status = 'executed') <= (executed_at IS NOT NULL)", name="executed_has_a_time"),
    Index(None, "market", "slot"),
    Index("ix_signals_open", "market", "expires_at", postgresql_where=text("status IN ('ready', 'paused')")),
)

signal_outcomes = Table(
    "signal_outcomes",
    metadata,
    Column("market", sa.Text, primary_key=True),
    Column("coin", sa.Text, primary_key=True),
    Column("slot", TIME, primary_key=True),
    # What became of the plan; none where there was no plan. `unresolved` is not a loss.
    Column("outcome", sa.Text),
    Column("resolved_at", TIME),
    Column("r_multiple", sa.Double),
    Column("candles", sa.Integer),
    # What became of the event that the probabilities speak of; none while it is open or cannot be told.
    Column("event", sa.Text),
    Column("event_closed", sa.Boolean, nullable=False),
    Column("evaluated_at", TIME, nullable=False),
    market(),
    coin(),
    on_the_grid("slot"),
    one_of("outcome", "target", "stop", "timeout", "ambiguous", "unresolved"),
    one_of("event", "down", "flat", "up"),
    CheckConstraint(
        "(outcome IN ('target', 'stop', 'timeout')) <= (resolved_at IS NOT NULL AND r_multiple IS NOT NULL)",
        name="resolved_is_whole",
    ),
    finite("r_multiple"),
    Index(None, "market", "slot"),
    Index(
        "ix_signal_outcomes_open",
        "market",
        "slot",
        postgresql_where=text("outcome = 'unresolved' OR NOT event_closed"),
    ),
)
