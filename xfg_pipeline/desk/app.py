"""The desk put together: routes, the boundary around them, and one way in which all of them fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from xfg_pipeline.clock import Clock
from xfg_pipeline.desk import (
    api_page,
    dagster_page,
    health_api,
    imports_api,
    levels_api,
    levels_page,
    login_page,
    performance_api,
    signals_api,
    signals_page,
    status_api,
    status_page,
    trades_page,
)
from xfg_pipeline.desk.access import Access
from xfg_pipeline.desk.boundary import Boundary
from xfg_pipeline.desk.desk_room import Room
from xfg_pipeline.desk.errors import ApiError, error_response
from xfg_pipeline.desk.json_body import field_errors
from xfg_pipeline.desk.openapi import describe
from xfg_pipeline.desk.pages import STATIC
from xfg_pipeline.exchange.market import MarketError
from xfg_pipeline.inbox.importer import Importer
from xfg_pipeline.resources.health import READY_PARTS, Health, check_health
from xfg_pipeline.resources.level_book import LevelBook
from xfg_pipeline.resources.light_book import LightBook
from xfg_pipeline.resources.performance_book import PerformanceBook
from xfg_pipeline.resources.signal_book import RangeRefused, SignalBook
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database, DatabaseUnavailable

API = "/api/v2"
# Requests worked on at once. Each holds one connection at most, so the pool never runs dry.
THREADS = 16


def create_app(
    *,
    settings: Settings,
    database: Database,
    clock: Clock,
    level_book: LevelBook,
    importer: Importer,
    signal_book: SignalBook,
    light_book: LightBook,
    performance_book: PerformanceBook,
    access: Access | None = None,
    health: Callable[[], Health] | None = None,
) -> FastAPI:
    """The ASGI app of the desk. Raises ValueError without a SECRET_KEY: sessions would mean nothing.

    `health` answers /readyz; by default it looks at what the pipeline needs to work.
    """
    secret = settings.secret_key.get_secret_value() if settings.secret_key else ""
    token = settings.xfg_api_token.get_secret_value() if settings.xfg_api_token else None
    access = access or Access(database, secret, token, clock, https=settings.public_https)
    app = FastAPI(
        title="xfg desk",
        version=version("xfg-pipeline"),
        lifespan=_threads,
        summary=(
            "Structural levels: what holds, what is missing. Signals: what is ready, and why there is not more. "
            "The light: whether to trade at all, and what it is decided by."
        ),
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
        redirect_slashes=False,
    )
    rules = settings.level_rules()
    health = health or partial(check_health, settings, READY_PARTS)
    app.state.room = Room(
        settings=settings,
        rules=rules,
        database=database,
        clock=clock,
        level_book=level_book,
        importer=importer,
        signal_book=signal_book,
        light_book=light_book,
        performance_book=performance_book,
        access=access,
        health=health,
    )
    for pages in (
        levels_page, signals_page, status_page, trades_page, login_page, api_page, dagster_page, health_api
    ):  # fmt: skip
        app.include_router(pages.router)
    for api in (levels_api, imports_api, signals_api, status_api, performance_api):
        app.include_router(api.router, prefix=API)
    app.include_router(health_api.router, prefix=API, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    describe(app)
    for kind in (HTTPException, DatabaseUnavailable, MarketError, RangeRefused):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(
        Boundary,
        access=access,
        hosts=settings.trusted_hosts,
        https=settings.public_https,
        upload_limit=rules.max_file_bytes,
    )
    return app


@asynccontextmanager
async def _threads(app: FastAPI) -> AsyncIterator[None]:
    del app
    current_default_thread_limiter().total_tokens = THREADS
    yield


async def _answer(request: Request, error: Exception) -> Response:
    return error_response(error, request.scope)


async def _invalid(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    return error_response(ApiError(422, fields=field_errors(list(found))), request.scope)
