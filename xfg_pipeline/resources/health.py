"""Is everything there that the pipeline leans on? One quick look at each, for `xfg health` and /readyz."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from xfg_pipeline.clock import SystemClock
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage import service_marks
from xfg_pipeline.storage.database import Database, DatabaseUnavailable

READY_PARTS = ("postgres", "migrations", "dagster_code_server", "dagster_daemon", "inbox")
"""What the desk's /readyz asks for."""

DAEMONS = frozenset({"SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR", "BACKFILL", "MONITORING"})
HEARTBEAT_SECONDS = 120.0
_LEAST_FREE_BYTES = 200 * 1024 * 1024
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Dependency:
    """One thing that the pipeline needs. `detail` is a phrase for a person."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Health:
    """All dependencies that were looked at, in the order in which they depend on each other."""

    dependencies: tuple[Dependency, ...]

    @property
    def ok(self) -> bool:
        """True when every dependency is there."""
        return all(part.ok for part in self.dependencies)

    def to_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "dependencies": [asdict(part) for part in self.dependencies]}


class _Down(Exception):
    """A dependency is not there; the text says how."""


def check_health(settings: Settings, parts: Collection[str] | None = None) -> Health:
    """Look at each dependency (`parts`: only those). Never raises; usually well below a second, at most 5 s.

    Needs `settings.database_url`, also for the embedded Postgres: the service gives it to its processes.
    """
    looks: dict[str, Callable[[Settings], str]] = {
        "postgres": _postgres,
        "migrations": _migrations,
        "dagster_code_server": _code_server,
        "dagster_daemon": _daemon,
        "dagster_webserver": _dagster_webserver,
        "desk": _desk,
        "inbox": _inbox,
        "inbox_sensor": _inbox_sensor,
        "disk": _disk,
    }
    wanted = [name for name in looks if parts is None or name in parts]
    # Imported here, in one thread: several that import the same at once can wait for each other for ever.
    for module in ("sqlalchemy.dialects.postgresql", "xfg_pipeline.storage.migrate"):
        import_module(module)
    found: dict[str, Dependency] = {}
    threads = [
        threading.Thread(target=_look, args=(name, looks[name], settings, found), daemon=True) for name in wanted
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    silent = "gave no answer within 5 s"
    return Health(tuple(found.get(name) or Dependency(name, False, silent) for name in wanted))


def heartbeat_ages(database: Database) -> dict[str, float]:
    """Seconds since each Dagster daemon last reported, by Postgres's clock. Raises DatabaseUnavailable."""
    import sqlalchemy as sa

    with database.read() as connection:
        if connection.execute(sa.text("SELECT to_regclass('dagster.daemon_heartbeats')")).scalar() is None:
            return {}
        rows = connection.execute(
            sa.text(
                "SELECT daemon_type, extract(epoch FROM now() AT TIME ZONE 'UTC' - timestamp)"
                " FROM dagster.daemon_heartbeats"
            )
        )
        return {name: float(age) for name, age in rows}


def code_server_answers(address: Path, timeout: float = 1.0) -> bool:
    """Whether the Dagster code server on this Unix socket has loaded its definitions and answers."""
    if not address.exists():
        return False
    import grpc  # type: ignore[import-untyped]
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

    with grpc.insecure_channel(f"unix:{address}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service="DagsterApi"), timeout=timeout
            )
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _look(name: str, look: Callable[[Settings], str], settings: Settings, found: dict[str, Dependency]) -> None:
    try:
        found[name] = Dependency(name, True, look(settings))
    except _Down as down:
        found[name] = Dependency(name, False, str(down))
    except DatabaseUnavailable:
        found[name] = Dependency(name, False, "Postgres does not answer")
    except Exception as unexpected:  # noqa: BLE001 (a health check that dies tells nothing)
        found[name] = Dependency(name, False, f"could not be looked at: {type(unexpected).__name__}")


def _database(settings: Settings) -> Database:
    if settings.database_url is None:
        raise _Down("no Postgres runs for this XFG_HOME, and DATABASE_URL is not set")
    return Database(settings.database_url.get_secret_value(), pool_size=1)


def _postgres(settings: Settings) -> str:
    import sqlalchemy as sa

    database = _database(settings)
    try:
        with database.read() as connection:
            version = connection.execute(sa.text("SHOW server_version")).scalar_one()
    finally:
        database.dispose()
    return f"Postgres {str(version).split()[0]}"


def _migrations(settings: Settings) -> str:
    from xfg_pipeline.storage.migrate import current, pending

    database = _database(settings)
    try:
        missing = pending(database)
        if missing:
            raise _Down(f"{len(missing)} not applied ({', '.join(missing)}): run `xfg db upgrade`")
        return f"at {current(database)}"
    finally:
        database.dispose()


def _code_server(settings: Settings) -> str:
    try:
        written = json.loads((settings.home / "run" / "service.json").read_text())
        address = Path(written["code_server"])
    except (OSError, ValueError, KeyError, TypeError):
        raise _Down("not started: run `xfg up`") from None
    if not code_server_answers(address):
        raise _Down("does not answer; see logs/code-server.log")
    return "answers"


def _daemon(settings: Settings) -> str:
    database = _database(settings)
    try:
        ages = heartbeat_ages(database)
    finally:
        database.dispose()
    missing = sorted(name for name in DAEMONS if name not in ages)
    if missing:
        raise _Down(f"never reported: {', '.join(missing).lower()}; see logs/daemon.log")
    late = max(ages[name] for name in DAEMONS)
    if late > HEARTBEAT_SECONDS:
        raise _Down(f"last reported {late:.0f} s ago; see logs/daemon.log")
    return f"reported {late:.0f} s ago"


def _dagster_webserver(settings: Settings) -> str:
    return _alive(settings, settings.dagster_port)


def _desk(settings: Settings) -> str:
    return _alive(settings, settings.port)


def _alive(settings: Settings, port: int) -> str:
    everywhere = settings.host in ("0.0.0.0", "::", "")  # noqa: S104 (compared, not bound)
    connection = http.client.HTTPConnection("127.0.0.1" if everywhere else settings.host, port, timeout=1.0)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        raise _Down(f"does not answer on port {port}") from None
    finally:
        connection.close()
    if status != 200:
        raise _Down(f"answers {status} on port {port}")
    return f"answers on port {port}"


def _inbox(settings: Settings) -> str:
    folder = settings.inbox
    if not folder.is_dir():
        raise _Down(f"{folder} is not there")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise _Down(f"{folder} is not writable")
    return str(folder)


def _inbox_sensor(settings: Settings) -> str:
    database = _database(settings)
    try:
        last = service_marks.read(database, service_marks.LAST_LOOK)
    finally:
        database.dispose()
    age = None if last is None else (SystemClock().now() - last).total_seconds()
    late = settings.look_overdue_after.total_seconds()
    if age is not None and age <= late:
        return f"looked {age:.0f} s ago"
    if _seconds_since_start(settings) < late:
        return "has just been started"
    never = "has never looked at the folder" if age is None else f"looked {age:.0f} s ago"
    raise _Down(f"{never}: files in it wait. Is the sensor inbox switched on in Dagster?")


def _seconds_since_start(settings: Settings) -> float:
    try:
        return time.time() - (settings.home / "run" / "service.json").stat().st_mtime
    except OSError:
        return float("inf")


def _disk(settings: Settings) -> str:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        raise _Down(f"{free // 1024**2} MB free below {folder}")
    return f"{free / 1024**3:.1f} GB free"
