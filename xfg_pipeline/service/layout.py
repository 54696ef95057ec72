"""Where things are below XFG_HOME, and the private files there. Folders that hold secrets are 0700."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from xfg_pipeline.service.errors import ServiceError
from xfg_pipeline.settings import Settings

# A path of a Unix socket has at most 107 bytes on Linux, 103 on macOS.
_SOCKET_PATH = 100
# gRPC takes the path for a part of a URI.
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")


@dataclass(frozen=True)
class Layout:
    """The folders of one XFG_HOME (absolute). `prepare()` makes them."""

    home: Path
    inbox: Path

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.home, settings.inbox)

    @property
    def postgres(self) -> Path:
        return self.home / "postgres"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.home / "dagster"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """What the running service leaves for others to find it: lock, sockets, process numbers."""
        return self.home / "run"

    def prepare(self) -> list[Path]:
        """Make the folders; those that were missing. Raises `ServiceError` when one cannot be had."""
        made = []
        for folder, mode in (
            (self.home, 0o755),
            (self.postgres, 0o700),
            (self.dagster, 0o700),
            (self.logs, 0o700),
            (self.run, 0o700),
            (self.inbox, 0o755),
        ):
            try:
                if not folder.exists():
                    folder.mkdir(mode=mode, parents=True)
                    made.append(folder)
                elif mode == 0o700 and folder.stat().st_uid == os.geteuid():
                    folder.chmod(mode)
            except OSError as error:
                raise ServiceError(f"The folder {folder} cannot be made: {error.strerror}.") from None
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
                raise ServiceError(f"The folder {folder} is not writable for this user (see XFG_HOME).")
        return made

    def socket_folder(self) -> Path:
        """A private folder whose path is short and plain enough for Unix sockets; the same one each time."""
        path = f"{self.run}/supervisor.sock"
        if len(path) < _SOCKET_PATH and _PLAIN.fullmatch(path):
            return self.run
        digest = hashlib.sha256(str(self.home).encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"xfg-{os.geteuid()}-{digest}"
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        # In a folder that all may write, somebody else can have been first.
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise ServiceError(f"{folder} belongs to somebody else or is open to others; remove it.")
        return folder


@dataclass(frozen=True)
class Sockets:
    """Addresses of the running service, in `run/service.json` for the commands of other processes."""

    supervisor: str
    code_server: str

    @classmethod
    def of(cls, layout: Layout) -> Self:
        folder = layout.socket_folder()
        return cls(str(folder / "supervisor.sock"), str(folder / "code-server.sock"))

    def write(self, layout: Layout, settings: Settings) -> None:
        """Say where the service is, and on which ports: other shells need not know how it was started."""
        ports = {"port": settings.port, "dagster_port": settings.dagster_port}
        write_private(layout.run / "service.json", json.dumps(asdict(self) | ports))


def written_ports(layout: Layout) -> dict[str, int]:
    """The ports of the service that runs or ran last; empty before the first start."""
    try:
        written = json.loads((layout.run / "service.json").read_text())
        return {name: int(written[name]) for name in ("port", "dagster_port")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def secret_key(settings: Settings, layout: Layout) -> str:
    """SECRET_KEY, or the one kept in `XFG_HOME/secret_key`, made at the first call."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    path = layout.home / "secret_key"
    if not path.exists():
        layout.home.mkdir(parents=True, exist_ok=True)
        write_private(path, secrets.token_urlsafe(48))
    try:
        kept = path.read_text().strip()
    except OSError as error:
        raise ServiceError(f"{path} cannot be read: {error.strerror}.") from None
    if len(kept) < 16:
        raise ServiceError(f"{path} is damaged: remove it to have a new key made (everybody logs in again).")
    return kept


def write_private(path: Path, text: str) -> None:
    """Write whole or not at all, readable by its owner only."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
