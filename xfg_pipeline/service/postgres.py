"""An embedded Postgres: one cluster in one folder, started as our child, restarted when it dies.

`python -m xfg_pipeline.service.postgres --home DIR` runs it in the foreground for a process supervisor.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from xfg_pipeline.service import orphans
from xfg_pipeline.service.account import Account, account_for
from xfg_pipeline.service.binaries import Binaries, find_binaries
from xfg_pipeline.service.cluster import (
    ROLE,
    SUPERUSER,
    ClusterFolder,
    clean_environment,
    free_port,
    in_main_thread,
    is_free,
    launched,
    seen_by_postgres,
)
from xfg_pipeline.service.errors import ClusterInUse, PostgresError

if TYPE_CHECKING:
    from xfg_pipeline.settings import Settings

log = logging.getLogger(__name__)

_RESTART_EVERY = 0.1
_FAST_SHUTDOWN_WITHIN = 8.0
_IMMEDIATE_SHUTDOWN_WITHIN = 3.0

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    # Parallel workers want /dev/shm, which is 64 MB in a container; the queries here are small.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    # Nobody's statements or values belong in a log.
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
_SYNCFS_SINCE = 14
# Tests make hundreds of databases, and a worker would go round them all the time.
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class EmbeddedPostgres:
    """A Postgres cluster below `data_dir`, on 127.0.0.1.

    `port`: a fixed one; without it a free one is chosen once and remembered. `log_file`: by default
    `data_dir/postgres.log`; `echo` sends the log to our own standard output instead. `durable=False` is for
    tests: a power cut loses data.

    A context manager: started and stopped. Raises `PostgresError` (a text for a person), `ClusterInUse` when
    another process owns the folder.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        log_file: Path | None = None,
        durable: bool = True,
        echo: bool = False,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.folder = ClusterFolder(self.data_dir)
        self.log_file = log_file or self.data_dir / "postgres.log"
        self._asked_port = port
        self._durable = durable
        self._echo = echo
        self._lock_fd: int | None = None
        self._account: Account | None = None
        self._binaries: Binaries | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._spawned_at = 0.0
        self._failing_since: float | None = None
        self._stopping = False
        self._tending = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port in use, or the remembered one. Raises `PostgresError` when there has never been one."""
        port = self.folder.port()
        if port is None:
            raise PostgresError(f"No Postgres has been started in {self.data_dir} yet.")
        return port

    @property
    def url(self) -> str:
        """postgresql://…, of the pipeline's own role and database, with the password."""
        return self.folder.url(ROLE, ROLE, self.port)

    @property
    def pid(self) -> int | None:
        """Process number of the postmaster that this object started, while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def acquire(self, *, lasting: bool = True, timeout: float = 0.0) -> None:
        """Become the one owner of the folder until `stop()`.

        `lasting`: others may rely on this Postgres (a service), or wait for its end (one command).
        Raises `ClusterInUse` when another owner stays longer than `timeout` seconds.
        """
        if self._lock_fd is None:
            self._lock_fd = self.folder.lock(lasting=lasting, timeout=timeout)

    def keep_port(self) -> None:
        """From now on the remembered port or none: others have been told of it."""
        self._asked_port = self.folder.port() or self._asked_port

    def prepare(self) -> None:
        """Become the owner, create a cluster where there is none, end what was left over, choose the port."""
        self.acquire()
        try:
            self._account = account_for(self.folder.data)
            self._binaries = find_binaries(self._account, self.folder.major())
            if not self.folder.data.exists():
                self.folder.create(self._binaries, self._account, durable=self._durable)
            self._clear_predecessor()
            self._decide_on_port()
        except BaseException:
            self.stop()
            raise

    def start(self, timeout: float = 60.0) -> None:
        """Prepare, start, wait until it answers, see to role and database."""
        self.prepare()
        try:
            self._stopping = False
            self._spawn()
            self.wait_ready(timeout, role=SUPERUSER, database="postgres")
            self._see_to_role_and_database()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Fast shutdown (open transactions roll back), immediate after 8 s; then let go of the folder."""
        self._stopping = True
        with self._tending:
            process, self._process = self._process, None
            if process is not None:
                _end(process)
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def supervise(self, stop: threading.Event) -> None:
        """Restart the postmaster whenever it dies, until `stop` is set. Same port, same data."""
        while not stop.wait(_RESTART_EVERY):
            self._tend()

    def wait_ready(self, timeout: float = 60.0, *, role: str = ROLE, database: str = ROLE) -> None:
        """Return once `SELECT 1` is answered; also works for a Postgres that another process owns.

        Raises `PostgresError` after `timeout` seconds, or when our own has been dying for 15.
        """
        import psycopg

        deadline = time.monotonic() + timeout
        while True:
            try:
                url = self.folder.url(role, database, self.port)
                with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
                    connection.execute("SELECT 1")
                return
            except psycopg.OperationalError as error:
                reason = (str(error).strip().splitlines() or ["no reason given"])[-1].strip()
            if self._process is not None:
                self._tend()
                if self._failing_since is not None and time.monotonic() - self._failing_since > 15:
                    raise PostgresError(f"Postgres does not start: {self._last_words()}")
            if time.monotonic() >= deadline:
                raise PostgresError(f"Postgres on 127.0.0.1:{self.port} does not answer: {reason}")
            time.sleep(0.05)

    # Inside.

    def _decide_on_port(self) -> None:
        port = self._asked_port
        if port is None:
            port = self.folder.port()
            if port is None or not is_free(port):
                port = free_port()
        elif not is_free(port):
            raise PostgresError(f"Port {port}, on which Postgres should answer, is taken by another program.")
        if port != self.folder.port():
            self.folder.remember_port(port)

    def _clear_predecessor(self) -> None:
        """End what a killed owner left running here. We hold the lock, so it is nobody's any more."""
        pid = self.folder.written_pid()
        if pid is not None and pid in orphans.postgres_in(self.folder.data):
            log.warning("a Postgres without an owner (process %s) runs on %s: it is stopped", pid, self.data_dir)
            orphans.signal_all([pid], signal.SIGINT)
            orphans.wait_until_gone([pid], _FAST_SHUTDOWN_WITHIN)
        self._quit_orphan_backends()

    def _quit_orphan_backends(self) -> None:
        """Backends of a dead postmaster hold its shared memory: they get what a crash recovery sends them."""
        for name in (signal.SIGQUIT, signal.SIGKILL):
            left = orphans.postgres_in(self.folder.data)
            if not left:
                return
            orphans.signal_all(left, name)
            orphans.wait_until_gone(left, 1.0)

    def _spawn(self) -> None:
        if self._binaries is None:
            raise PostgresError("prepare() comes before the start")
        environment = clean_environment()
        pid = self.folder.written_pid()
        if pid is not None and pid not in orphans.postgres_in(self.folder.data):
            # The number in a stale postmaster.pid may be another process by now, or a zombie. Postgres takes
            # a number that is its own ancestor's for stale; its check of the shared memory still stands.
            environment["PG_GRANDPARENT_PID"] = str(pid)
        settings = {**_SETTINGS, "port": str(self.port), **({} if self._durable else _NOT_DURABLE)}
        if sys.platform == "linux" and (self.folder.major() or 0) >= _SYNCFS_SINCE:
            # After a crash one call for the file system, not one for each file: seconds on a busy disk.
            settings["recovery_init_sync_method"] = "syncfs"
        words = [self._binaries.postgres, "-D", seen_by_postgres(self.folder.data, self._account)]
        for key, value in settings.items():
            words += ["-c", f"{key}={value}"]
        output = None if self._echo else self._open_log()
        try:
            self._process = subprocess.Popen(
                launched(
                    words,
                    self.folder.data,
                    self._account,
                    death_signal=signal.SIGINT if in_main_thread() else None,
                ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output is not None else None,
                cwd="/",
                env=environment,
                start_new_session=True,
            )
        finally:
            if output is not None:
                os.close(output)
        self._spawned_at = time.monotonic()

    def _tend(self) -> None:
        """One look at the postmaster: when it has died, start another."""
        with self._tending:
            orphans.reap(keep=() if self._process is None else (self._process.pid,))
            if self._stopping or self._process is None:
                return
            now = time.monotonic()
            status = self._process.poll()
            if status is None:
                if now - self._spawned_at > 5:
                    self._failing_since = None
                return
            if self._failing_since is None:
                self._failing_since = now
                log.warning("Postgres (process %s) ended with %s: it is started again", self._process.pid, status)
            # What fails for long (a full disk) is tried every second, so that it does not fill the log.
            elif now - self._failing_since > 5 and now - self._spawned_at < 1:
                return
            self._quit_orphan_backends()
            self._spawn()

    def _see_to_role_and_database(self) -> None:
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.folder.url(SUPERUSER, "postgres", self.port), autocommit=True) as connection:
            name = sql.Identifier(ROLE)
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
                # The verifier, not the password: a statement can end up in a log.
                verifier = connection.pgconn.encrypt_password(
                    self.folder.password(ROLE).encode(), ROLE.encode(), b"scram-sha-256"
                ).decode()
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(name, sql.Literal(verifier))
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [ROLE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))

    def _open_log(self) -> int:
        self.log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _last_words(self) -> str:
        if self._echo or not self.log_file.exists():
            return "its log says why."
        lines = self.log_file.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'it says nothing'} ({self.log_file})"


