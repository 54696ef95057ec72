"""Nearby levels with ten years of fifty symbols stored, beside a bare prepared query for one row by its key."""

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import psycopg
import sqlalchemy as sa

from benchmarks.ground import fresh_database, median, percentile
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.sessions import sessions
from xfg_pipeline.resources.level_book import LevelBook
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.levels import NEARBY

SYMBOLS = 50
LEVELS_A_DAY = 20
CALLS = 500
DAY = date(2024, 12, 30)


def measure() -> list[str]:
    """Time in the database, time of the whole call from Python, and the baseline."""
    with fresh_database() as database:
        stored = _fill(database)
        in_database = _in_database(database)
        whole = _whole_call(database)
        bare = _bare(database)
    ratio = median(whole) / median(bare)
    return [
        f"nearby levels among {stored:,} rows, in the database: median {in_database:.3f} ms",
        f"the whole call from Python:  median {median(whole):.3f} ms, p95 {percentile(whole, 0.95):.3f} ms",
        f"bare prepared query by key:  median {median(bare):.3f} ms, p95 {percentile(bare, 0.95):.3f} ms",
        f"ratio: {ratio:.1f} (median of {CALLS} calls each)",
    ]


def _fill(database: Database) -> int:
    days = sessions(date(2015, 1, 2), date(2024, 12, 31))
    with database.engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
        connection.execute(
            sa.text(
                "INSERT INTO structural_levels_v2 (symbol, trading_date, level_type, price, source, imported_by) "
                "SELECT 'S' || symbol, day, 'level_' || level, 5000 + level * 7.25 + symbol, 'CALCULATED', 'bench' "
                "FROM generate_series(1, :symbols) AS symbol, unnest(CAST(:days AS date[])) AS day, "
                "generate_series(1, :levels) AS level"
            ),
            {"symbols": SYMBOLS, "days": days, "levels": LEVELS_A_DAY},
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE structural_levels_v2"))
    return SYMBOLS * len(days) * LEVELS_A_DAY


def _in_database(database: Database) -> float:
    facts = {"symbol": "S7", "day": DAY, "price": Decimal(5060), "range": Decimal(20)}
    times = []
    with database.engine.connect() as connection:
        for _ in range(50):
            plan = connection.execute(sa.text("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + NEARBY.text), facts)
            [told] = plan.scalar_one()
            times.append(told["Planning Time"] + told["Execution Time"])
    return median(times)


def _whole_call(database: Database) -> list[float]:
    clock = SimpleNamespace(now=lambda: datetime(2024, 12, 30, 15, 0, tzinfo=UTC))
    book = LevelBook(database, LevelRules(allowed_symbols=("S7",)), clock)
    return _milliseconds(lambda: book.nearby("S7", Decimal(5060), Decimal(20)))


def _bare(database: Database) -> list[float]:
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    query = (
        "SELECT price FROM structural_levels_v2 "
        "WHERE symbol = %s AND trading_date = %s AND level_type = %s AND source = %s"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        key = ("S7", DAY, "level_3", "CALCULATED")
        return _milliseconds(lambda: connection.execute(query, key, prepare=True).fetchall())


def _milliseconds(action: object) -> list[float]:
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        action()  # type: ignore[operator]
        times.append((time.perf_counter() - started) * 1000)
    return times
