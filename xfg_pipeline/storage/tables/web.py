"""Who may use the desk, what it answered once, and when parts of the service were last seen."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table
from sqlalchemy.dialects.postgresql import JSONB

from xfg_pipeline.storage.tables.common import NOW, TIME, metadata, one_of

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
    one_of("role", "viewer", "trader", "admin"),
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
