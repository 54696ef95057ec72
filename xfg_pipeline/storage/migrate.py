"""Bringing a database to the present schema: all pending migrations in one transaction, behind a lock."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from xfg_pipeline.faults import point
from xfg_pipeline.storage.database import Database, lock

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

DAGSTER_SCHEMA = "dagster"


def upgrade(database: Database) -> list[str]:
    """Apply what is pending; the revisions applied, oldest first.

    A migration killed half-way leaves nothing, and two processes at once apply each migration once.
    """
    from alembic import command

    with database.begin() as connection:
        lock(connection, "migrations")
        wanted = _pending(connection)
        connection.execute(sa.schema.CreateSchema(DAGSTER_SCHEMA, if_not_exists=True))
        if wanted:
            command.upgrade(_config(connection), "head")
        point("migrate.before_commit")
    point("migrate.after_commit")
    return wanted


def pending(database: Database) -> list[str]:
    """The revisions that `upgrade` would apply, oldest first."""
    with database.read() as connection:
        return _pending(connection)


def current(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    with database.read() as connection:
        return _current(connection)


def _config(connection: "Connection | None" = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _current(connection: "Connection") -> str | None:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def _pending(connection: "Connection") -> list[str]:
    from alembic.script import ScriptDirectory

    at = _current(connection)
    revisions = ScriptDirectory.from_config(_config()).iterate_revisions("head", at or "base")
    return [revision.revision for revision in revisions][::-1]
