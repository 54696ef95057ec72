"""What the measurements stand on: a durable Postgres with a migrated database, a stop watch and percentiles."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from xfg_pipeline.service.postgres import EmbeddedPostgres
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.migrate import upgrade


@contextmanager
def fresh_database() -> Iterator[Database]:
    """A migrated database on an own, durable Postgres."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as postgres:
        database = Database(postgres.url)
        upgrade(database)
        try:
            yield database
        finally:
            database.dispose()


def seconds(action: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def median(values: list[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of all lies (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, round(share * len(ranked)) - 1))]
