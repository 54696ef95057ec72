"""The connection to Postgres: one engine, bounded waits, transactions."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000
BULK_TIMEOUT_MS = 600_000
BULK_LOCK_TIMEOUT_MS = 120_000
# Cancelled by a timeout, a lock that did not come free, a deadlock, a serialisation failure.
BUSY_STATES = frozenset({"57014", "55P03", "40P01", "40001"})


class DatabaseUnavailable(Exception):
    """Postgres does not answer, or two transactions were in each other's way. The same call may be repeated.

    Nothing was written, unless the connection went away during COMMIT: repeating finds what is there then.
    """


def normalise_url(url: str) -> str:
    """The URL with the driver that this project uses (psycopg 3), whatever the spelling it came in."""
    for prefix in ("postgresql+psycopg2://", "postgresql+psycopg://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    raise ValueError("a database URL starts with postgresql://")


class Database:
    """A Postgres database.

    Every statement, lock and idle transaction has a bound, so that no caller waits for ever.
    """

    def __init__(self, url: str, *, pool_size: int = 5, pool_timeout: float = 10.0) -> None:
        self.engine: Engine = sa.create_engine(
            normalise_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=pool_timeout,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 5,
                "application_name": "xfg-pipeline",
                "options": (
                    f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} "
                    f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MS} -c timezone=UTC"
                ),
            },
        )

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        Raises DatabaseUnavailable when Postgres cannot be reached, goes away, or no connection is free in time.
        """
        with _translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read-only transaction with a single view of the data.

        Raises DatabaseUnavailable when Postgres cannot be reached or goes away.
        """
        with _translated(), self.engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    def ping(self) -> None:
        """Raise DatabaseUnavailable unless Postgres answers a query."""
        with self.read() as connection:
            connection.execute(sa.text("SELECT 1"))

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as lost:
        busy = getattr(lost.orig, "sqlstate", None) in BUSY_STATES
        what = "Postgres is busy with something that is in the way" if busy else "Postgres does not answer"
        raise DatabaseUnavailable(f"{what}: {_first_line(lost)}") from lost
    except sa.exc.TimeoutError as full:
        raise DatabaseUnavailable("all connections to Postgres are busy; try again") from full


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or ["no reason given"])[0]


def without_hurry(connection: Connection) -> None:
    """Let the statements of this transaction take minutes: it moves a whole file, not a row."""
    connection.execute(sa.text(f"SET LOCAL statement_timeout = {BULK_TIMEOUT_MS}"))
    connection.execute(sa.text(f"SET LOCAL idle_in_transaction_session_timeout = {BULK_TIMEOUT_MS}"))
    connection.execute(sa.text(f"SET LOCAL lock_timeout = {BULK_LOCK_TIMEOUT_MS}"))


def lock(connection: Connection, *subject: object) -> None:
    """Hold the advisory lock of this subject (for example asset and day) until the transaction ends."""
    name = ":".join(str(part) for part in subject)
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def try_lock(connection: Connection, *subject: object) -> bool:
    """The same lock without waiting: False when another transaction holds it."""
    name = ":".join(str(part) for part in subject)
    query = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    return bool(connection.execute(query, {"name": name}).scalar_one())
