"""supervisord as our child: started, spoken to over its private socket, stopped in bounded time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xfg_pipeline.service import launch, orphans
from xfg_pipeline.service.errors import ServiceError
from xfg_pipeline.service.layout import Layout
from xfg_pipeline.service.programs import Program

STOP_WITHIN = 14.0
"""Seconds from the first signal until everything is gone, by force if need be."""


@dataclass(frozen=True)
class ProgramState:
    """One program as supervisord sees it. `state` is its word: RUNNING, STARTING, BACKOFF, STOPPED …"""

    name: str
    state: str
    pid: int
    reason: str


class Supervisor:
    """A supervisord of one XFG_HOME. Raises `ServiceError` when it does not come up."""

    def __init__(self, layout: Layout, configuration: Path, environment: Mapping[str, str], socket: str) -> None:
        self._layout = layout
        self._configuration = configuration
        self._environment = dict(environment)
        self._socket = socket
        self._process: subprocess.Popen[bytes] | None = None
        # As last heard, for the end: a supervisord that hangs can no longer be asked.
        self._pids: list[int] = []

    @property
    def pid(self) -> int | None:
        """Its process number while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it in a session of its own (Ctrl-C reaches us only) and wait until it answers."""
        with suppress(FileNotFoundError):
            Path(self._socket).unlink()
        words = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "supervisor.supervisord",
            "-n",
            "-c",
            str(self._configuration),
        ]
        log = os.open(self._layout.logs / "supervisord.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = subprocess.Popen(
                launch.command(words, death_signal=signal.SIGTERM),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._layout.home,
                env=self._environment,
                start_new_session=True,
            )
        finally:
            os.close(log)
        deadline = time.monotonic() + 20
        while True:
            with suppress(OSError, xmlrpc.client.Error):
                self._rpc().supervisor.getState()
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                written = (self._layout.logs / "supervisord.out").read_text(errors="replace").strip().splitlines()
                raise ServiceError(f"supervisord does not start: {written[-1] if written else 'it says nothing'}")
            time.sleep(0.05)

    def start_program(self, program: Program) -> None:
        """Ask for a program to run; returns at once."""
        try:
            self._rpc().supervisor.startProcess(program.supervised_name, False)
        except (OSError, xmlrpc.client.Error) as error:
            raise ServiceError(f"{program.name} could not be started: {error}") from error

    def states(self) -> dict[str, ProgramState]:
        """All programs by name; empty when supervisord does not answer."""
        try:
            found: Any = self._rpc().supervisor.getAllProcessInfo()
        except (OSError, xmlrpc.client.Error):
            return {}
        states = {
            entry["name"]: ProgramState(entry["name"], entry["statename"], entry["pid"], entry["spawnerr"])
            for entry in found
        }
        self._pids = [state.pid for state in states.values() if state.pid]
        return states

    def stop(self, within: float = STOP_WITHIN) -> None:
        """Stop all programs, Postgres last, and supervisord; kill what is left after `within` seconds."""
        process = self._process
        if process is None:
            return
        deadline = time.monotonic() + within
        pids = self._pids
        if process.poll() is None:
            process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(within)
        if process.poll() is None:
            process.kill()
            process.wait()
        # With supervisord killed, its programs have got their death signal; wait for them, then insist.
        orphans.wait_until_gone(pids, deadline - time.monotonic())
        _kill_groups(pids)
        self._process = None

    def _rpc(self) -> xmlrpc.client.ServerProxy:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)


def stop_leftover(layout: Layout) -> bool:
    """Stop the supervisord that a killed `xfg up` left behind. True when there was one.

    Call it with the lock of `xfg up` held: then whatever runs here belongs to nobody.
    """
    try:
        pid = int((layout.run / "supervisord.pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") if sys.platform.startswith("linux") else []
    except (OSError, ValueError):
        return False
    # The number may belong to another process by now.
    if sys.platform.startswith("linux") and os.fsencode(layout.run / "supervisord.conf") not in words:
        return False
    if not orphans.is_alive(pid):
        return False
    for name, patience in ((signal.SIGTERM, STOP_WITHIN + 6), (signal.SIGKILL, 2.0)):
        orphans.signal_all([pid], name)
        if orphans.wait_until_gone([pid], patience):
            break
    return True


def _kill_groups(pids: list[int]) -> None:
    for pid in pids:
        if orphans.is_alive(pid):
            with suppress(ProcessLookupError, PermissionError):
                # supervisord makes each program the leader of its own process group.
                os.killpg(pid, signal.SIGKILL)