@contextmanager
def embedded_database(settings: Settings, *, lasting: bool = False) -> Iterator[str]:
    """The database's URL for the length of a command: DATABASE_URL, the running service's, or our own start.

    `lasting`: others may join (a command that runs for hours). Raises `PostgresError`.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    postgres = EmbeddedPostgres(settings.home / "postgres", log_file=settings.home / "logs" / "postgres-commands.log")
    deadline = time.monotonic() + 30
    while True:
        try:
            postgres.acquire(lasting=lasting)
            break
        except ClusterInUse:
            owner = postgres.folder.owner()
            if owner is not None and owner.lasting:
                postgres.wait_ready(30)
                yield postgres.url
                return
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.1)
    with postgres:
        yield postgres.url


def running_database(settings: Settings) -> str | None:
    """DATABASE_URL, or the URL of the embedded Postgres while somebody runs it; None when nobody does."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    postgres = EmbeddedPostgres(settings.home / "postgres")
    if postgres.folder.port() is None:
        return None
    try:
        postgres.acquire(lasting=False)
    except ClusterInUse:
        return postgres.url
    postgres.stop()
    return None


def main(arguments: list[str] | None = None) -> None:
    """Run the cluster of a folder in the foreground until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m xfg_pipeline.service.postgres", description=main.__doc__)
    parser.add_argument("--home", type=Path, help="the folder of the cluster (default: $XFG_HOME/postgres)")
    asked = parser.parse_args(arguments)
    home: Path = asked.home or Path(os.environ["XFG_HOME"]) / "postgres"
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    postgres = EmbeddedPostgres(home, echo=True)
    try:
        # After a kill, the owner before us may take a moment to go.
        postgres.acquire(timeout=15)
        postgres.keep_port()
        postgres.start()
        postgres.supervise(stop)
    except PostgresError as error:
        sys.exit(f"postgres: {error}")
    finally:
        postgres.stop()


def _end(process: subprocess.Popen[bytes]) -> None:
    for name, patience in (
        (signal.SIGINT, _FAST_SHUTDOWN_WITHIN),
        (signal.SIGQUIT, _IMMEDIATE_SHUTDOWN_WITHIN),
    ):
        process.send_signal(name)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
    process.kill()
    process.wait()


if __name__ == "__main__":
    main()
