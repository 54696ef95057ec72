"""`xfg up`: everything started in order, watched until Ctrl-C or SIGTERM, and stopped in bounded time."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from xfg_pipeline.clock import SystemClock
from xfg_pipeline.inbox.importer import Importer
from xfg_pipeline.resources.health import Dependency, check_health, heartbeat_ages
from xfg_pipeline.service import first_start, orphans
from xfg_pipeline.service.console import Console
from xfg_pipeline.service.errors import ServiceError
from xfg_pipeline.service.layout import Layout, Sockets, secret_key
from xfg_pipeline.service.postgres import EmbeddedPostgres
from xfg_pipeline.service.programs import (
    CODE_SERVER,
    DAEMON,
    DAGSTER_WEB,
    DESK,
    environment,
    write_dagster_home,
    write_supervisor_configuration,
)
from xfg_pipeline.service.supervision import Supervisor, stop_leftover
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.migrate import upgrade

READY_WITHIN = 180.0
"""Seconds after which a start is given up; a warm one takes about ten."""


class Asked(BaseException):
    """Somebody asked us to stop (Ctrl-C, SIGTERM, a closed terminal)."""


def run(settings: Settings, console: Console) -> None:
    """Start, serve, stop. Returns after an asked stop; raises `ServiceError` when something cannot go on."""
    started = time.monotonic()
    layout = Layout.of(settings)
    with ExitStack() as stack:
        made = layout.prepare()
        stack.enter_context(_only_one(layout))
        stack.enter_context(_stopped_by_signals(console))
        try:
            if stop_leftover(layout):
                console.line("Cleaned up", "a service that an earlier, killed xfg up had left running")
            _refuse_taken_ports(settings)
            supervisor = _start(settings, layout, console, stack, fresh=layout.home in made)
            console.line("", f"Ready after {time.monotonic() - started:.0f} s. Ctrl-C stops everything.", strong=True)
            _watch(supervisor, console)
        except Asked:
            console.line("Stopping", "everything; Postgres last")
        finally:
            _ignore_signals(console)
            stopping = time.monotonic()
            stack.close()
    console.line("Stopped", f"after {time.monotonic() - stopping:.1f} s; the data is in {layout.home}")


def _start(settings: Settings, layout: Layout, console: Console, stack: ExitStack, *, fresh: bool) -> Supervisor:
    practice = settings.trading_mode == "practice"
    console.line(
        "Mode",
        "PRACTICE: nothing is sent to an exchange" if practice else "LIVE: the account is real",
        strong=True,
    )
    console.line("Data", f"{layout.home}{' (new)' if fresh else ''}")
    key = secret_key(settings, layout)
    sockets = Sockets.of(layout)
    sockets.write(layout, settings)
    write_dagster_home(layout, sockets)
    embedded = settings.database_url is None
    with console.working("Postgres"):
        url = _prepared_postgres(layout) if settings.database_url is None else settings.database_url.get_secret_value()
        variables = environment(settings, layout, sockets, database_url=url, key=key)
        supervisor = Supervisor(
            layout,
            write_supervisor_configuration(layout, with_postgres=embedded),
            variables,
            sockets.supervisor,
        )
        stack.callback(supervisor.stop)
        supervisor.start()
        if embedded:
            _await_postgres(layout, supervisor)
    address = url.rpartition("@")[2].partition("?")[0]
    console.line("Postgres", f"{address} ({'embedded' if embedded else 'DATABASE_URL'})")

    database = Database(url, pool_size=2)
    stack.callback(database.dispose)
    clock = SystemClock()
    with console.working("Database"):
        applied = upgrade(database)
        migration = first_start.start_dagster_tables(layout, database, variables)
        password = first_start.ensure_password(settings, first_start.access_to(settings, database, key, clock))
    console.line("Database", f"migrated: {', '.join(applied)}" if applied else "up to date")
    # Said at once: a start that is broken off later must not take the only sight of it away.
    login = f"user {settings.web_username}, " + (
        f"password {password}  (shown this once; `xfg password` sets another)"
        if password
        else "password from WEB_PASSWORD"
        if settings.web_password
        else "the password you have set (`xfg password` sets another)"
    )
    console.line("Login", f"{login}; the same for the desk and Dagster", strong=password is not None)
    if not practice and (retired := Importer(database, settings.level_rules(), clock).retire_samples()):
        console.line("Samples", f"{retired} invented exports of practice were taken out of the levels")
    # A folder that a person named is for that person's files.
    if practice and settings.csv_watch_folder is None and first_start.place_samples(layout, clock):
        console.line("Samples", "two invented exports were put into the inbox, to have something to look at")
    with console.working("Dagster's tables"):
        supervisor.start_program(DESK)
        first_start.finish_dagster_tables(layout, migration)
    with console.working("Dagster and the desk"):
        since = time.monotonic()
        supervisor.start_program(CODE_SERVER)
        supervisor.start_program(DAGSTER_WEB)
        _await_ready(settings, url, database, supervisor, since)
    console.line("Desk", f"http://127.0.0.1:{settings.port}", strong=True)
    console.line("Dagster", f"http://127.0.0.1:{settings.dagster_port}", strong=True)
    console.line("Inbox", str(settings.inbox))
    console.line("Signals", first_start.signals_line(settings, fresh=fresh))
    console.line("Next", "drop a MotiveWave export into the inbox; open the desk and enter the pivots")
    return supervisor


def _prepared_postgres(layout: Layout) -> str:
    """The URL of the embedded Postgres, created as needed but not started: its own process does that."""
    postgres = EmbeddedPostgres(layout.postgres)
    postgres.prepare()
    url = postgres.url
    postgres.stop()
    return url


def _await_postgres(layout: Layout, supervisor: Supervisor) -> None:
    postgres = EmbeddedPostgres(layout.postgres)
    deadline = time.monotonic() + 60
    while True:
        try:
            postgres.wait_ready(0.5)
            return
        except ServiceError as error:
            if supervisor.pid is None or time.monotonic() > deadline:
                raise ServiceError(f"{error} See {layout.logs / 'postgres.log'}") from None


def _await_ready(settings: Settings, url: str, database: Database, supervisor: Supervisor, since: float) -> None:
    """Until each process answers for itself. Raises `ServiceError` that names what does not."""
    from pydantic import SecretStr

    told = settings.model_copy(update={"database_url": SecretStr(url)})
    parts = ("dagster_code_server", "dagster_webserver", "desk")
    missing: list[Dependency] = []
    deadline = since + READY_WITHIN
    daemon_started = False
    while time.monotonic() < deadline:
        missing = [part for part in check_health(told, parts).dependencies if not part.ok]
        if not daemon_started and "dagster_code_server" not in {part.name for part in missing}:
            # A daemon that finds no code server looks for it again after a minute only.
            supervisor.start_program(DAEMON)
            daemon_started = True
        if not missing and _daemon_reported(database, time.monotonic() - since):
            return
        if supervisor.pid is None:
            raise ServiceError(f"supervisord has died; see {settings.home / 'logs' / 'supervisord.log'}")
        time.sleep(0.2)
    what = "; ".join(f"{part.name} {part.detail}" for part in missing) or "the Dagster daemon does not report"
    raise ServiceError(f"Not ready after {READY_WITHIN:.0f} s: {what}. The logs are in {settings.home / 'logs'}")


def _daemon_reported(database: Database, within: float) -> bool:
    """Whether a heartbeat came from this start and not from the one before."""
    ages = heartbeat_ages(database)
    return "SENSOR" in ages and ages["SENSOR"] < within


def _watch(supervisor: Supervisor, console: Console) -> None:
    """Until a signal (`Asked`), or until supervisord dies (`ServiceError`). Tells of restarted programs."""
    known = {name: state.pid for name, state in supervisor.states().items()}
    while True:
        time.sleep(0.5)
        pid = supervisor.pid
        if pid is None:
            raise ServiceError("supervisord has died, and its processes stop with it. Start again: nothing is lost.")
        orphans.reap(keep=(pid,))
        for name, state in supervisor.states().items():
            if state.pid and state.pid != known.get(name):
                if known.get(name):
                    console.line("Restarted", f"{name} had died and was started again; see its log")
                known[name] = state.pid


@contextmanager
def _only_one(layout: Layout) -> Iterator[None]:
    descriptor = os.open(layout.run / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise ServiceError(
                f"Another xfg up (process {holder}) holds {layout.home}: stop it, or set another XFG_HOME."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _refuse_taken_ports(settings: Settings) -> None:
    for name, port in (("PORT", settings.port), ("DAGSTER_PORT", settings.dagster_port)):
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise ServiceError(
                        f"Port {port} is taken by another program: set {name} to a free one ({port + 1}?)."
                    ) from None
                raise ServiceError(
                    f"{settings.host}:{port} cannot be used ({error.strerror}): change HOST or {name}."
                ) from None


@contextmanager
def _stopped_by_signals(console: Console) -> Iterator[None]:
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def ask(number: int, frame: FrameType | None) -> None:
        del number, frame
        _ignore_signals(console)
        raise Asked

    for name in before:
        signal.signal(name, ask)
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _ignore_signals(console: Console) -> None:
    """From the first signal on, another one only says that stopping goes on: nothing is cut short."""

    def already(number: int, frame: FrameType | None) -> None:
        del number, frame
        console.line("Stopping", "already; give it a moment")

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, already)
