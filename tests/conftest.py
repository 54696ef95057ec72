"""Ground for all tests: one embedded Postgres a session, a fresh migrated database a test, and the real data."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.service.postgres import EmbeddedPostgres
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.migrate import upgrade

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "migrated"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class FixedClock:
    """A clock that stands until a test moves it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@pytest.fixture(scope="session", autouse=True)
def _alone() -> Iterator[None]:
    """No setting of the machine reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.split("__")[0].lower() in Settings.model_fields or name.startswith(("XFG_", "DAGSTER_")):
                patch.delenv(name)
        patch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recorded market data and sample exports beside the repository."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{folder} is missing, and CI always has it")
        pytest.skip(f"recorded data not there: {folder}")
    return folder


@pytest.fixture(scope="session")
def extra() -> None:
    """The libraries of the extra `train`; their absence fails in CI and skips elsewhere, with the reason."""
    from xfg_pipeline.signals.training.third_party import missing_packages

    missing = missing_packages()
    if missing:
        if os.environ.get("CI"):
            pytest.fail(f"the extra `train` is not installed, and CI always has it: {', '.join(missing)}")
        pytest.skip(f"the extra `train` is not installed (make train): {', '.join(missing)}")


@pytest.fixture(scope="session")
def exports(shared_data: Path) -> Path:
    """The sample exports with their expected answers."""
    return shared_data / "exports"


class Cluster:
    """A Postgres that makes databases."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._made = 0

    def url_of(self, name: str) -> str:
        return self.url.rsplit("/", 1)[0] + f"/{name}"

    def create(self, name: str | None = None, *, template: str = "template1") -> str:
        """A new database; its URL."""
        self._made += 1
        name = name or f"test_{self._made}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return self.url_of(name)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real Postgres for the whole session, with a migrated database as a template."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as postgres:
        made = Cluster(postgres.url)
        template = Database(made.create(TEMPLATE))
        upgrade(template)
        template.dispose()
        yield made


@pytest.fixture(scope="session")
def new_database(cluster: Cluster) -> Callable[[], str]:
    """Makes a migrated database from the template; its URL."""
    return lambda: cluster.create(template=TEMPLATE)


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """A fresh migrated database."""
    return new_database()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh migrated database, open."""
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def clock() -> FixedClock:
    """The morning after the sample exports end: Friday 2025-10-17, 09:00 in New York."""
    return FixedClock(datetime(2025, 10, 17, 13, 0, tzinfo=UTC))


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Practice settings whose home is the test's own folder."""
    return Settings(
        xfg_home=tmp_path / "home",
        database_url=database_url,
        secret_key="a secret key of the tests, long enough",
        web_password="correct horse battery",
        xfg_api_token="xfg_test_token_0123456789abcdef",
        _env_file=None,
    )


@pytest.fixture
def pipeline(settings: Settings, database: Database, clock: FixedClock) -> Pipeline:
    """The pipeline's objects on a fresh database and in an own folder."""
    made = Pipeline(settings, database, clock)
    made.folders.make()
    made.inbox.pause = lambda _: None  # files of tests have settled
    return made


@pytest.fixture
def rows(database: Database) -> Callable[..., list[dict[str, object]]]:
    """Runs a query and gives its rows, for looking at what was really stored."""

    def query(text: str, **parameters: object) -> list[dict[str, object]]:
        with database.read() as connection:
            return [dict(row) for row in connection.execute(sa.text(text), parameters).mappings()]

    return query


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """The system's Chromium; its absence fails in CI and skips elsewhere, with the reason."""
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium on this machine, and CI always has one")
        pytest.skip("no Chromium on this machine: the page is not looked at")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield launched
        launched.close()
