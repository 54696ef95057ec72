"""`python -m xfg_pipeline.desk`: the desk under uvicorn, on loopback unless HOST says otherwise."""

from __future__ import annotations

import sys

from fastapi import FastAPI

from xfg_pipeline.settings import Settings, SettingsError, load_settings
from xfg_pipeline.storage.database import DatabaseUnavailable

SHUTDOWN_SECONDS = 4
# With the pool's overflow of the same size: a connection for each thread of the app.
POOL_SIZE = 8


def build(settings: Settings) -> FastAPI:
    """The desk on the database of the settings. Raises SettingsError for what only the desk needs."""
    from xfg_pipeline.clock import SystemClock
    from xfg_pipeline.desk.access import Access
    from xfg_pipeline.desk.app import create_app
    from xfg_pipeline.resources.pipeline import Pipeline
    from xfg_pipeline.storage.database import Database

    if settings.database_url is None:
        raise SettingsError("DATABASE_URL: the desk needs one; `xfg up` starts a database and sets it")
    if settings.secret_key is None:
        raise SettingsError("SECRET_KEY: the desk needs one, of 16 characters or more; `xfg up` makes one")
    clock = SystemClock()
    database = Database(settings.database_url.get_secret_value(), pool_size=POOL_SIZE)
    token = settings.xfg_api_token.get_secret_value() if settings.xfg_api_token else None
    access = Access(database, settings.secret_key.get_secret_value(), token, clock, https=settings.public_https)
    if settings.web_password is not None:
        access.ensure_password(settings.web_username, settings.web_password.get_secret_value())
    pipeline = Pipeline(settings, database, clock)
    return create_app(
        settings=settings,
        database=database,
        clock=clock,
        level_book=pipeline.book,
        importer=pipeline.importer,
        signal_book=pipeline.signals,
        light_book=pipeline.light_book,
        performance_book=pipeline.performance_book,
        access=access,
    )


def main() -> int:
    import uvicorn

    try:
        settings = load_settings()
        app = build(settings)
    except SettingsError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except DatabaseUnavailable as gone:
        print(gone, file=sys.stderr)
        return 1
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        # A header that anybody can send must not choose the address that guesses are counted by.
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=30,
        limit_concurrency=200,
        h11_max_incomplete_event_size=64 * 1024,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
