"""Ground for slots: a pipeline on the simulated market with a small ensemble that believes in breakouts."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.conftest import FixedClock
from tests.signals.sharp_ensemble import write_sharp_ensemble
from xfg_pipeline.resources.feeding import feed
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.predicting import predict
from xfg_pipeline.resources.resolving import resolve
from xfg_pipeline.resources.selecting import publish
from xfg_pipeline.resources.slot_lights import LightsBetween, without_light
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.resources.slots_due import catch_up_from, work_of
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database

COINS = ("BTC", "SOL", "XRP")
DAY = datetime(2025, 11, 18, tzinfo=UTC)
SLOT = timedelta(minutes=15)


@pytest.fixture(scope="session")
def sharp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models folder."""
    return write_sharp_ensemble(tmp_path_factory.mktemp("sharp"))


class Trial:
    """A pipeline of its own: slots are run on it as the assets do."""

    def __init__(self, database: Database, home: Path, models: Path, **trading: Any) -> None:
        self.database = database
        # Most tests of slots are about what there is before a light.
        self.lights: LightsBetween = without_light
        self.clock = FixedClock(DAY)
        self.settings = Settings(
            xfg_home=home,
            market={"coins": COINS},
            models={"path": models},
            trading={"min_volume_ratio": "1.2", "min_risk_reward": "1.6", **trading},
            _env_file=None,
        )
        self.pipeline = Pipeline(self.settings, database, self.clock)

    def backfill(self, start: datetime, end: datetime, *, now: datetime | None = None) -> None:
        """The UTC days of a range, seen from their end."""
        self.clock.at = now or end
        self._carry(SlotWork(start, end, self.clock.at))

    def slot(self, slot: datetime, *, late: timedelta = timedelta(seconds=6)) -> None:
        """What the schedule's run of a slot does."""
        self.clock.at = slot + late
        start = catch_up_from(self.pipeline, slot).replace(hour=0, minute=0)
        end = datetime.combine(slot.date() + timedelta(days=1), time(), UTC)
        self._carry(lambda: work_of(self.pipeline, start, end, slot, slot), whole=SlotWork(start, end, slot, slot))

    def _carry(self, work: SlotWork | Callable[[], SlotWork], whole: SlotWork | None = None) -> None:
        def now() -> SlotWork:
            return work if isinstance(work, SlotWork) else work()

        feed(self.pipeline, whole or now(), print)
        predict(self.pipeline, now())
        publish(self.pipeline, now(), self.lights)
        resolve(self.pipeline, whole or now())

    def rows(self, table: str, start: datetime = DAY, end: datetime = DAY + timedelta(days=1)) -> list[dict[str, Any]]:
        """What was stored of a range, without what tells when and how it was made."""
        made = ("id", "mode", "made_at", "created_at", "evaluated_at", "status")
        query = sa.text(f"SELECT * FROM {table} WHERE slot >= :start AND slot < :end ORDER BY market, coin, slot")
        with self.database.read() as connection:
            found = connection.execute(query, {"start": start, "end": end}).mappings().all()
        return [{name: value for name, value in row.items() if name not in made} for row in found]

    def all(self, query: str, **facts: Any) -> list[dict[str, Any]]:
        """The rows of a query."""
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(sa.text(query), facts).mappings()]


@pytest.fixture
def new_trial(new_database: Callable[[], str], tmp_path: Path, sharp: Path) -> Iterator[Callable[..., Trial]]:
    """Makes trials, each on a database of its own."""
    opened: list[Database] = []

    def make(**trading: Any) -> Trial:
        opened.append(Database(new_database()))
        return Trial(opened[-1], tmp_path / str(len(opened)), sharp, **trading)

    yield make
    for database in opened:
        database.dispose()


@pytest.fixture
def trial(new_trial: Callable[..., Trial]) -> Trial:
    """One trial."""
    return new_trial()
