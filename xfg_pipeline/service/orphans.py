"""Processes without a parent: those of a killed Postgres, and zombies where Python is PID 1. Linux only."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether a process with this number exists and is more than a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) != "Z"


def postgres_in(data: Path) -> list[int]:
    """Numbers of all Postgres processes (postmaster, backends) that work in the data directory `data`."""
    try:
        wanted = data.stat()
    except OSError:
        return []
    found = []
    for pid in _pids():
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() not in ("postgres", "postmaster"):
                continue
            folder = Path(f"/proc/{pid}/cwd").stat()
            if (folder.st_dev, folder.st_ino) == (wanted.st_dev, wanted.st_ino) and _state(pid) != "Z":
                found.append(pid)
    return found


def signal_all(pids: Collection[int], name: signal.Signals) -> None:
    """Send a signal to each process; those that are gone already are passed over."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, name)


def wait_until_gone(pids: Collection[int], patience: float) -> bool:
    """Wait at most `patience` seconds for these processes to end. True when all have."""
    deadline = time.monotonic() + patience
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() >= deadline:
            return False
        reap()
        time.sleep(0.02)
    return True


def reap(keep: Collection[int] = ()) -> None:
    """Collect ended orphans that fell to this process as PID 1; `keep`: own children, waited for elsewhere.

    Does nothing in any other process, which gets no orphans.
    """
    if os.getpid() != 1:
        return
    for pid in _zombie_children():
        if pid not in keep:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _zombie_children() -> Iterator[int]:
    for pid in _pids():
        with suppress(OSError, IndexError):
            state, parent = _stat(pid)
            if state == "Z" and parent == 1:
                yield pid


def _pids() -> list[int]:
    if not sys.platform.startswith("linux"):
        return []
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _state(pid: int) -> str | None:
    try:
        return _stat(pid)[0]
    except (OSError, IndexError):
        return None


def _stat(pid: int) -> tuple[str, int]:
    """State letter and parent of a process. Its name may hold any character, so the last bracket counts."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[1])
