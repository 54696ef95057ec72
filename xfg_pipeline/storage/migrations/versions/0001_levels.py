"""The levels' tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute(sa.schema.CreateSequence(sa.Sequence("file_imports_version")))
    op.create_table(
        "file_imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="1", nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("symbol", sa.Text(), nullable=True),
        sa.Column("shape", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "issues", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "report", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("imported_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content", postgresql.BYTEA(), nullable=True),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_as", sa.Text(), nullable=True),
        sa.Column("filed_as", sa.Text(), nullable=True),
        sa.Column("filing_error", sa.Text(), nullable=True),
        sa.Column("duplicates", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_duplicate_name", sa.Text(), nullable=True),
        sa.Column("last_duplicate_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("materialized_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_file_imports_sha256_is_a_digest")),
        sa.CheckConstraint("shape IN ('chart', 'wide', 'long', 'bars')", name=op.f("ck_file_imports_shape_known")),
        sa.CheckConstraint(
            "state <> 'imported' OR (sha256 IS NOT NULL AND symbol IS NOT NULL AND shape IS NOT NULL AND content IS NOT NULL AND imported_at IS NOT NULL AND version IS NOT NULL)",
            name=op.f("ck_file_imports_imported_is_whole"),
        ),
        sa.CheckConstraint("state <> 'refused' OR reason <> ''", name=op.f("ck_file_imports_refused_has_a_reason")),
        sa.CheckConstraint("state IN ('imported', 'refused')", name=op.f("ck_file_imports_state_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_imports")),
        sa.UniqueConstraint("sha256", name=op.f("uq_file_imports_sha256")),
        sa.UniqueConstraint("version", name=op.f("uq_file_imports_version")),
    )
    op.create_index(
        "ix_file_imports_not_materialized",
        "file_imports",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'imported' AND materialized_at IS NULL"),
    )
    op.create_index(op.f("ix_file_imports_received_at"), "file_imports", ["received_at"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("response", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("username", "endpoint", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "level_audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("trading_date", sa.Date(), nullable=False),
        sa.Column("level_type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("old_price", sa.Numeric(precision=18, scale=8), nullable=True),
        sa.Column("new_price", sa.Numeric(precision=18, scale=8), nullable=True),
        sa.Column("file_import_id", sa.BigInteger(), nullable=True),
        sa.Column("old_file_import_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(action = 'entered') = (old_price IS NULL) AND (action = 'removed') = (new_price IS NULL)",
            name=op.f("ck_level_audit_action_fits"),
        ),
        sa.CheckConstraint("action IN ('entered', 'changed', 'removed')", name=op.f("ck_level_audit_action_known")),
        sa.CheckConstraint("symbol ~ '^[A-Z0-9]{1,10}$'", name=op.f("ck_level_audit_symbol_is_a_symbol")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_level_audit")),
    )
    op.create_index(
        op.f("ix_level_audit_symbol_trading_date_id"), "level_audit", ["symbol", "trading_date", "id"], unique=False
    )
    op.create_table(
        "level_completeness",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("trading_date", sa.Date(), nullable=False),
        sa.Column("csv_complete", sa.Boolean(), nullable=False),
        sa.Column("manual_complete", sa.Boolean(), nullable=False),
        sa.Column("overall_complete", sa.Boolean(), nullable=False),
        sa.Column("missing_csv", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("missing_manual", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("total_levels", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("failed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "overall_complete = (status = 'complete')", name=op.f("ck_level_completeness_complete_means_complete")
        ),
        sa.CheckConstraint(
            "status IN ('complete', 'partial', 'incomplete')", name=op.f("ck_level_completeness_status_known")
        ),
        sa.CheckConstraint("symbol ~ '^[A-Z0-9]{1,10}$'", name=op.f("ck_level_completeness_symbol_is_a_symbol")),
        sa.PrimaryKeyConstraint("symbol", "trading_date", name=op.f("pk_level_completeness")),
    )
    op.create_table(
        "manual_level_outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("trading_date", sa.Date(), nullable=False),
        sa.Column("levels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("symbol ~ '^[A-Z0-9]{1,10}$'", name=op.f("ck_manual_level_outbox_symbol_is_a_symbol")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manual_level_outbox")),
    )
    op.create_index(
        "ix_manual_level_outbox_open",
        "manual_level_outbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.create_table(
        "service_marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_service_marks")),
    )
    op.create_table(
        "web_users",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), server_default="admin", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('viewer', 'trader', 'admin')", name=op.f("ck_web_users_role_known")),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_web_users")),
    )
    op.create_table(
        "file_import_days",
        sa.Column("file_import_id", sa.BigInteger(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("trading_date", sa.Date(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.CheckConstraint("symbol ~ '^[A-Z0-9]{1,10}$'", name=op.f("ck_file_import_days_symbol_is_a_symbol")),
        sa.ForeignKeyConstraint(
            ["file_import_id"], ["file_imports.id"], name=op.f("fk_file_import_days_file_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_import_id", "symbol", "trading_date", name=op.f("pk_file_import_days")),
    )
    op.create_index(
        op.f("ix_file_import_days_symbol_trading_date"), "file_import_days", ["symbol", "trading_date"], unique=False
    )
    op.create_table(
        "price_bars",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("interval_minutes", sa.Integer(), nullable=False),
        sa.Column("bar_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trading_date", sa.Date(), nullable=False),
        sa.Column("open", sa.Numeric(precision=18, scale=8), nullable=False),
        sa.Column("high", sa.Numeric(precision=18, scale=8), nullable=False),
        sa.Column("low", sa.Numeric(precision=18, scale=8), nullable=False),
        sa.Column("close", sa.Numeric(precision=18, scale=8), nullable=False),
        sa.Column("volume", sa.Numeric(precision=20, scale=4), nullable=True),
        sa.Column("file_import_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("high > 0 AND high < 'Infinity'::numeric", name=op.f("ck_price_bars_high_is_a_price")),
        sa.CheckConstraint("low > 0 AND low < 'Infinity'::numeric", name=op.f("ck_price_bars_low_is_a_price")),
        sa.CheckConstraint("symbol ~ '^[A-Z0-9]{1,10}$'", name=op.f("ck_price_bars_symbol_is_a_symbol")),
        sa.CheckConstraint(
            "volume >= 0 AND volume < 'Infinity'::numeric", name=op.f("ck_price_bars_volume_is_a_count")
        ),
        sa.CheckConstraint("interval_minutes > 0", name=op.f("ck_price_bars_interval_is_positive")),
        sa.CheckConstraint(
            "low <= open AND low <= close AND high >= open AND high >= close",
            name=op.f("ck_price_bars_bar_is_possible"),
        ),
        sa.ForeignKeyConstraint(["file_import_id"], ["file_imports.id"], name=op.f("fk_price_bars_file_import_id")),
        sa.PrimaryKeyConstraint("symbol", "interval_minutes", "bar_time", name=op.f("pk_price_bars")),
    )
    op.create_index(op.f("ix_price_bars_symbol_trading_date"), "price_bars", ["symbol", "trading_date"], unique=False)
    op.create_table(
        "structural_levels_v2",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("trading_date", sa.Date(), nullable=False),
        sa.Column("level_type", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(precision=18, scale=8), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("timeframe", sa.Text(), server_default="DAILY", nullable=False),
        sa.Column("priority", sa.Text(), server_default="standard", nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("touches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_touch_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_touch_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_validated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "validation_errors",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("hit_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reaction_strength", sa.Double(), nullable=True),
        sa.Column("file_import_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(source = 'CSV') = (file_import_id IS NOT NULL)", name=op.f("ck_structural_levels_v2_imported_has_a_file")
        ),
        sa.CheckConstraint(
            "level_type ~ '^[a-z][a-z0-9_]{0,79}$'", name=op.f("ck_structural_levels_v2_level_type_is_a_name")
        ),
        sa.CheckConstraint(
            "price > 0 AND price < 'Infinity'::numeric", name=op.f("ck_structural_levels_v2_price_is_a_price")
        ),
        sa.CheckConstraint(
            "priority IN ('all_star', 'standard', 'reference')", name=op.f("ck_structural_levels_v2_priority_known")
        ),
        sa.CheckConstraint(
            "source IN ('MANUAL', 'CSV', 'CALCULATED')", name=op.f("ck_structural_levels_v2_source_known")
        ),
        sa.CheckConstraint("symbol ~ '^[A-Z0-9]{1,10}$'", name=op.f("ck_structural_levels_v2_symbol_is_a_symbol")),
        sa.CheckConstraint(
            "timeframe IN ('DAILY', 'WEEKLY', 'MONTHLY')", name=op.f("ck_structural_levels_v2_timeframe_known")
        ),
        sa.CheckConstraint("touches >= 0 AND hit_count >= 0", name=op.f("ck_structural_levels_v2_counts_are_counts")),
        sa.ForeignKeyConstraint(
            ["file_import_id"], ["file_imports.id"], name=op.f("fk_structural_levels_v2_file_import_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_structural_levels_v2")),
        sa.UniqueConstraint(
            "symbol",
            "trading_date",
            "level_type",
            "source",
            name=op.f("uq_structural_levels_v2_symbol_trading_date_level_type_source"),
        ),
    )
    op.create_index(
        op.f("ix_structural_levels_v2_file_import_id"), "structural_levels_v2", ["file_import_id"], unique=False
    )
    op.create_index(
        op.f("ix_structural_levels_v2_trading_date_source"),
        "structural_levels_v2",
        ["trading_date", "source"],
        unique=False,
    )
    op.create_table(
        "web_sessions",
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["username"], ["web_users.username"], name=op.f("fk_web_sessions_username"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_web_sessions")),
    )
    op.create_index(op.f("ix_web_sessions_username"), "web_sessions", ["username"], unique=False)
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'level_audit is append-only';
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER level_audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON level_audit
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
    )
