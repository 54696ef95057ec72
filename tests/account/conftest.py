"""Ground for the account on Postgres: a live pipeline whose Bybit is the local server, and a clock set by hand."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.conftest import FixedClock
from tests.exchange.bybit_server import KEY, SECRET, BybitServer, bybit_server
from tests.exchange.conftest import AT_ONCE, PlayedTime
from tests.signals.sharp_ensemble import write_sharp_ensemble
from xfg_pipeline.exchange.bybit_account import BybitAccount
from xfg_pipeline.resources.account_sync import Synced, sync
from xfg_pipeline.resources.controlling import Shown, evaluate, evaluate_now
from xfg_pipeline.resources.light_health import market_mark
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.resources.snapshots import keep_snapshots
from xfg_pipeline.resources.trade_keeping import keep_trades
from xfg_pipeline.resources.trade_run import Brought, bring_trades
from xfg_pipeline.settings import Settings
from xfg_pipeline.signals.slots import midnight
from xfg_pipeline.storage import service_marks
from xfg_pipeline.storage.database import Database

NOON = datetime(2025, 11, 18, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# What tells when a row was written, not what it says.
_WHEN = ("id", "recorded_at", "made_at", "evaluated_at", "first_seen_at", "checked_at")


class ShortHistory(BybitAccount):
    """Two years are a hundred questions a kind: most tests have a month."""

    @property
    def keeps(self) -> timedelta:
        return timedelta(days=40)


class Office:
    """A live pipeline of its own on a database of its own, with the account of a server."""

    def __init__(
        self,
        database: Database,
        home: Path,
        models: Path,
        server: BybitServer,
        clock: FixedClock,
        *,
        whole: bool = False,
        **settings: Any,
    ) -> None:
        self.database, self.server, self.clock = database, server, clock
        self.settings = Settings(
            xfg_home=home,
            mode="live",
            market={"coins": ("BTC", "ETH")},
            models={"path": models},
            bybit={"api_key": KEY, "api_secret": SECRET, "base_url": server.url},
            _env_file=None,
            **settings,
        )
        self.pipeline = Pipeline(self.settings, database, clock)
        played = PlayedTime()
        self.pipeline.__dict__["account"] = (BybitAccount if whole else ShortHistory)(
            KEY,
            SECRET,
            base_url=server.url,
            clock=clock,
            backoff=AT_ONCE,
            monotonic=played.monotonic,
            sleep=played.sleep,
        )

    def read(self) -> Synced:
        """What the sensor does."""
        account = self.pipeline.account
        assert account is not None
        return sync(account, self.database, self.clock.now())

    def work(self) -> SlotWork:
        """The present day."""
        start = midnight(self.clock.now())
        return SlotWork(start, start + DAY, self.clock.now(), self.clock.now())

    def bring(self) -> Brought:
        """What a run of trades does."""
        return bring_trades(self.pipeline, self.work(), is_backfill=False)

    def make(self) -> None:
        """Trades and snapshots of what was read."""
        keep_trades(self.pipeline, self.clock.now())
        work = self.work()
        keep_snapshots(self.pipeline, work.start, work.end, work.as_of, is_backfill=False)

    def backfill(self, start: datetime, end: datetime) -> list[Shown]:
        """Trades, snapshots and lights of past days."""
        bring_trades(self.pipeline, SlotWork(start, end, self.clock.now()), is_backfill=True)
        keep_snapshots(self.pipeline, start, end, self.clock.now(), is_backfill=True)
        return evaluate(self.pipeline, start, end, self.clock.now())

    def light(self) -> Shown:
        """The light of now."""
        return evaluate_now(self.pipeline, "trade")

    def well(self) -> None:
        """Whatever else the light reads is as it should be: candles, regime, market, Dagster's daemon."""
        now = self.clock.now()
        service_marks.write(self.database, market_mark("bybit"), now)
        with self.database.begin() as connection:
            connection.execute(sa.text(_WELL), {"now": now, "coins": list(self.settings.market.coins)})
            connection.execute(sa.text(_HEARTBEATS))
            connection.execute(sa.text(_BEATS))

    def calm(self, start: datetime, end: datetime) -> None:
        """The market was as usual at every slot of a range."""
        with self.database.begin() as connection:
            facts = {"start": start, "end": end, "coins": list(self.settings.market.coins), "now": self.clock.now()}
            connection.execute(sa.text(_CALM), facts)

    def rows(self, query: str, **facts: Any) -> list[dict[str, Any]]:
        """The rows of a query."""
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(sa.text(query), facts).mappings()]

    def table(self, name: str, order: str) -> list[dict[str, Any]]:
        """All rows of a table, without what tells when they were written."""
        found = self.rows(f"SELECT * FROM {name} ORDER BY {order}")
        return [{key: value for key, value in row.items() if key not in _WHEN} for row in found]

    def metric(self, name: str) -> Any:
        """A metric of the newest snapshot."""
        (row,) = self.rows("SELECT * FROM performance_snapshots ORDER BY snapshot_time DESC, id DESC LIMIT 1")
        return row[name]


