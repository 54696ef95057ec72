"""Candles, predictions, signals and their outcomes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "candles",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("open_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=False),
        sa.Column("revisions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_candles_coin_is_a_coin")),
        sa.CheckConstraint(
            "high > '-Infinity'::float8 AND high < 'Infinity'::float8", name=op.f("ck_candles_high_is_finite")
        ),
        sa.CheckConstraint(
            "low > '-Infinity'::float8 AND low < 'Infinity'::float8 AND low > 0", name=op.f("ck_candles_low_is_finite")
        ),
        sa.CheckConstraint(
            "market IN ('simulated', 'bybit', 'bybit_testnet', 'replay')", name=op.f("ck_candles_market_known")
        ),
        sa.CheckConstraint(
            "volume > '-Infinity'::float8 AND volume < 'Infinity'::float8 AND volume >= 0",
            name=op.f("ck_candles_volume_is_finite"),
        ),
        sa.CheckConstraint(
            "low <= open AND low <= close AND high >= open AND high >= close",
            name=op.f("ck_candles_candle_is_possible"),
        ),
        sa.CheckConstraint(
            "mod(extract(epoch FROM open_time), 900) = 0", name=op.f("ck_candles_open_time_on_the_grid")
        ),
        sa.PrimaryKeyConstraint("market", "coin", "open_time", name=op.f("pk_candles")),
    )
    op.create_index(op.f("ix_candles_market_open_time"), "candles", ["market", "open_time"], unique=False)
    op.create_table(
        "ensembles",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("manifest", postgresql.JSONB(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("hash ~ '^[0-9a-f]{64}$'", name=op.f("ck_ensembles_hash_is_a_digest")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_ensembles")),
    )
    op.create_table(
        "instruments",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("tick_size", sa.Numeric(), nullable=False),
        sa.Column("qty_step", sa.Numeric(), nullable=False),
        sa.Column("min_qty", sa.Numeric(), nullable=False),
        sa.Column("max_qty", sa.Numeric(), nullable=False),
        sa.Column("min_notional", sa.Numeric(), nullable=False),
        sa.Column("max_leverage", sa.Numeric(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_instruments_coin_is_a_coin")),
        sa.CheckConstraint(
            "market IN ('simulated', 'bybit', 'bybit_testnet', 'replay')", name=op.f("ck_instruments_market_known")
        ),
        sa.CheckConstraint(
            "max_qty > 0 AND max_qty < 'Infinity'::numeric", name=op.f("ck_instruments_max_qty_is_a_price")
        ),
        sa.CheckConstraint(
            "qty_step > 0 AND qty_step < 'Infinity'::numeric", name=op.f("ck_instruments_qty_step_is_a_price")
        ),
        sa.CheckConstraint(
            "tick_size > 0 AND tick_size < 'Infinity'::numeric", name=op.f("ck_instruments_tick_size_is_a_price")
        ),
        sa.CheckConstraint(
            "min_qty >= 0 AND min_notional >= 0 AND min_qty <= max_qty", name=op.f("ck_instruments_minima_are_possible")
        ),
        sa.PrimaryKeyConstraint("market", "coin", name=op.f("pk_instruments")),
    )
    op.create_table(
        "positioning",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("funding_rate", sa.Double(), nullable=True),
        sa.Column("open_interest", sa.Double(), nullable=True),
        sa.Column("long_short_ratio", sa.Double(), nullable=True),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_positioning_coin_is_a_coin")),
        sa.CheckConstraint(
            "funding_rate > '-Infinity'::float8 AND funding_rate < 'Infinity'::float8",
            name=op.f("ck_positioning_funding_rate_is_finite"),
        ),
        sa.CheckConstraint(
            "long_short_ratio > '-Infinity'::float8 AND long_short_ratio < 'Infinity'::float8 AND long_short_ratio >= 0",
            name=op.f("ck_positioning_long_short_ratio_is_finite"),
        ),
        sa.CheckConstraint(
            "market IN ('simulated', 'bybit', 'bybit_testnet', 'replay')", name=op.f("ck_positioning_market_known")
        ),
        sa.CheckConstraint(
            "open_interest > '-Infinity'::float8 AND open_interest < 'Infinity'::float8 AND open_interest >= 0",
            name=op.f("ck_positioning_open_interest_is_finite"),
        ),
        sa.PrimaryKeyConstraint("market", "coin", "time", name=op.f("pk_positioning")),
    )
    op.create_table(
        "signal_candidates",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gate", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("gate_value", sa.Double(), nullable=True),
        sa.Column("gate_threshold", sa.Double(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=True),
        sa.Column("signal_type", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("volume_ratio", sa.Double(), nullable=True),
        sa.Column("entry_low", sa.Double(), nullable=True),
        sa.Column("entry_high", sa.Double(), nullable=True),
        sa.Column("stop_loss", sa.Double(), nullable=True),
        sa.Column("take_profit", sa.Double(), nullable=True),
        sa.Column("risk_reward", sa.Double(), nullable=True),
        sa.Column("atr", sa.Double(), nullable=True),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_signal_candidates_coin_is_a_coin")),
        sa.CheckConstraint("direction IN ('LONG', 'SHORT')", name=op.f("ck_signal_candidates_direction_known")),
        sa.CheckConstraint(
            "gate IN ('data', 'model', 'direction', 'confidence', 'volume', 'plan', 'risk_reward', 'size', 'open_signal', 'daily_limit')",
            name=op.f("ck_signal_candidates_gate_known"),
        ),
        sa.CheckConstraint(
            "market IN ('simulated', 'bybit', 'bybit_testnet', 'replay')",
            name=op.f("ck_signal_candidates_market_known"),
        ),
        sa.CheckConstraint("mode IN ('live', 'backfill')", name=op.f("ck_signal_candidates_mode_known")),
        sa.CheckConstraint(
            "stop_loss IS NULL OR (direction = 'LONG' AND stop_loss < entry_low AND entry_low <= entry_high AND entry_high < take_profit) OR (direction = 'SHORT' AND take_profit < entry_low AND entry_low <= entry_high AND entry_high < stop_loss)",
            name=op.f("ck_signal_candidates_plan_is_on_the_right_sides"),
        ),
        sa.CheckConstraint(
            "confidence >= 0 AND confidence <= 1", name=op.f("ck_signal_candidates_confidence_is_a_share")
        ),
        sa.CheckConstraint(
            "mod(extract(epoch FROM slot), 900) = 0", name=op.f("ck_signal_candidates_slot_on_the_grid")
        ),
        sa.PrimaryKeyConstraint("market", "coin", "slot", name=op.f("pk_signal_candidates")),
    )
    op.create_index(op.f("ix_signal_candidates_market_slot"), "signal_candidates", ["market", "slot"], unique=False)
    op.create_table(
        "signal_outcomes",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("r_multiple", sa.Double(), nullable=True),
        sa.Column("candles", sa.Integer(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("event_closed", sa.Boolean(), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(outcome IN ('target', 'stop', 'timeout')) <= (resolved_at IS NOT NULL AND r_multiple IS NOT NULL)",
            name=op.f("ck_signal_outcomes_resolved_is_whole"),
        ),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_signal_outcomes_coin_is_a_coin")),
        sa.CheckConstraint("event IN ('down', 'flat', 'up')", name=op.f("ck_signal_outcomes_event_known")),
        sa.CheckConstraint(
            "market IN ('simulated', 'bybit', 'bybit_testnet', 'replay')", name=op.f("ck_signal_outcomes_market_known")
        ),
        sa.CheckConstraint(
            "outcome IN ('target', 'stop', 'timeout', 'ambiguous', 'unresolved')",
            name=op.f("ck_signal_outcomes_outcome_known"),
        ),
        sa.CheckConstraint(
            "r_multiple > '-Infinity'::float8 AND r_multiple < 'Infinity'::float8",
            name=op.f("ck_signal_outcomes_r_multiple_is_finite"),
        ),
        sa.CheckConstraint("mod(extract(epoch FROM slot), 900) = 0", name=op.f("ck_signal_outcomes_slot_on_the_grid")),
        sa.PrimaryKeyConstraint("market", "coin", "slot", name=op.f("pk_signal_outcomes")),
    )
    op.create_index(op.f("ix_signal_outcomes_market_slot"), "signal_outcomes", ["market", "slot"], unique=False)
    op.create_index(
        "ix_signal_outcomes_open",
        "signal_outcomes",
        ["market", "slot"],
        unique=False,
        postgresql_where=sa.text("outcome = 'unresolved' OR NOT event_closed"),
    )
    op.create_table(
        "signals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signal_type", sa.String(length=20), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("tier", sa.SmallInteger(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("disagreement", sa.Double(), nullable=False),
        sa.Column("volume_ratio", sa.Double(), nullable=False),
        sa.Column("entry_low", sa.Numeric(), nullable=False),
        sa.Column("entry_high", sa.Numeric(), nullable=False),
        sa.Column("stop_loss", sa.Numeric(), nullable=False),
        sa.Column("take_profit", sa.Numeric(), nullable=False),
        sa.Column("risk_reward", sa.Numeric(), nullable=False),
        sa.Column("position_size", sa.Numeric(), nullable=False),
        sa.Column("position_multiplier", sa.Numeric(), nullable=False),
        sa.Column("risk_amount", sa.Numeric(), nullable=False),
        sa.Column("equity", sa.Numeric(), nullable=True),
        sa.Column("reasoning", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("executed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_link_id", sa.Text(), nullable=False),
        sa.Column("gates", postgresql.JSONB(), nullable=False),
        sa.Column("lineage", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.CheckConstraint(
            "(direction = 'LONG' AND stop_loss < entry_low AND entry_low <= entry_high AND entry_high < take_profit) OR (direction = 'SHORT' AND take_profit < entry_low AND entry_low <= entry_high AND entry_high < stop_loss)",
            name=op.f("ck_signals_plan_is_on_the_right_sides"),
        ),
        sa.CheckConstraint(
            "(status = 'executed') <= (executed_at IS NOT NULL)", name=op.f("ck_signals_executed_has_a_time")
        ),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_signals_coin_is_a_coin")),
        sa.CheckConstraint("direction IN ('LONG', 'SHORT')", name=op.f("ck_signals_direction_known")),
        sa.CheckConstraint(
            "entry_high > 0 AND entry_high < 'Infinity'::numeric", name=op.f("ck_signals_entry_high_is_a_price")
        ),
        sa.CheckConstraint(
            "entry_low > 0 AND entry_low < 'Infinity'::numeric", name=op.f("ck_signals_entry_low_is_a_price")
        ),
        sa.CheckConstraint(
            "market IN ('simulated', 'bybit', 'bybit_testnet', 'replay')", name=op.f("ck_signals_market_known")
        ),
        sa.CheckConstraint("mode = 'live' OR status = 'expired'", name=op.f("ck_signals_backfilled_is_expired")),
        sa.CheckConstraint("mode IN ('live', 'backfill')", name=op.f("ck_signals_mode_known")),
        sa.CheckConstraint("order_link_id ~ '^[A-Za-z0-9_-]{1,36}$'", name=op.f("ck_signals_order_link_id_is_allowed")),
        sa.CheckConstraint(
            "position_multiplier IN (0, 0.5, 1) AND position_size >= 0 AND position_size < 'Infinity'::numeric AND (position_multiplier = 0) = (position_size = 0)",
            name=op.f("ck_signals_size_follows_the_light"),
        ),
        sa.CheckConstraint(
            "signal_type IN ('mean_reversion', 'trend_following', 'breakout', 'sentiment_divergence', 'liquidation_cascade')",
            name=op.f("ck_signals_signal_type_known"),
        ),
        sa.CheckConstraint(
            "status IN ('ready', 'paused', 'expired', 'executed')", name=op.f("ck_signals_status_known")
        ),
        sa.CheckConstraint(
            "stop_loss > 0 AND stop_loss < 'Infinity'::numeric", name=op.f("ck_signals_stop_loss_is_a_price")
        ),
        sa.CheckConstraint(
            "take_profit > 0 AND take_profit < 'Infinity'::numeric", name=op.f("ck_signals_take_profit_is_a_price")
        ),
        sa.CheckConstraint(
            "volume_ratio > '-Infinity'::float8 AND volume_ratio < 'Infinity'::float8 AND volume_ratio >= 0",
            name=op.f("ck_signals_volume_ratio_is_finite"),
        ),
        sa.CheckConstraint("confidence >= 0 AND confidence <= 1", name=op.f("ck_signals_confidence_is_a_share")),
        sa.CheckConstraint("disagreement >= 0 AND disagreement <= 1", name=op.f("ck_signals_disagreement_is_a_share")),
        sa.CheckConstraint("expires_at > slot", name=op.f("ck_signals_expires_after_its_slot")),
        sa.CheckConstraint("mod(extract(epoch FROM slot), 900) = 0", name=op.f("ck_signals_slot_on_the_grid")),
        sa.CheckConstraint(
            "position_multiplier = 0 OR (equity IS NOT NULL AND equity > 0)",
            name=op.f("ck_signals_sized_by_a_known_equity"),
        ),
        sa.CheckConstraint("tier BETWEEN 1 AND 3", name=op.f("ck_signals_tier_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
        sa.UniqueConstraint("market", "coin", "slot", name=op.f("uq_signals_market_coin_slot")),
        sa.UniqueConstraint("market", "order_link_id", name=op.f("uq_signals_market_order_link_id")),
    )
    op.create_index(op.f("ix_signals_market_slot"), "signals", ["market", "slot"], unique=False)
    op.create_index(
        "ix_signals_open",
        "signals",
        ["market", "expires_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('ready', 'paused')"),
    )
    op.create_table(
        "predictions",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ensemble_hash", sa.Text(), nullable=False),
        sa.Column("feature_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("p_down", sa.Double(), nullable=False),
        sa.Column("p_flat", sa.Double(), nullable=False),
        sa.Column("p_up", sa.Double(), nullable=False),
        sa.Column("probabilities", postgresql.ARRAY(sa.REAL(), dimensions=1), nullable=False),
        sa.Column("disagreement", sa.Double(), nullable=False),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_predictions_coin_is_a_coin")),
        sa.CheckConstraint(
            "market IN ('simulated', 'bybit', 'bybit_testnet', 'replay')", name=op.f("ck_predictions_market_known")
        ),
        sa.CheckConstraint("mode IN ('live', 'backfill')", name=op.f("ck_predictions_mode_known")),
        sa.CheckConstraint(
            "abs(p_down + p_flat + p_up - 1) < 0.002", name=op.f("ck_predictions_probabilities_sum_to_one")
        ),
        sa.CheckConstraint(
            "disagreement >= 0 AND disagreement <= 1", name=op.f("ck_predictions_disagreement_is_a_share")
        ),
        sa.CheckConstraint("mod(extract(epoch FROM slot), 900) = 0", name=op.f("ck_predictions_slot_on_the_grid")),
        sa.CheckConstraint("p_down >= 0 AND p_down <= 1", name=op.f("ck_predictions_p_down_is_a_share")),
        sa.CheckConstraint("p_flat >= 0 AND p_flat <= 1", name=op.f("ck_predictions_p_flat_is_a_share")),
        sa.CheckConstraint("p_up >= 0 AND p_up <= 1", name=op.f("ck_predictions_p_up_is_a_share")),
        sa.ForeignKeyConstraint(["ensemble_hash"], ["ensembles.hash"], name=op.f("fk_predictions_ensemble_hash")),
        sa.PrimaryKeyConstraint("market", "coin", "slot", name=op.f("pk_predictions")),
    )
    op.create_index(op.f("ix_predictions_market_slot"), "predictions", ["market", "slot"], unique=False)
