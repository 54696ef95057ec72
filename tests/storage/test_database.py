"""The schema, its constraints and the connection, on a real Postgres."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.conftest import Cluster
from xfg_pipeline.storage.database import Database, DatabaseUnavailable, lock, normalise_url, try_lock
from xfg_pipeline.storage.migrate import current, pending, upgrade
from xfg_pipeline.storage.tables import metadata

INSERT = (
    "INSERT INTO structural_levels_v2 (symbol, trading_date, level_type, price, source, imported_by) "
    "VALUES (:symbol, :day, :level, :price, :source, 'anna')"
)
REVISIONS = ["0001", "0002", "0003"]
GOOD = {
    "symbol": "ES",
    "day": date(2025, 10, 14),
    "level": "pivot",
    "price": Decimal("6700.25"),
    "source": "MANUAL",
}


def test_the_migrations_make_exactly_the_tables_that_are_declared(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.begin() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_schemas": False, "compare_type": True, "compare_server_default": False}
        )
        differences = compare_metadata(context, metadata)
    assert differences == []


def test_every_declared_check_stands_in_the_database(
    rows: Callable[..., list[dict[str, object]]],
) -> None:
    there = {row["conname"] for row in rows("SELECT conname FROM pg_constraint WHERE contype = 'c'")}
    declared = {
        constraint.name
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    }
    assert declared
    assert {str(name)[:63] for name in declared} <= there


def test_upgrading_twice_applies_nothing_the_second_time(cluster: Cluster) -> None:
    fresh = Database(cluster.create())
    assert pending(fresh) == REVISIONS
    assert upgrade(fresh) == REVISIONS
    assert upgrade(fresh) == []
    assert (pending(fresh), current(fresh)) == ([], REVISIONS[-1])
    fresh.dispose()


def test_two_processes_upgrade_an_empty_database_once(cluster: Cluster) -> None:
    url = cluster.create()
    code = (
        "import sys; from xfg_pipeline.storage.database import Database; "
        "from xfg_pipeline.storage.migrate import upgrade; print(len(upgrade(Database(sys.argv[1]))))"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = sorted(process.communicate(timeout=60)[0].strip() for process in started)
    assert [process.returncode for process in started] == [0, 0, 0]
    assert said == ["0", "0", str(len(REVISIONS))]


@pytest.mark.parametrize(("point", "left"), [("migrate.before_commit", REVISIONS), ("migrate.after_commit", [])])
def test_a_migration_killed_leaves_all_or_nothing(cluster: Cluster, point: str, left: list[str]) -> None:
    url = cluster.create()
    code = (
        "import sys; from xfg_pipeline.storage.database import Database; "
        "from xfg_pipeline.storage.migrate import upgrade; upgrade(Database(sys.argv[1]))"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, url], env={**os.environ, "XFG_CRASH_AT": point}, timeout=60, check=False
    )
    assert killed.returncode == -9
    database = Database(url)
    assert pending(database) == left
    upgrade(database)
    assert pending(database) == []
    database.dispose()


@pytest.mark.parametrize(
    "bad",
    [
        {"price": Decimal("NaN")},
        {"price": Decimal(0)},
        {"price": Decimal(-1)},
        {"source": "GUESSED"},
        {"symbol": "es; drop"},
        {"symbol": ""},
        {"level": "Pivot High"},
        {"source": "CSV"},  # without the file that it came from
    ],
)
def test_a_bad_level_is_impossible_in_the_table(database: Database, bad: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(sa.text(INSERT), {**GOOD, **bad})


def test_infinity_is_no_price(database: Database) -> None:
    with pytest.raises(DBAPIError), database.begin() as connection:
        connection.execute(sa.text(INSERT), {**GOOD, "price": Decimal("Infinity")})


def test_a_level_has_one_row_a_source(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(sa.text(INSERT), GOOD)
    with pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(sa.text(INSERT), GOOD)


@pytest.mark.parametrize(
    "change", ["DELETE FROM level_audit", "UPDATE level_audit SET by = 'eve'", "TRUNCATE level_audit"]
)
def test_the_audit_can_only_grow(database: Database, change: str) -> None:
    with database.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO level_audit (at, by, symbol, trading_date, level_type, source, action, new_price) "
                "VALUES (:at, 'anna', 'ES', '2025-10-14', 'pivot', 'MANUAL', 'entered', 6700)"
            ),
            {"at": datetime(2025, 10, 14, tzinfo=UTC)},
        )
    with pytest.raises(DBAPIError, match="append-only"), database.begin() as connection:
        connection.execute(sa.text(change))


def test_an_unreachable_database_says_so_in_one_type() -> None:
    nowhere = Database("postgresql://nobody:nothing@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable, match="does not answer") as caught:
        nowhere.ping()
    assert "nothing" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_any_spelling_of_the_url_uses_the_one_driver(scheme: str) -> None:
    assert normalise_url(f"{scheme}://u:p@h/d") == "postgresql+psycopg://u:p@h/d"


def test_a_lock_is_held_until_its_transaction_ends(database: Database) -> None:
    with database.begin() as first:
        lock(first, "levels", "ES")
        with database.begin() as second:
            assert not try_lock(second, "levels", "ES")
            assert try_lock(second, "levels", "NQ")
    with database.begin() as third:
        assert try_lock(third, "levels", "ES")


def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only"), database.read() as connection:
        connection.execute(sa.text(INSERT), GOOD)
