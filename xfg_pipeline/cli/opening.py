"""What commands work on: the database of the settings, the pipeline on it, and the running service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from xfg_pipeline.cli.words import CommandFailed

if TYPE_CHECKING:
    from xfg_pipeline.resources.pipeline import Pipeline
    from xfg_pipeline.resources.signal_book import SignalBook
    from xfg_pipeline.settings import Settings
    from xfg_pipeline.storage.database import Database


@contextmanager
def open_database(settings: Settings, *, lasting: bool = False, existing: bool = False) -> Iterator[Database]:
    """The database of the settings, started for this command if need be. `existing`: create nothing."""
    from xfg_pipeline.service.postgres import embedded_database
    from xfg_pipeline.storage.database import Database

    if existing and settings.database_url is None and not (settings.home / "postgres" / "data").exists():
        raise CommandFailed(f"There is no database below {settings.home} yet: run `xfg db create` or `xfg up`.")
    with embedded_database(settings, lasting=lasting) as url:
        database = Database(url)
        try:
            yield database
        finally:
            database.dispose()


@contextmanager
def open_pipeline(*, lasting: bool = False, existing: bool = False) -> Iterator[Pipeline]:
    """The pipeline's objects on a database whose tables are up to date. `existing`: create and migrate nothing."""
    from xfg_pipeline.clock import SystemClock
    from xfg_pipeline.resources.pipeline import Pipeline
    from xfg_pipeline.settings import load_settings
    from xfg_pipeline.storage.migrate import pending, upgrade

    settings = load_settings()
    with open_database(settings, lasting=lasting, existing=existing) as database:
        if not existing:
            upgrade(database)
        elif missing := pending(database):
            raise CommandFailed(f"Migrations are missing ({', '.join(missing)}): run `xfg db upgrade`.")
        yield Pipeline(settings, database, SystemClock())


@contextmanager
def open_signal_book() -> Iterator[tuple[SignalBook, datetime]]:
    """Signals and decisions, and the market's time as of which they are asked for."""
    from xfg_pipeline.exchange.market import MarketError

    with open_pipeline(existing=True) as pipeline:
        book = pipeline.signals
        try:
            as_of = book.now()
        except MarketError as error:
            raise CommandFailed(f"The market cannot be read: {error}") from error
        yield book, as_of


def running_settings() -> Settings:
    """The settings, with the database of the running service in them (none when nothing runs)."""
    from pydantic import SecretStr

    from xfg_pipeline.service.layout import Layout, written_ports
    from xfg_pipeline.service.postgres import running_database
    from xfg_pipeline.settings import load_settings

    settings = load_settings()
    url = running_database(settings)
    if url is None:
        return settings.model_copy(update={"database_url": None})
    return settings.model_copy(update={"database_url": SecretStr(url), **written_ports(Layout.of(settings))})
