"""What one process does between a start and a kill: look at the inbox, type pivots, derive the day again."""

import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from tests.conftest import FixedClock
from xfg_pipeline.faults import CRASH_AT
from xfg_pipeline.resources.day_book import close_days
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database

DAY = date(2025, 10, 16)


def run(home: Path, url: str, crash_at: str | None) -> None:
    """The morning, killed at a named point."""
    if crash_at:
        os.environ[CRASH_AT] = crash_at
    database = Database(url)
    settings = Settings(xfg_home=home, database_url=url, _env_file=None)
    pipeline = Pipeline(settings, database, FixedClock(datetime(2025, 10, 17, 13, 0, tzinfo=UTC)))
    pipeline.folders.make()
    pipeline.inbox.pause = lambda _: None
    pipeline.inbox.scan()
    pipeline.book.enter_pivots("ES", DAY, {"pivot_ba_high": Decimal(6800), "pivot": Decimal(6700)}, by="anna")
    pipeline.importer.derive(DAY, DAY, by="dagster")
    close_days(pipeline, DAY, DAY)
    database.dispose()
