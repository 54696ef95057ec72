"""A real desk: uvicorn on a free port, a real Postgres, and programs and browsers that call it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Literal

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.conftest import FixedClock
from xfg_pipeline.desk.access import Access
from xfg_pipeline.desk.app import create_app
from xfg_pipeline.desk.passwords import hash_password
from xfg_pipeline.resources.health import check_health
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.file_imports import FileImport
from xfg_pipeline.storage.web_access import WebAccessRepository

USER, PASSWORD, TOKEN = "admin", "correct horse battery", "xfg_test_token_0123456789abcdef"
NOW = datetime(2025, 10, 16, 13, 41, 12, tzinfo=UTC)
DAY = date(2025, 10, 16)
"""A Thursday: its week began on Monday the 13th, Columbus Day, on which the NYSE is open."""

ES = {
    "overnight_high": 6718.50,
    "overnight_low": 6605.75,
    "vwap": 6626.4167,
    "vah": 6703.75,
    "val": 6678.75,
    "poc": 6693.75,
    "previous_day_high": 6711.50,
    "previous_day_low": 6661.75,
    "previous_day_close": 6694.50,
}
NQ = {
    "overnight_high": 25044.25,
    "overnight_low": 24502.50,
    "vwap": 24587.5833,
    "vah": 24950.75,
    "val": 24829.25,
    "poc": 24901.75,
    "previous_day_high": 24965.00,
    "previous_day_low": 24724.50,
    "previous_day_close": 24920.50,
}
ES_PIVOTS = {
    "pivot_ba_high": 6750.0,
    "pivot_high": 6722.25,
    "pivot": 6690.5,
    "pivot_low": 6655.0,
    "pivot_ba_low": 6610.0,
}
NQ_PIVOTS = {
    "pivot_ba_high": 25120.0,
    "pivot_high": 25010.0,
    "pivot": 24890.5,
    "pivot_low": 24760.0,
    "pivot_ba_low": 24610.25,
}


def export(levels: dict[str, float], day: date = DAY) -> bytes:
    """A wide export of one row, as the README names its columns."""
    header = ",".join(["Date", *levels])
    return f"{header}\n{day:%Y-%m-%d},{','.join(str(price) for price in levels.values())}\n".encode()


@dataclass
class Desk:
    """A running desk and what a test needs to talk to it."""

    url: str
    pipeline: Pipeline
    access: Access
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, **arguments: Any) -> httpx.Client:
        """A caller of its own, without credentials unless they are given."""
        # There is no TLS here, and reading the certificates of the world takes longer than most tests.
        made = httpx.Client(base_url=self.url, timeout=30, verify=False, **arguments)
        self.clients.append(made)
        return made

    def leave(self) -> None:
        """Close what callers hold open."""
        for client in self.clients:
            client.close()

    def program(self) -> httpx.Client:
        """A program with the API token."""
        return self.client(headers={"Authorization": f"Bearer {TOKEN}"})

    def person(self) -> httpx.Client:
        """Somebody who has logged in by the form, in a browser."""
        client = self.client(headers={"Sec-Fetch-Site": "same-origin"})
        answer = client.post("/login", data={"username": USER, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return client

    def bring(self, levels: dict[str, float], name: str, day: date = DAY) -> FileImport:
        """A file, as the inbox brings it."""
        return self.pipeline.importer.import_bytes(export(levels, day), name, by="inbox")


def desk_app(pipeline: Pipeline, access: Access) -> FastAPI:
    """The desk on these objects."""
    return create_app(
        settings=pipeline.settings,
        database=pipeline.database,
        clock=pipeline.clock,
        level_book=pipeline.book,
        importer=pipeline.importer,
        signal_book=pipeline.signals,
        light_book=pipeline.light_book,
        performance_book=pipeline.performance_book,
        access=access,
        # A desk alone: Dagster's part of being ready is tried where Dagster runs.
        health=partial(check_health, pipeline.settings, ("postgres", "migrations", "inbox")),
    )


def access_of(pipeline: Pipeline) -> Access:
    """The logins of these objects."""
    settings = pipeline.settings
    secret = settings.secret_key.get_secret_value() if settings.secret_key else ""
    return Access(pipeline.database, secret, TOKEN, pipeline.clock, https=settings.public_https)


@contextmanager
def listening(app: ASGIApp, *, lifespan: Literal["on", "off"] = "on") -> Iterator[str]:
    """The app under uvicorn on a free port; its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan=lifespan, ws="none", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started:
        assert thread.is_alive(), "the desk did not start"
        assert time.monotonic() < until, "the desk did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive(), "the desk did not stop"


@contextmanager
def serving(pipeline: Pipeline, access: Access | None = None) -> Iterator[Desk]:
    """A desk with a server of its own, for tests that stop it or change its settings."""
    access = access or access_of(pipeline)
    with listening(desk_app(pipeline, access)) as url:
        desk = Desk(url, pipeline, access)
        yield desk
        desk.leave()


class Stage:
    """One server for many tests: each puts its own desk on it. Starting and stopping would be half of the time."""

    app: ASGIApp | None = None
    url = ""
    at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None, "no test is running"
        self.at_work += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.at_work -= 1

    def clear(self) -> None:
        """Wait for what a closed browser still asked for, so that no answer outlives its database."""
        until = time.monotonic() + 10
        while self.at_work:
            assert time.monotonic() < until, "a request does not end"
            time.sleep(0.005)
        self.app = None


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The server that tests share, and nothing on it."""
    made = Stage()
    with listening(made, lifespan="off") as made.url:
        yield made


@pytest.fixture
def clock() -> FixedClock:
    """Thursday 2025-10-16, 09:41:12 in New York: the regular session has begun."""
    return FixedClock(NOW)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Made once: a tenth of a second for each test would be most of the time."""
    return hash_password(PASSWORD)


@pytest.fixture
def desk(pipeline: Pipeline, password_hash: str, clock: FixedClock, stage: Stage) -> Iterator[Desk]:
    """A running desk with a password, and nothing else."""
    WebAccessRepository(pipeline.database).save_user(USER, password_hash, "admin", clock.now())
    access = access_of(pipeline)
    stage.app = desk_app(pipeline, access)
    running = Desk(stage.url, pipeline, access)
    yield running
    running.leave()
    stage.clear()


@pytest.fixture(scope="module")
def still_desk(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory, password_hash: str
) -> Iterator[Desk]:
    """One desk for many calls that must change nothing; it stays empty."""
    url = new_database()
    settings = Settings(
        xfg_home=tmp_path_factory.mktemp("home"),
        database_url=url,
        secret_key="a secret key of the tests, long enough",
        xfg_api_token=TOKEN,
        _env_file=None,
    )
    database = Database(url)
    pipeline = Pipeline(settings, database, FixedClock(NOW))
    pipeline.folders.make()
    WebAccessRepository(database).save_user(USER, password_hash, "admin", NOW)
    with serving(pipeline) as running:
        yield running
    database.dispose()


@pytest.fixture
def api(desk: Desk) -> httpx.Client:
    """A program with the API token."""
    return desk.program()


@pytest.fixture
def post(api: httpx.Client) -> Callable[..., httpx.Response]:
    """Types pivots by the API."""

    def send(levels: Any, symbol: Any = "ES", day: Any = str(DAY), **headers: str) -> httpx.Response:
        body = {"symbol": symbol, "trading_date": day, "levels": levels}
        return api.post("/api/v2/manual-levels", json=body, headers=headers)

    return send
