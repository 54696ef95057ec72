"""The tables, with the constraints that make their bad rows impossible. Meaning of each: docs/data.md."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, MetaData, Table, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, UUID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

PRICE = sa.Numeric(18, 8)
TIME = sa.DateTime(timezone=True)
NOW = text("now()")


def _price(column: str) -> CheckConstraint:
    # NaN passes "> 0" in Postgres, and is greater than every number: it fails the upper bound.
    return CheckConstraint(f"{column} > 0 AND {column} < 'Infinity'::numeric", name=f"{column}_is_a_price")


def _one_of(column: str, *allowed: str) -> CheckConstraint:
    words = ", ".join(f"'{word}'" for word in allowed)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


def _symbol() -> CheckConstraint:
    return CheckConstraint("symbol ~ '^[A-Z0-9]{1,10}$'", name="symbol_is_a_symbol")


file_imports = Table(
    "file_imports",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    Column("sha256", sa.Text, unique=True),
    Column("file_name", sa.Text, nullable=False),
    Column("state", sa.Text, nullable=False),
    Column("attempt", sa.Integer, nullable=False, server_default="1"),
    Column("version", sa.BigInteger, sa.Sequence("file_imports_version"), unique=True),
    Column("symbol", sa.Text),
    Column("shape", sa.Text),
    Column("reason", sa.Text, nullable=False, server_default=""),
    Column("issues", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("report", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("imported_count", sa.Integer, nullable=False, server_default="0"),
    Column("size_bytes", sa.BigInteger, nullable=False),
    Column("content", BYTEA),
    Column("received_by", sa.Text, nullable=False),
    Column("received_at", TIME, nullable=False),
    Column("imported_at", TIME),
    Column("seen_as", sa.Text),
    Column("filed_as", sa.Text),
    Column("filing_error", sa.Text),
    Column("duplicates", sa.Integer, nullable=False, server_default="0"),
    Column("last_duplicate_name", sa.Text),
    Column("last_duplicate_at", TIME),
    Column("materialized_at", TIME),
    _one_of("state", "imported", "refused"),
    _one_of("shape", "chart", "wide", "long", "bars"),
    CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_is_a_digest"),
    CheckConstraint(
        "state <> 'imported' OR (sha256 IS NOT NULL AND symbol IS NOT NULL AND shape IS NOT NULL "
        "AND content IS NOT NULL AND imported_at IS NOT NULL AND version IS NOT NULL)",
        name="imported_is_whole",
    ),
    CheckConstraint("state <> 'refused' OR reason <> ''", name="refused_has_a_reason"),
    Index(None, "received_at"),
    Index(
        "ix_file_imports_not_materialized",
        "id",
        postgresql_where=text("state = 'imported' AND materialized_at IS NULL"),
    ),
)

file_import_days = Table(
    "file_import_days",
    metadata,
    Column("file_import_id", ForeignKey("file_imports.id", ondelete="CASCADE"), primary_key=True),
    Column("symbol", sa.Text, primary_key=True),
    Column("trading_date", sa.Date, primary_key=True),
    Column("line", sa.Integer),
    _symbol(),
    Index(None, "symbol", "trading_date"),
)

structural_levels = Table(
    "structural_levels_v2",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True, server_default=text("gen_random_uuid()")),
    Column("symbol", sa.Text, nullable=False),
    Column("trading_date", sa.Date, nullable=False),
    Column("level_type", sa.Text, nullable=False),
    Column("price", PRICE, nullable=False),
    Column("source", sa.Text, nullable=False),
    Column("timeframe", sa.Text, nullable=False, server_default="DAILY"),
    Column("priority", sa.Text, nullable=False, server_default="standard"),
    Column("description", sa.Text),
    Column("touches", sa.Integer, nullable=False, server_default="0"),
    Column("first_touch_time", TIME),
    Column("last_touch_time", TIME),
    Column("is_validated", sa.Boolean, nullable=False, server_default=sa.false()),
    Column("validation_errors", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("created_at", TIME, nullable=False, server_default=NOW),
    Column("updated_at", TIME, nullable=False, server_default=NOW),
    Column("imported_by", sa.Text, nullable=False),
    Column("hit_count", sa.Integer, nullable=False, server_default="0"),
    Column("reaction_strength", sa.Double),
    Column("file_import_id", ForeignKey("file_imports.id")),
    UniqueConstraint("symbol", "trading_date", "level_type", "source"),
    _symbol(),
    _price("price"),
    _one_of("source", "MANUAL", "CSV", "CALCULATED"),
    _one_of("timeframe", "DAILY", "WEEKLY", "MONTHLY"),
    _one_of("priority", "all_star", "standard", "reference"),
    CheckConstraint("level_type ~ '^[a-z][a-z0-9_]{0,79}$'", name="level_type_is_a_name"),
    CheckConstraint("touches >= 0 AND hit_count >= 0", name="counts_are_counts"),
    CheckConstraint("(source = 'CSV') = (file_import_id IS NOT NULL)", name="imported_has_a_file"),
    Index(None, "trading_date", "source"),
    Index(None, "file_import_id"),
)

level_audit = Table(
    "level_audit",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("by", sa.Text, nullable=False),
    Column("symbol", sa.Text, nullable=False),
    Column("trading_date", sa.Date, nullable=False),
    Column("level_type", sa.Text, nullable=False),
    Column("source", sa.Text, nullable=False),
    Column("action", sa.Text, nullable=False),
    Column("old_price", PRICE),
    Column("new_price", PRICE),
    Column("file_import_id", sa.BigInteger),
    Column("old_file_import_id", sa.BigInteger),
    _symbol(),
    _one_of("action", "entered", "changed", "removed"),
    CheckConstraint(
        "(action = 'entered') = (old_price IS NULL) AND (action = 'removed') = (new_price IS NULL)",
        name="action_fits",
    ),
    Index(None, "symbol", "trading_date", "id"),
)

manual_level_outbox = Table(
    "manual_level_outbox",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    Column("symbol", sa.Text, nullable=False),
    Column("trading_date", sa.Date, nullable=False),
    Column("levels", JSONB, nullable=False),
    Column("by", sa.Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("handled_at", TIME),
    _symbol(),
    Index("ix_manual_level_outbox_open", "id", postgresql_where=text("handled_at IS NULL")),
)

level_completeness = Table(
    "level_completeness",
    metadata,
    Column("symbol", sa.Text, primary_key=True),
    Column("trading_date", sa.Date, primary_key=True),
    Column("csv_complete", sa.Boolean, nullable=False),
    Column("manual_complete", sa.Boolean, nullable=False),
    Column("overall_complete", sa.Boolean, nullable=False),
    Column("missing_csv", JSONB, nullable=False),
    Column("missing_manual", JSONB, nullable=False),
    Column("total_levels", sa.Integer, nullable=False),
    Column("status", sa.Text, nullable=False),
    Column("failed", JSONB, nullable=False),
    Column("evaluated_at", TIME, nullable=False),
    _symbol(),
    _one_of("status", "complete", "partial", "incomplete"),
    CheckConstraint("overall_complete = (status = 'complete')", name="complete_means_complete"),
)

price_bars = Table(
    "price_bars",
    metadata,
    Column("symbol", sa.Text, primary_key=True),
    Column("interval_minutes", sa.Integer, primary_key=True),
    Column("bar_time", TIME, primary_key=True),
    Column("trading_date", sa.Date, nullable=False),
    Column("open", PRICE, nullable=False),
    Column("high", PRICE, nullable=False),
    Column("low", PRICE, nullable=False),
    Column("close", PRICE, nullable=False),
    Column("volume", sa.Numeric(20, 4)),
    Column("file_import_id", ForeignKey("file_imports.id"), nullable=False),
    _symbol(),
    _price("low"),
    _price("high"),
    CheckConstraint("low <= open AND low <= close AND high >= open AND high >= close", name="bar_is_possible"),
    CheckConstraint("volume >= 0 AND volume < 'Infinity'::numeric", name="volume_is_a_count"),
    CheckConstraint("interval_minutes > 0", name="interval_is_positive"),
    Index(None, "symbol", "trading_date"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("username", sa.Text, primary_key=True),
    Column("endpoint", sa.Text, primary_key=True),
    Column("key", sa.Text, primary_key=True),
    Column("body_sha256", sa.Text, nullable=False),
    Column("response", JSONB, nullable=False),
    Column("created_at", TIME, nullable=False),
)

web_users = Table(
    "web_users",
    metadata,
    Column("username", sa.Text, primary_key=True),
    Column("password_hash", sa.Text, nullable=False),
    Column("role", sa.Text, nullable=False, server_default="admin"),
    Column("created_at", TIME, nullable=False, server_default=NOW),
    Column("updated_at", TIME, nullable=False, server_default=NOW),
    _one_of("role", "viewer", "trader", "admin"),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    Column("token_sha256", sa.Text, primary_key=True),
    Column("username", ForeignKey("web_users.username", ondelete="CASCADE"), nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Column("last_seen_at", TIME, nullable=False),
    Column("ip", sa.Text),
    Column("user_agent", sa.Text),
    Column("revoked_at", TIME),
    Index(None, "username"),
)

service_marks = Table(
    "service_marks",
    metadata,
    Column("name", sa.Text, primary_key=True),
    Column("at", TIME, nullable=False),
)