_WELL = """
WITH slots AS (
    SELECT coin, date_bin('15 minutes', :now, '2000-01-01Z') AS slot FROM unnest(CAST(:coins AS text[])) AS coin
), candle AS (
    INSERT INTO candles (market, coin, open_time, open, high, low, close, volume, recorded_at)
    SELECT 'bybit', coin, slot - interval '15 minutes', 100, 101, 99, 100, 1, :now FROM slots ON CONFLICT DO NOTHING
)
INSERT INTO market_regime (market, coin, slot, volatility, baseline, baseline_days, ratio, made_at)
SELECT 'bybit', coin, slot, 0.01, 0.01, 30, 1, :now FROM slots ON CONFLICT DO NOTHING
"""
_CALM = """
INSERT INTO market_regime (market, coin, slot, volatility, baseline, baseline_days, ratio, made_at)
SELECT 'bybit', coin, slot, 0.01, 0.01, 30, 1, :now
FROM unnest(CAST(:coins AS text[])) AS coin, generate_series(:start, :end, interval '15 minutes') AS slot
ON CONFLICT DO NOTHING
"""
_HEARTBEATS = """
CREATE SCHEMA IF NOT EXISTS dagster;
CREATE TABLE IF NOT EXISTS dagster.daemon_heartbeats (daemon_type text PRIMARY KEY, timestamp timestamp)
"""
_BEATS = """
INSERT INTO dagster.daemon_heartbeats
SELECT daemon, now() AT TIME ZONE 'UTC'
FROM unnest(ARRAY['SENSOR', 'SCHEDULER', 'QUEUED_RUN_COORDINATOR', 'BACKFILL', 'MONITORING']) AS daemon
ON CONFLICT (daemon_type) DO UPDATE SET timestamp = excluded.timestamp
"""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of the market."""
    return write_sharp_ensemble(tmp_path_factory.mktemp("ensemble"), market="bybit")


@pytest.fixture
def clock() -> FixedClock:
    """The time of the exchange and of the machine, both set by hand."""
    return FixedClock(NOON)


@pytest.fixture
def server(clock: FixedClock) -> Iterator[BybitServer]:
    """A running exchange with an empty account."""
    with bybit_server(lambda: clock.now().timestamp()) as running:
        yield running


@pytest.fixture
def new_office(
    new_database: Callable[[], str], tmp_path: Path, models: Path, server: BybitServer, clock: FixedClock
) -> Iterator[Callable[..., Office]]:
    """Makes offices, each on a database of its own, all on the same account."""
    opened: list[Database] = []

    def make(**settings: Any) -> Office:
        opened.append(Database(new_database()))
        return Office(opened[-1], tmp_path / str(len(opened)), models, server, clock, **settings)

    yield make
    for database in opened:
        database.dispose()


@pytest.fixture
def office(new_office: Callable[..., Office]) -> Office:
    """One office."""
    return new_office()
