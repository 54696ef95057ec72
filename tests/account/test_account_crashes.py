"""A process killed at any point between the account and the light, then the next run: as if nothing had happened."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.account.conftest import NOON, Office
from tests.account.test_account_in_postgres import a_month
from tests.conftest import FixedClock
from tests.exchange.bybit_server import BybitServer, bybit_server
from tests.killable import apart
from xfg_pipeline.faults import CRASH_AT, POINTS
from xfg_pipeline.resources.controlling import evaluate
from xfg_pipeline.storage.database import Database

ACCOUNT_POINTS = [
    point for point in POINTS if point.startswith(("account.", "trades.", "snapshots.", "controller.", "reconciled."))
]
TABLES = {
    "account_closings": "order_id",
    "account_executions": "exec_id",
    "account_orders": "order_id",
    "trades": "exit_time",
    "performance_snapshots": "snapshot_time, cause, mode",
    "signal_type_performance": "snapshot_time, signal_type, period",
    "coin_performance": "snapshot_time, coin, period",
    "controller_status": "timestamp, cause, mode",
    "reconciliations": "day",
}


class Elsewhere:
    """The server as another process sees it: an address."""

    def __init__(self, url: str) -> None:
        self.url = url


def run(url: str, exchange: str, home: Path, models: Path, crash_at: str | None) -> None:
    if crash_at:
        os.environ[CRASH_AT] = crash_at
    database = Database(url)
    office = Office(database, home, models, Elsewhere(exchange), FixedClock(NOON))  # type: ignore[arg-type]
    office.calm(NOON - timedelta(hours=12), NOON)
    office.well()
    office.bring()
    work = office.work()
    office.make()
    evaluate(office.pipeline, work.start, work.end, work.as_of, work.as_of)
    office.light()
    database.dispose()


def stored(url: str, exchange: str, home: Path, models: Path) -> dict[str, Any]:
    database = Database(url)
    office = Office(database, home, models, Elsewhere(exchange), FixedClock(NOON))  # type: ignore[arg-type]
    found = {name: office.table(name, order) for name, order in TABLES.items()}
    database.dispose()
    for row in found["controller_status"]:
        # How long ago something was is told in words of the real clock.
        row.pop("health")
    return found


@pytest.fixture(scope="module")
def exchange() -> Iterator[BybitServer]:
    """An account with a month behind it, for all runs alike."""
    with bybit_server(NOON.timestamp) as server:
        a_month(server)
        yield server


@pytest.fixture(scope="module")
def undisturbed(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory, models: Path, exchange: BybitServer
) -> dict[str, Any]:
    """What a run without any fault leaves."""
    url, home = new_database(), tmp_path_factory.mktemp("undisturbed")
    assert apart(run, url, exchange.url, home, models, None) == 0
    found = stored(url, exchange.url, home, models)
    assert len(found["trades"]) == 11
    assert len(found["controller_status"]) >= 2
    return found


@pytest.mark.parametrize("point", ACCOUNT_POINTS)
def test_a_run_killed_anywhere_ends_as_if_nothing_had_happened(
    point: str,
    new_database: Callable[[], str],
    tmp_path: Path,
    models: Path,
    exchange: BybitServer,
    undisturbed: dict[str, Any],
) -> None:
    url = new_database()
    assert apart(run, url, exchange.url, tmp_path, models, point) == -9
    assert apart(run, url, exchange.url, tmp_path, models, None) == 0
    assert stored(url, exchange.url, tmp_path, models) == undisturbed


def test_every_point_of_the_account_is_tried() -> None:
    assert len(ACCOUNT_POINTS) == 9
