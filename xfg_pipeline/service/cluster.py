"""The folder of an embedded Postgres: its data, passwords, port and the lock of its one owner."""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from xfg_pipeline.service import launch
from xfg_pipeline.service.account import Account
from xfg_pipeline.service.binaries import Binaries
from xfg_pipeline.service.errors import ClusterInUse, PostgresError
from xfg_pipeline.service.layout import write_private

ROLE = "xfg"
"""Role and database of the pipeline. The superuser is for this package only."""

SUPERUSER = "postgres"

# Below the range from which Linux takes ports for outgoing connections: ours stays free during a restart.
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True)
class Owner:
    """Who holds the lock. `lasting`: others may rely on its Postgres (a service), or wait for its end."""

    pid: int
    lasting: bool


class ClusterFolder:
    """What lies in `folder` (absolute, 0700). Only `data/` belongs to the account of Postgres."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"

    # The lock.

    def lock(self, *, lasting: bool, timeout: float) -> int:
        """Take the lock; the file descriptor that holds it. Raises `ClusterInUse` after `timeout` seconds."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    owner = self.owner()
                    who = f"process {owner.pid}" if owner else "another process"
                    raise ClusterInUse(f"The Postgres in {self.folder} is already run by {who}.") from None
                time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "lasting": lasting}).encode(), 0)
        return descriptor

    def owner(self) -> Owner | None:
        """The last owner, as it wrote itself down; it may have ended."""
        try:
            written = json.loads((self.folder / "lock").read_text())
            return Owner(int(written["pid"]), bool(written["lasting"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    # Port, passwords, address.

    def port(self) -> int | None:
        """The remembered port; None when Postgres was never started here."""
        try:
            return int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return None

    def remember_port(self, port: int) -> None:
        write_private(self.folder / "port", str(port))

    def password(self, role: str) -> str:
        """Raises `PostgresError` when it cannot be read."""
        path = self._password_file(role)
        try:
            return path.read_text().strip()
        except OSError as error:
            raise PostgresError(f"The password file {path} cannot be read: {error.strerror}.") from None

    def url(self, role: str, database: str, port: int) -> str:
        """postgresql://…, with the password."""
        return f"postgresql://{role}:{quote(self.password(role), safe='')}@127.0.0.1:{port}/{database}"

    def _password_file(self, role: str) -> Path:
        return self.folder / ("superuser_password" if role == SUPERUSER else "password")

    # The data.

    def major(self) -> int | None:
        """Major version that wrote the data; None without data. Raises `PostgresError` for a stranger."""
        try:
            return int((self.data / "PG_VERSION").read_text().strip())
        except FileNotFoundError:
            if self.data.exists():
                raise PostgresError(f"{self.data} exists but holds no Postgres data: move it away.") from None
            return None

    def written_pid(self) -> int | None:
        """Process number in `postmaster.pid`, which a killed Postgres leaves behind."""
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None

    def create(self, binaries: Binaries, account: Account | None, *, durable: bool) -> None:
        """initdb into a folder beside, renamed when complete: a killed start leaves no half cluster.

        Raises `PostgresError` with initdb's last line.
        """
        for left in self.folder.glob("data.unfinished-*"):
            shutil.rmtree(left, ignore_errors=True)
        for role in (SUPERUSER, ROLE):
            if not self._password_file(role).exists():
                write_private(self._password_file(role), secrets.token_urlsafe(24))
        unfinished = self.folder / f"data.unfinished-{secrets.token_hex(4)}"
        unfinished.mkdir(mode=0o700)
        reading, writing = os.pipe()
        try:
            if account is not None:
                os.chown(unfinished, account.uid, account.gid)
                os.fchown(reading, account.uid, account.gid)
            os.write(writing, f"{self.password(SUPERUSER)}\n".encode())
            os.close(writing)
            words = [
                *(binaries.initdb, "-D", seen_by_postgres(unfinished, account), f"--username={SUPERUSER}"),
                *("--auth=scram-sha-256", "--pwfile=/dev/stdin", "--data-checksums"),
                *("--locale=C", "--encoding=UTF8", *(() if durable else ("--no-sync",))),
            ]
            made = subprocess.run(
                launched(words, unfinished, account, death_signal=signal.SIGTERM if in_main_thread() else None),
                stdin=reading,
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                env=clean_environment(),
            )
        finally:
            os.close(reading)
        if made.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            why = (made.stderr.strip() or made.stdout.strip() or "no reason given").splitlines()[-1]
            raise PostgresError(f"No database could be created in {self.folder}: {why}")
        unfinished.rename(self.data)


def seen_by_postgres(folder: Path, account: Account | None) -> str:
    """How the path of `folder` is told to Postgres.

    Another account may not get through to the path (a clone below a 0700 folder); to an open folder it does.
    """
    return str(folder) if account is None else launch.INHERITED


def launched(
    words: list[str], folder: Path, account: Account | None, *, death_signal: signal.Signals | None
) -> list[str]:
    """The words that start a program of Postgres on `folder` under `account`."""
    if account is None:
        return launch.command(words, death_signal=death_signal)
    return launch.command(words, uid=account.uid, gid=account.gid, directory=folder, death_signal=death_signal)


def in_main_thread() -> bool:
    """A death signal comes when the thread that started the process ends: only the main one asks for it."""
    import threading

    return threading.current_thread() is threading.main_thread()


def clean_environment() -> dict[str, str]:
    """Nothing of ours: no secret, no PG… variable, no locale."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    for port in random.sample(_PORTS, 200):
        if is_free(port):
            return port
    raise PostgresError("No free port was found on 127.0.0.1.")
