"""Importing a long export beside a bare COPY of the rows that it makes."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import sqlalchemy as sa

from benchmarks.ground import fresh_database, median, seconds
from xfg_pipeline.inbox.examples import export
from xfg_pipeline.inbox.importer import Importer
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.sessions import sessions
from xfg_pipeline.storage.copying import copy_rows

COLUMNS = ("symbol", "trading_date", "level_type", "price", "source", "imported_by", "file_import_id")
ROUNDS = 3


def measure() -> list[str]:
    """Ten years of one symbol in one file: reading, judging, ledger, audit and rows against COPY alone."""
    days = sessions(date(2015, 1, 2), date(2024, 12, 31))
    clock = SimpleNamespace(now=lambda: datetime(2025, 1, 2, tzinfo=UTC))
    ours: list[float] = []
    bare: list[float] = []
    count = 0
    with fresh_database() as database:
        importer = Importer(database, LevelRules(), clock)
        for number in range(ROUNDS):
            content = export("ES", days).encode() + b"\n" * number
            _empty(database.engine)
            ours.append(seconds(lambda content=content: importer.import_bytes(content, "ES.csv", by="bench")))
            with database.engine.begin() as connection:
                query = f"SELECT {', '.join(COLUMNS)} FROM structural_levels_v2"
                rows = [tuple(row) for row in connection.execute(sa.text(query))]
                connection.execute(sa.text("DELETE FROM structural_levels_v2"))
            count = len(rows)

            def copied(rows: list[tuple[object, ...]] = rows) -> None:
                with database.engine.begin() as connection:
                    copy_rows(connection, "structural_levels_v2", COLUMNS, rows)

            bare.append(seconds(copied))
    own, copy = count / median(ours), count / median(bare)
    return [
        f"import of {len(days):,} days, {count:,} levels in one file: {own:,.0f} rows/s",
        f"bare COPY of the same rows into the same table:    {copy:,.0f} rows/s",
        f"ratio: {own / copy:.3f} (median of {ROUNDS})",
    ]


def _empty(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for table in ("structural_levels_v2", "file_import_days", "file_imports"):
            connection.execute(sa.text(f"DELETE FROM {table}"))
