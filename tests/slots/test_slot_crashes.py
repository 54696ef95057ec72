"""A process killed at any point of a slot, then the next run: the same rows as if nothing had happened."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.killable import apart
from tests.slots.conftest import DAY, SLOT, Trial
from xfg_pipeline.faults import CRASH_AT, POINTS
from xfg_pipeline.storage.database import Database

TABLES = ("predictions", "signal_candidates", "signals", "signal_outcomes")
SLOT_POINTS = [point for point in POINTS if point.startswith(("candles.", "predictions.", "signals.", "outcomes."))]


def run(url: str, home: Path, models: Path, crash_at: str | None) -> None:
    if crash_at:
        os.environ[CRASH_AT] = crash_at
    database = Database(url)
    trial = Trial(database, home, models)
    trial.slot(DAY + 20 * SLOT)
    database.dispose()


def stored(url: str, home: Path, models: Path) -> dict[str, Any]:
    database = Database(url)
    trial = Trial(database, home, models)
    found = {table: trial.rows(table) for table in TABLES}
    found["candles"] = trial.all("SELECT coin, open_time, close FROM candles ORDER BY 1, 2")
    database.dispose()
    return found


@pytest.mark.parametrize("point", SLOT_POINTS)
def test_a_slot_killed_anywhere_ends_as_if_nothing_had_happened(
    point: str, new_database: Callable[[], str], tmp_path: Path, sharp: Path, undisturbed: dict[str, Any]
) -> None:
    url = new_database()
    assert apart(run, url, tmp_path, sharp, point) == -9
    assert apart(run, url, tmp_path, sharp, None) == 0
    assert stored(url, tmp_path, sharp) == undisturbed


@pytest.fixture(scope="module")
def undisturbed(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory, sharp: Path
) -> dict[str, Any]:
    """What a run without any fault leaves."""
    url, home = new_database(), tmp_path_factory.mktemp("undisturbed")
    assert apart(run, url, home, sharp, None) == 0
    found = stored(url, home, sharp)
    assert len(found["signal_candidates"]) > 60
    return found


def test_every_point_of_a_slot_is_tried() -> None:
    assert len(SLOT_POINTS) == 8
