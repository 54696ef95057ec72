"""The database as the command line sees it: created on a server, described."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from xfg_pipeline.service.errors import PostgresError
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database, normalise_url
from xfg_pipeline.storage.migrate import current, pending


def create_named(url: str) -> bool:
    """Create the database that `url` names on its server. False when it is there already.

    Raises `PostgresError` when the server cannot be reached or does not allow it.
    """
    import psycopg
    from psycopg import sql

    target = sa.make_url(normalise_url(url))
    try:
        psycopg.connect(_plain(target), connect_timeout=5).close()
        return False
    except psycopg.OperationalError as error:
        first = error
    try:
        with psycopg.connect(_plain(target.set(database="postgres")), connect_timeout=5, autocommit=True) as server:
            name = target.database or ""
            if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                raise PostgresError(f"The database {name} is there, but refuses us: {_last_line(first)}")
            server.execute(
                sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(name))
            )
    except psycopg.Error as error:
        raise PostgresError(f"The database cannot be created: {_last_line(error)}") from None
    return True


def describe(settings: Settings, database: Database) -> dict[str, Any]:
    """`url` (with its password), server version, size in bytes, migrations, and where it comes from."""
    with database.read() as connection:
        version = connection.execute(sa.text("SHOW server_version")).scalar_one()
        size = connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one()
    embedded = settings.database_url is None
    return {
        "url": _plain(database.engine.url),
        "server_version": str(version),
        "size_bytes": int(size),
        "migration": current(database),
        "pending": pending(database),
        "embedded": embedded,
        "folder": str(settings.home / "postgres") if embedded else None,
    }


def _plain(url: sa.URL) -> str:
    # SQLAlchemy leaves spaces as they are; libpq refuses them, and quotes the password when it does.
    return url.set(drivername="postgresql").render_as_string(hide_password=False).replace(" ", "%20")


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[-1]
