"""When something of the service last happened, by name."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.tables import service_marks

LAST_LOOK = "inbox.last_look"
"""When the watched folder was last looked at."""
CAUGHT_UP = "inbox.caught_up"
"""When a look left nothing waiting that could have been taken: the age of files counts from there."""


def read(database: Database, name: str) -> datetime | None:
    """When it last happened; None if never."""
    with database.read() as connection:
        query = sa.select(service_marks.c.at).where(service_marks.c.name == name)
        return connection.execute(query).scalar_one_or_none()


def write(database: Database, name: str, at: datetime) -> None:
    """It happened now."""
    with database.begin() as connection:
        write_within(connection, name, at)


def first(database: Database, name: str, at: datetime) -> datetime:
    """When it first happened: now, if it never has."""
    with database.begin() as connection:
        connection.execute(insert(service_marks).values(name=name, at=at).on_conflict_do_nothing())
        found: datetime = connection.execute(
            sa.select(service_marks.c.at).where(service_marks.c.name == name)
        ).scalar_one()
    return found


def within(connection: Connection, name: str) -> datetime | None:
    """`read` within a transaction."""
    return connection.execute(sa.select(service_marks.c.at).where(service_marks.c.name == name)).scalar_one_or_none()


def write_within(connection: Connection, name: str, at: datetime) -> None:
    """`write` within a transaction."""
    statement = insert(service_marks).values(name=name, at=at)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"at": at}))


def lower_within(connection: Connection, name: str, at: datetime) -> None:
    """Write it unless an earlier moment stands there."""
    statement = insert(service_marks).values(name=name, at=at)
    earlier = sa.func.least(service_marks.c.at, statement.excluded.at)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"at": earlier}))


def drop_within(connection: Connection, name: str) -> None:
    """It stands no more."""
    connection.execute(sa.delete(service_marks).where(service_marks.c.name == name))
