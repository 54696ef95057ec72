"""What a fresh XFG_HOME needs once: a password to log in with, Dagster's tables, something in the inbox."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version

import sqlalchemy as sa

from xfg_pipeline.clock import Clock
from xfg_pipeline.desk.access import Access
from xfg_pipeline.inbox.examples import place
from xfg_pipeline.service.errors import ServiceError
from xfg_pipeline.service.layout import Layout, write_private
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database

# No look-alikes (0 O 1 l I): it is typed from a screen.
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def access_to(settings: Settings, database: Database, key: str, clock: Clock) -> Access:
    """The desk's Access with the given session key."""
    token = settings.xfg_api_token
    return Access(database, key, token.get_secret_value() if token else None, clock, https=settings.public_https)


def generate_password() -> str:
    """Sixteen letters and digits in four groups: 92 bits, and still typed without a mistake."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def ensure_password(settings: Settings, access: Access) -> str | None:
    """See that somebody can log in. The generated password, to be shown once; None when there was one.

    Raises `ServiceError` in live mode without any: there nothing is generated behind a person's back.
    """
    if settings.web_password is not None:
        access.ensure_password(settings.web_username, settings.web_password.get_secret_value())
        return None
    if access.is_set_up():
        return None
    if settings.trading_mode == "live":
        raise ServiceError("Live mode needs a password: set WEB_PASSWORD, or run `xfg password` first.")
    generated = generate_password()
    access.set_password(settings.web_username, generated)
    return generated


def place_samples(layout: Layout, clock: Clock) -> bool:
    """Put the sample exports into the inbox of a new XFG_HOME. True when it was done now."""
    done = layout.run / "samples_placed"
    if done.exists():
        return False
    place(layout.inbox, clock)
    write_private(done, "")
    return True


def signals_line(settings: Settings, *, fresh: bool) -> str:
    """Where signals come from and that a new home computes a month of them first, or what they wait for."""
    provider = settings.market_provider
    if provider != "simulated" and settings.models.path is None:
        return (
            f"none: models.path names no ensemble, and that of practice is refused on {provider}; candles are kept "
            "(docs/models.md)"
        )
    source = {
        "simulated": "a simulated market and its practice ensemble, a demonstration",
        "bybit": "Bybit's candles",
        "replay": f"recorded candles in {settings.market.replay.folder}",
    }[provider]
    first = "; the last 30 days are computed now, see Runs in Dagster" if fresh and provider != "replay" else ""
    is_keyless = settings.equity is None and settings.bybit.api_key is None
    unsized = "; none can be sized without an API key (bybit.api_key) or trading.equity" if is_keyless else ""
    return f"every 15 minutes from {source}{first}{unsized}"


def start_dagster_tables(
    layout: Layout, database: Database, environment: Mapping[str, str]
) -> subprocess.Popen[bytes] | None:
    """Begin to create or migrate Dagster's own tables; None when they are those of the installed version.

    Done by one process before the others start: they would create them all at once.
    """
    with database.read() as connection:
        exists = connection.execute(sa.text("SELECT to_regclass('dagster.alembic_version')")).scalar() is not None
    if exists and _migrated_to(layout) == version("dagster"):
        return None
    with (layout.logs / "dagster-migrate.log").open("ab") as log:
        words = [sys.executable, "-m", "dagster", "instance", "migrate"]
        return subprocess.Popen(
            words,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def finish_dagster_tables(layout: Layout, migration: subprocess.Popen[bytes] | None) -> bool:
    """Wait for it. True when something was done. Raises `ServiceError` when it failed."""
    if migration is None:
        return False
    try:
        status = migration.wait(180)
    except subprocess.TimeoutExpired:
        status = -1
    finally:
        if migration.poll() is None:
            migration.kill()
            migration.wait()
    if status != 0:
        raise ServiceError(f"Dagster's tables could not be made; see {layout.logs / 'dagster-migrate.log'}")
    write_private(layout.dagster / "migrated", version("dagster"))
    return True


def _migrated_to(layout: Layout) -> str | None:
    try:
        return (layout.dagster / "migrated").read_text().strip()
    except OSError:
        return None
