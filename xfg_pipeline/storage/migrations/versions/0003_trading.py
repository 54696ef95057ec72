"""Accounts, trades, metrics and the traffic light."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "account_closings",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("entry_price", sa.Numeric(), nullable=False),
        sa.Column("exit_price", sa.Numeric(), nullable=False),
        sa.Column("entry_value", sa.Numeric(), nullable=False),
        sa.Column("exit_value", sa.Numeric(), nullable=False),
        sa.Column("pnl", sa.Numeric(), nullable=False),
        sa.Column("open_fee", sa.Numeric(), nullable=True),
        sa.Column("close_fee", sa.Numeric(), nullable=True),
        sa.Column("leverage", sa.Numeric(), nullable=True),
        sa.Column("exec_type", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("realised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_account_closings_account_known"),
        ),
        sa.CheckConstraint(
            "close_fee > '-Infinity'::numeric AND close_fee < 'Infinity'::numeric",
            name=op.f("ck_account_closings_close_fee_is_finite"),
        ),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_account_closings_coin_is_a_coin")),
        sa.CheckConstraint(
            "entry_price > 0 AND entry_price < 'Infinity'::numeric",
            name=op.f("ck_account_closings_entry_price_is_a_price"),
        ),
        sa.CheckConstraint(
            "entry_value > '-Infinity'::numeric AND entry_value < 'Infinity'::numeric AND entry_value >= 0",
            name=op.f("ck_account_closings_entry_value_is_finite"),
        ),
        sa.CheckConstraint(
            "exit_price > 0 AND exit_price < 'Infinity'::numeric",
            name=op.f("ck_account_closings_exit_price_is_a_price"),
        ),
        sa.CheckConstraint(
            "exit_value > '-Infinity'::numeric AND exit_value < 'Infinity'::numeric AND exit_value >= 0",
            name=op.f("ck_account_closings_exit_value_is_finite"),
        ),
        sa.CheckConstraint(
            "open_fee > '-Infinity'::numeric AND open_fee < 'Infinity'::numeric",
            name=op.f("ck_account_closings_open_fee_is_finite"),
        ),
        sa.CheckConstraint(
            "pnl > '-Infinity'::numeric AND pnl < 'Infinity'::numeric", name=op.f("ck_account_closings_pnl_is_finite")
        ),
        sa.CheckConstraint(
            "quantity > '-Infinity'::numeric AND quantity < 'Infinity'::numeric AND quantity > 0",
            name=op.f("ck_account_closings_quantity_is_finite"),
        ),
        sa.CheckConstraint("side IN ('Buy', 'Sell')", name=op.f("ck_account_closings_side_known")),
        sa.PrimaryKeyConstraint("account", "order_id", name=op.f("pk_account_closings")),
    )
    op.create_index(
        op.f("ix_account_closings_account_coin_updated_at"),
        "account_closings",
        ["account", "coin", "updated_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_account_closings_account_realised_at"), "account_closings", ["account", "realised_at"], unique=False
    )
    op.create_index(
        op.f("ix_account_closings_account_recorded_at"), "account_closings", ["account", "recorded_at"], unique=False
    )
    op.create_index(
        op.f("ix_account_closings_account_updated_at"), "account_closings", ["account", "updated_at"], unique=False
    )
    op.create_table(
        "account_equity",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("equity", sa.Numeric(), nullable=False),
        sa.Column("wallet_balance", sa.Numeric(), nullable=False),
        sa.Column("available", sa.Numeric(), nullable=True),
        sa.Column("unrealised", sa.Numeric(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_account_equity_account_known"),
        ),
        sa.CheckConstraint(
            "equity > '-Infinity'::numeric AND equity < 'Infinity'::numeric",
            name=op.f("ck_account_equity_equity_is_finite"),
        ),
        sa.CheckConstraint("source IN ('account', 'opening')", name=op.f("ck_account_equity_source_known")),
        sa.CheckConstraint(
            "wallet_balance > '-Infinity'::numeric AND wallet_balance < 'Infinity'::numeric",
            name=op.f("ck_account_equity_wallet_balance_is_finite"),
        ),
        sa.PrimaryKeyConstraint("account", "at", name=op.f("pk_account_equity")),
    )
    op.create_table(
        "account_executions",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("exec_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("fee", sa.Numeric(), nullable=False),
        sa.Column("closed_quantity", sa.Numeric(), nullable=False),
        sa.Column("create_type", sa.Text(), nullable=False),
        sa.Column("stop_order_type", sa.Text(), nullable=False),
        sa.Column("is_maker", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_account_executions_account_known"),
        ),
        sa.CheckConstraint(
            "closed_quantity > '-Infinity'::numeric AND closed_quantity < 'Infinity'::numeric AND closed_quantity >= 0",
            name=op.f("ck_account_executions_closed_quantity_is_finite"),
        ),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_account_executions_coin_is_a_coin")),
        sa.CheckConstraint(
            "fee > '-Infinity'::numeric AND fee < 'Infinity'::numeric", name=op.f("ck_account_executions_fee_is_finite")
        ),
        sa.CheckConstraint(
            "price > 0 AND price < 'Infinity'::numeric", name=op.f("ck_account_executions_price_is_a_price")
        ),
        sa.CheckConstraint(
            "quantity > '-Infinity'::numeric AND quantity < 'Infinity'::numeric AND quantity > 0",
            name=op.f("ck_account_executions_quantity_is_finite"),
        ),
        sa.CheckConstraint("side IN ('Buy', 'Sell')", name=op.f("ck_account_executions_side_known")),
        sa.CheckConstraint("closed_quantity <= quantity", name=op.f("ck_account_executions_closes_at_most_itself")),
        sa.PrimaryKeyConstraint("account", "exec_id", name=op.f("pk_account_executions")),
    )
    op.create_index(
        op.f("ix_account_executions_account_coin_at"), "account_executions", ["account", "coin", "at"], unique=False
    )
    op.create_index(
        op.f("ix_account_executions_account_order_id"), "account_executions", ["account", "order_id"], unique=False
    )
    op.create_index(
        op.f("ix_account_executions_account_recorded_at"),
        "account_executions",
        ["account", "recorded_at"],
        unique=False,
    )
    op.create_table(
        "account_orders",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.Column("parent_link_id", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("order_type", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=True),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("average_price", sa.Numeric(), nullable=True),
        sa.Column("filled_quantity", sa.Numeric(), nullable=False),
        sa.Column("create_type", sa.Text(), nullable=False),
        sa.Column("stop_order_type", sa.Text(), nullable=False),
        sa.Column("cancel_type", sa.Text(), nullable=False),
        sa.Column("reject_reason", sa.Text(), nullable=False),
        sa.Column("take_profit", sa.Numeric(), nullable=True),
        sa.Column("stop_loss", sa.Numeric(), nullable=True),
        sa.Column("trigger_price", sa.Numeric(), nullable=True),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("close_on_trigger", sa.Boolean(), nullable=False),
        sa.Column("position_index", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_account_orders_account_known"),
        ),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_account_orders_coin_is_a_coin")),
        sa.CheckConstraint(
            "filled_quantity > '-Infinity'::numeric AND filled_quantity < 'Infinity'::numeric AND filled_quantity >= 0",
            name=op.f("ck_account_orders_filled_quantity_is_finite"),
        ),
        sa.CheckConstraint(
            "quantity > '-Infinity'::numeric AND quantity < 'Infinity'::numeric AND quantity >= 0",
            name=op.f("ck_account_orders_quantity_is_finite"),
        ),
        sa.CheckConstraint("side IN ('Buy', 'Sell')", name=op.f("ck_account_orders_side_known")),
        sa.PrimaryKeyConstraint("account", "order_id", name=op.f("pk_account_orders")),
    )
    op.create_index(
        op.f("ix_account_orders_account_coin_created_at"),
        "account_orders",
        ["account", "coin", "created_at"],
        unique=False,
    )
    op.create_index(op.f("ix_account_orders_account_link_id"), "account_orders", ["account", "link_id"], unique=False)
    op.create_index(
        op.f("ix_account_orders_account_recorded_at"), "account_orders", ["account", "recorded_at"], unique=False
    )
    op.create_table(
        "account_positions",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("position_index", sa.SmallInteger(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("entry_price", sa.Numeric(), nullable=False),
        sa.Column("mark_price", sa.Numeric(), nullable=True),
        sa.Column("liquidation_price", sa.Numeric(), nullable=True),
        sa.Column("leverage", sa.Numeric(), nullable=True),
        sa.Column("take_profit", sa.Numeric(), nullable=True),
        sa.Column("stop_loss", sa.Numeric(), nullable=True),
        sa.Column("unrealised_pnl", sa.Numeric(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_account_positions_account_known"),
        ),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_account_positions_coin_is_a_coin")),
        sa.CheckConstraint(
            "entry_price > 0 AND entry_price < 'Infinity'::numeric",
            name=op.f("ck_account_positions_entry_price_is_a_price"),
        ),
        sa.CheckConstraint(
            "quantity > '-Infinity'::numeric AND quantity < 'Infinity'::numeric AND quantity > 0",
            name=op.f("ck_account_positions_quantity_is_finite"),
        ),
        sa.CheckConstraint("side IN ('Buy', 'Sell')", name=op.f("ck_account_positions_side_known")),
        sa.PrimaryKeyConstraint("account", "coin", "side", name=op.f("pk_account_positions")),
    )
    op.create_table(
        "account_refusals",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_account_refusals_account_known"),
        ),
        sa.CheckConstraint("kind IN ('closings', 'executions', 'orders')", name=op.f("ck_account_refusals_kind_known")),
        sa.PrimaryKeyConstraint("account", "digest", name=op.f("pk_account_refusals")),
    )
    op.create_table(
        "account_sync",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("complete_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("problem_kind", sa.Text(), nullable=True),
        sa.Column(
            "facts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_account_sync_account_known"),
        ),
        sa.CheckConstraint(
            "kind IN ('closings', 'executions', 'orders', 'state')", name=op.f("ck_account_sync_kind_known")
        ),
        sa.CheckConstraint(
            "problem_kind IN ('unavailable', 'malformed', 'key', 'incomplete')",
            name=op.f("ck_account_sync_problem_kind_known"),
        ),
        sa.PrimaryKeyConstraint("account", "kind", name=op.f("pk_account_sync")),
    )
    op.create_table(
        "coin_performance",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("snapshot_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("tier", sa.SmallInteger(), nullable=False),
        sa.Column("trades", sa.Integer(), nullable=False),
        sa.Column("wins", sa.Integer(), nullable=False),
        sa.Column("win_rate", sa.Numeric(), nullable=True),
        sa.Column("win_rate_low", sa.Numeric(), nullable=True),
        sa.Column("win_rate_high", sa.Numeric(), nullable=True),
        sa.Column("pnl", sa.Numeric(), nullable=True),
        sa.Column("profit_factor", sa.Numeric(), nullable=True),
        sa.Column("expectancy_r", sa.Numeric(), nullable=True),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_coin_performance_account_known"),
        ),
        sa.CheckConstraint("mode IN ('live', 'backfill')", name=op.f("ck_coin_performance_mode_known")),
        sa.CheckConstraint("period IN ('last_20', 'week', 'month')", name=op.f("ck_coin_performance_period_known")),
        sa.CheckConstraint(
            "pnl > '-Infinity'::numeric AND pnl < 'Infinity'::numeric", name=op.f("ck_coin_performance_pnl_is_finite")
        ),
        sa.CheckConstraint("win_rate >= 0 AND win_rate <= 1", name=op.f("ck_coin_performance_win_rate_is_a_share")),
        sa.CheckConstraint("wins >= 0 AND wins <= trades", name=op.f("ck_coin_performance_wins_are_trades")),
        sa.PrimaryKeyConstraint("account", "snapshot_time", "coin", "period", "mode", name=op.f("pk_coin_performance")),
    )
    op.create_table(
        "controller_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_controller_actions_account_known"),
        ),
        sa.CheckConstraint("action IN ('pause', 'acknowledge')", name=op.f("ck_controller_actions_action_known")),
        sa.CheckConstraint(
            "length(who) BETWEEN 1 AND 64 AND length(reason) BETWEEN 1 AND 500",
            name=op.f("ck_controller_actions_is_signed"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_controller_actions")),
    )
    op.create_index(op.f("ix_controller_actions_account_at"), "controller_actions", ["account", "at"], unique=False)
    op.create_table(
        "controller_status",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("position_multiplier", sa.Numeric(), nullable=False),
        sa.Column("triggered_by", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("triggers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("literal_status", sa.Text(), nullable=False),
        sa.Column("gated_status", sa.Text(), nullable=False),
        sa.Column("lights", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("health", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("metrics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("thresholds", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(status = 'green') = (triggered_by IS NULL)", name=op.f("ck_controller_status_says_what_triggered_it")
        ),
        sa.CheckConstraint(
            "(status = 'red' AND position_multiplier = 0) OR (status = 'yellow' AND position_multiplier = 0.5) OR (status = 'green' AND position_multiplier = 1)",
            name=op.f("ck_controller_status_multiplier_follows_status"),
        ),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_controller_status_account_known"),
        ),
        sa.CheckConstraint(
            "cause IN ('slot', 'trade', 'hour', 'pause', 'acknowledge')", name=op.f("ck_controller_status_cause_known")
        ),
        sa.CheckConstraint("evidence IN ('literal', 'gated')", name=op.f("ck_controller_status_evidence_known")),
        sa.CheckConstraint(
            "gated_status IN ('green', 'yellow', 'red')", name=op.f("ck_controller_status_gated_status_known")
        ),
        sa.CheckConstraint(
            "literal_status IN ('green', 'yellow', 'red')", name=op.f("ck_controller_status_literal_status_known")
        ),
        sa.CheckConstraint("mode IN ('live', 'backfill')", name=op.f("ck_controller_status_mode_known")),
        sa.CheckConstraint("status IN ('green', 'yellow', 'red')", name=op.f("ck_controller_status_status_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_controller_status")),
        sa.UniqueConstraint(
            "account", "timestamp", "cause", "mode", name=op.f("uq_controller_status_account_timestamp_cause_mode")
        ),
    )
    op.create_index(
        op.f("ix_controller_status_account_timestamp"), "controller_status", ["account", "timestamp"], unique=False
    )
    op.create_table(
        "market_regime",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("volatility", sa.Double(), nullable=True),
        sa.Column("baseline", sa.Double(), nullable=True),
        sa.Column("baseline_days", sa.Integer(), nullable=False),
        sa.Column("ratio", sa.Double(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "baseline > '-Infinity'::float8 AND baseline < 'Infinity'::float8 AND baseline >= 0",
            name=op.f("ck_market_regime_baseline_is_finite"),
        ),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_market_regime_coin_is_a_coin")),
        sa.CheckConstraint(
            "market IN ('simulated', 'bybit', 'bybit_testnet', 'replay')", name=op.f("ck_market_regime_market_known")
        ),
        sa.CheckConstraint(
            "ratio > '-Infinity'::float8 AND ratio < 'Infinity'::float8 AND ratio >= 0",
            name=op.f("ck_market_regime_ratio_is_finite"),
        ),
        sa.CheckConstraint(
            "volatility > '-Infinity'::float8 AND volatility < 'Infinity'::float8 AND volatility >= 0",
            name=op.f("ck_market_regime_volatility_is_finite"),
        ),
        sa.CheckConstraint("mod(extract(epoch FROM slot), 900) = 0", name=op.f("ck_market_regime_slot_on_the_grid")),
        sa.PrimaryKeyConstraint("market", "coin", "slot", name=op.f("pk_market_regime")),
    )
    op.create_index(op.f("ix_market_regime_market_slot"), "market_regime", ["market", "slot"], unique=False)
    op.create_table(
        "paper_accounts",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("starting_equity", sa.Numeric(), nullable=False),
        sa.Column("advanced_to", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_paper_accounts_account_known"),
        ),
        sa.CheckConstraint(
            "starting_equity > '-Infinity'::numeric AND starting_equity < 'Infinity'::numeric AND starting_equity > 0",
            name=op.f("ck_paper_accounts_starting_equity_is_finite"),
        ),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_paper_accounts")),
    )
    op.create_table(
        "paper_closings",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_paper_closings_account_known"),
        ),
        sa.PrimaryKeyConstraint("account", "order_id", name=op.f("pk_paper_closings")),
    )
    op.create_index(
        op.f("ix_paper_closings_account_updated_at"), "paper_closings", ["account", "updated_at"], unique=False
    )
    op.create_table(
        "paper_executions",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("exec_id", sa.Text(), nullable=False),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_paper_executions_account_known"),
        ),
        sa.PrimaryKeyConstraint("account", "exec_id", name=op.f("pk_paper_executions")),
    )
    op.create_index(op.f("ix_paper_executions_account_at"), "paper_executions", ["account", "at"], unique=False)
    op.create_table(
        "paper_orders",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_working", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_paper_orders_account_known"),
        ),
        sa.PrimaryKeyConstraint("account", "order_id", name=op.f("pk_paper_orders")),
        sa.UniqueConstraint("account", "link_id", name=op.f("uq_paper_orders_account_link_id")),
    )
    op.create_index(op.f("ix_paper_orders_account_created_at"), "paper_orders", ["account", "created_at"], unique=False)
    op.create_index(
        "ix_paper_orders_working", "paper_orders", ["account"], unique=False, postgresql_where=sa.text("is_working")
    )
    op.create_table(
        "performance_snapshots",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("snapshot_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("win_rate_last_20", sa.Numeric(), nullable=True),
        sa.Column("win_rate_low", sa.Numeric(), nullable=True),
        sa.Column("win_rate_high", sa.Numeric(), nullable=True),
        sa.Column("daily_pnl", sa.Numeric(), nullable=True),
        sa.Column("weekly_pnl", sa.Numeric(), nullable=True),
        sa.Column("monthly_pnl", sa.Numeric(), nullable=True),
        sa.Column("pnl_24h", sa.Numeric(), nullable=True),
        sa.Column("daily_pnl_share", sa.Numeric(), nullable=True),
        sa.Column("weekly_pnl_share", sa.Numeric(), nullable=True),
        sa.Column("monthly_pnl_share", sa.Numeric(), nullable=True),
        sa.Column("pnl_24h_share", sa.Numeric(), nullable=True),
        sa.Column("sharpe_ratio", sa.Numeric(), nullable=True),
        sa.Column("sharpe_per_trade", sa.Numeric(), nullable=True),
        sa.Column("max_drawdown", sa.Numeric(), nullable=True),
        sa.Column("ece", sa.Numeric(), nullable=True),
        sa.Column("brier", sa.Numeric(), nullable=True),
        sa.Column("log_loss", sa.Numeric(), nullable=True),
        sa.Column("profit_factor", sa.Numeric(), nullable=True),
        sa.Column("expectancy_r", sa.Numeric(), nullable=True),
        sa.Column("consecutive_losses", sa.Integer(), nullable=False),
        sa.Column("total_trades", sa.Integer(), nullable=False),
        sa.Column("equity", sa.Numeric(), nullable=True),
        sa.Column("event_ece", sa.Numeric(), nullable=True),
        sa.Column("event_brier", sa.Numeric(), nullable=True),
        sa.Column("event_n", sa.Integer(), server_default="0", nullable=False),
        sa.Column("samples", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_performance_snapshots_account_known"),
        ),
        sa.CheckConstraint("cause IN ('hour', 'trade')", name=op.f("ck_performance_snapshots_cause_known")),
        sa.CheckConstraint(
            "daily_pnl > '-Infinity'::numeric AND daily_pnl < 'Infinity'::numeric",
            name=op.f("ck_performance_snapshots_daily_pnl_is_finite"),
        ),
        sa.CheckConstraint(
            "max_drawdown >= 0 AND max_drawdown < 'Infinity'::numeric",
            name=op.f("ck_performance_snapshots_max_drawdown_is_finite"),
        ),
        sa.CheckConstraint("mode IN ('live', 'backfill')", name=op.f("ck_performance_snapshots_mode_known")),
        sa.CheckConstraint(
            "profit_factor > '-Infinity'::numeric AND profit_factor < 'Infinity'::numeric AND profit_factor >= 0",
            name=op.f("ck_performance_snapshots_profit_factor_is_finite"),
        ),
        sa.CheckConstraint(
            "sharpe_ratio > '-Infinity'::numeric AND sharpe_ratio < 'Infinity'::numeric",
            name=op.f("ck_performance_snapshots_sharpe_ratio_is_finite"),
        ),
        sa.CheckConstraint("brier >= 0 AND brier <= 1", name=op.f("ck_performance_snapshots_brier_is_a_share")),
        sa.CheckConstraint(
            "consecutive_losses >= 0 AND total_trades >= consecutive_losses",
            name=op.f("ck_performance_snapshots_counts_are_possible"),
        ),
        sa.CheckConstraint("ece >= 0 AND ece <= 1", name=op.f("ck_performance_snapshots_ece_is_a_share")),
        sa.CheckConstraint(
            "event_ece >= 0 AND event_ece <= 1", name=op.f("ck_performance_snapshots_event_ece_is_a_share")
        ),
        sa.CheckConstraint(
            "win_rate_last_20 >= 0 AND win_rate_last_20 <= 1",
            name=op.f("ck_performance_snapshots_win_rate_last_20_is_a_share"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_performance_snapshots")),
        sa.UniqueConstraint(
            "account",
            "snapshot_time",
            "cause",
            "mode",
            name=op.f("uq_performance_snapshots_account_snapshot_time_cause_mode"),
        ),
    )
    op.create_index(
        op.f("ix_performance_snapshots_account_snapshot_time"),
        "performance_snapshots",
        ["account", "snapshot_time"],
        unique=False,
    )
    op.create_table(
        "performance_states",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_performance_states_account_known"),
        ),
        sa.PrimaryKeyConstraint("account", "at", name=op.f("pk_performance_states")),
    )
    op.create_table(
        "reconciliations",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("our_pnl", sa.Numeric(), nullable=False),
        sa.Column("exchange_pnl", sa.Numeric(), nullable=False),
        sa.Column("difference", sa.Numeric(), nullable=False),
        sa.Column("our_closings", sa.Integer(), nullable=False),
        sa.Column("exchange_closings", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_reconciliations_account_known"),
        ),
        sa.CheckConstraint(
            "difference = our_pnl - exchange_pnl", name=op.f("ck_reconciliations_difference_is_ours_less_theirs")
        ),
        sa.PrimaryKeyConstraint("account", "day", name=op.f("pk_reconciliations")),
    )
    op.create_table(
        "signal_type_performance",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("snapshot_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signal_type", sa.String(length=20), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("is_failing", sa.Boolean(), nullable=True),
        sa.Column("trades", sa.Integer(), nullable=False),
        sa.Column("wins", sa.Integer(), nullable=False),
        sa.Column("win_rate", sa.Numeric(), nullable=True),
        sa.Column("win_rate_low", sa.Numeric(), nullable=True),
        sa.Column("win_rate_high", sa.Numeric(), nullable=True),
        sa.Column("pnl", sa.Numeric(), nullable=True),
        sa.Column("profit_factor", sa.Numeric(), nullable=True),
        sa.Column("expectancy_r", sa.Numeric(), nullable=True),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_signal_type_performance_account_known"),
        ),
        sa.CheckConstraint("mode IN ('live', 'backfill')", name=op.f("ck_signal_type_performance_mode_known")),
        sa.CheckConstraint(
            "period IN ('last_20', 'week', 'month')", name=op.f("ck_signal_type_performance_period_known")
        ),
        sa.CheckConstraint(
            "pnl > '-Infinity'::numeric AND pnl < 'Infinity'::numeric",
            name=op.f("ck_signal_type_performance_pnl_is_finite"),
        ),
        sa.CheckConstraint(
            "win_rate >= 0 AND win_rate <= 1", name=op.f("ck_signal_type_performance_win_rate_is_a_share")
        ),
        sa.CheckConstraint("wins >= 0 AND wins <= trades", name=op.f("ck_signal_type_performance_wins_are_trades")),
        sa.PrimaryKeyConstraint(
            "account", "snapshot_time", "signal_type", "period", "mode", name=op.f("pk_signal_type_performance")
        ),
    )
    op.create_table(
        "trades",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("episode", sa.Text(), nullable=False),
        sa.Column("signal_id", sa.BigInteger(), nullable=True),
        sa.Column("matched_by", sa.Text(), nullable=True),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("entry_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exit_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_price", sa.Numeric(), nullable=False),
        sa.Column("exit_price", sa.Numeric(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("pnl", sa.Numeric(), nullable=False),
        sa.Column("pnl_percent", sa.Numeric(), nullable=False),
        sa.Column("fees", sa.Numeric(), nullable=True),
        sa.Column("funding", sa.Numeric(), nullable=False),
        sa.Column("leverage", sa.Numeric(), nullable=True),
        sa.Column("stop_loss", sa.Numeric(), nullable=True),
        sa.Column("take_profit", sa.Numeric(), nullable=True),
        sa.Column("risk", sa.Numeric(), nullable=True),
        sa.Column("r_multiple", sa.Numeric(), nullable=True),
        sa.Column("mae", sa.Numeric(), nullable=True),
        sa.Column("mfe", sa.Numeric(), nullable=True),
        sa.Column("slippage", sa.Numeric(), nullable=True),
        sa.Column("exit_reason", sa.Text(), nullable=False),
        sa.Column("exit_evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("signal_type", sa.String(length=20), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("ensemble_hash", sa.Text(), nullable=True),
        sa.Column("order_link_id", sa.Text(), nullable=False),
        sa.Column("bybit_order_id", sa.Text(), nullable=False),
        sa.Column("order_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "account IN ('bybit', 'bybit_testnet', 'bybit_demo', 'paper_simulated', 'paper_replay', 'paper_bybit', 'paper_bybit_testnet')",
            name=op.f("ck_trades_account_known"),
        ),
        sa.CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name=op.f("ck_trades_coin_is_a_coin")),
        sa.CheckConstraint("direction IN ('LONG', 'SHORT')", name=op.f("ck_trades_direction_known")),
        sa.CheckConstraint(
            "entry_price > 0 AND entry_price < 'Infinity'::numeric", name=op.f("ck_trades_entry_price_is_a_price")
        ),
        sa.CheckConstraint(
            "exit_price > 0 AND exit_price < 'Infinity'::numeric", name=op.f("ck_trades_exit_price_is_a_price")
        ),
        sa.CheckConstraint(
            "exit_reason IN ('TP', 'SL', 'trailing', 'manual', 'timeout', 'liquidation', 'ADL', 'settlement', 'conditional', 'unknown')",
            name=op.f("ck_trades_exit_reason_known"),
        ),
        sa.CheckConstraint(
            "fees > '-Infinity'::numeric AND fees < 'Infinity'::numeric", name=op.f("ck_trades_fees_is_finite")
        ),
        sa.CheckConstraint(
            "funding > '-Infinity'::numeric AND funding < 'Infinity'::numeric", name=op.f("ck_trades_funding_is_finite")
        ),
        sa.CheckConstraint(
            "mae > '-Infinity'::numeric AND mae < 'Infinity'::numeric AND mae >= 0",
            name=op.f("ck_trades_mae_is_finite"),
        ),
        sa.CheckConstraint("matched_by IN ('link', 'zone')", name=op.f("ck_trades_matched_by_known")),
        sa.CheckConstraint(
            "mfe > '-Infinity'::numeric AND mfe < 'Infinity'::numeric AND mfe >= 0",
            name=op.f("ck_trades_mfe_is_finite"),
        ),
        sa.CheckConstraint(
            "pnl > '-Infinity'::numeric AND pnl < 'Infinity'::numeric", name=op.f("ck_trades_pnl_is_finite")
        ),
        sa.CheckConstraint(
            "quantity > '-Infinity'::numeric AND quantity < 'Infinity'::numeric AND quantity > 0",
            name=op.f("ck_trades_quantity_is_finite"),
        ),
        sa.CheckConstraint(
            "r_multiple > '-Infinity'::numeric AND r_multiple < 'Infinity'::numeric",
            name=op.f("ck_trades_r_multiple_is_finite"),
        ),
        sa.CheckConstraint(
            "risk > '-Infinity'::numeric AND risk < 'Infinity'::numeric AND risk > 0",
            name=op.f("ck_trades_risk_is_finite"),
        ),
        sa.CheckConstraint(
            "slippage > '-Infinity'::numeric AND slippage < 'Infinity'::numeric",
            name=op.f("ck_trades_slippage_is_finite"),
        ),
        sa.CheckConstraint("(signal_id IS NULL) >= (matched_by IS NULL)", name=op.f("ck_trades_matched_by_something")),
        sa.CheckConstraint("confidence >= 0 AND confidence <= 1", name=op.f("ck_trades_confidence_is_a_share")),
        sa.CheckConstraint("entry_time <= exit_time", name=op.f("ck_trades_opened_before_it_closed")),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_trades_signal_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trades")),
        sa.UniqueConstraint("account", "bybit_order_id", name=op.f("uq_trades_account_bybit_order_id")),
        sa.UniqueConstraint("account", "episode", name=op.f("uq_trades_account_episode")),
    )
    op.create_index(op.f("ix_trades_account_coin_exit_time"), "trades", ["account", "coin", "exit_time"], unique=False)
    op.create_index(op.f("ix_trades_account_exit_time_id"), "trades", ["account", "exit_time", "id"], unique=False)
    op.create_index(op.f("ix_trades_signal_id"), "trades", ["signal_id"], unique=False)
    op.execute(
        """
        CREATE FUNCTION refuse_change_of_actions() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'controller_actions is append-only';
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER controller_actions_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON controller_actions
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_actions()
        """
    )
