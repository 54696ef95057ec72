"""The last step before a program: signals reset, life tied to the parent's, account dropped; then exec.

Runs as a plain script too (`python -I -S launch.py …`), so it imports the standard library only.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

DIRECTORY_FD = 3
"""File descriptor under which `--directory` reaches the program."""

INHERITED = f"/proc/self/fd/{DIRECTORY_FD}"
"""Path of that directory for the program: a magic link, which needs no access to the directory's parents."""

_PR_SET_PDEATHSIG = 1


def command(
    program: Sequence[str],
    *,
    uid: int | None = None,
    gid: int | None = None,
    directory: Path | None = None,
    death_signal: signal.Signals | None = signal.SIGTERM,
) -> list[str]:
    """The words that start `program` through this launcher.

    `uid` and `gid`: the account to become (only root can). `directory`: opened before that and handed over as
    `INHERITED`. `death_signal`: what the program gets when the thread that started it ends (Linux), if any.
    """
    words = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    if uid is not None and gid is not None:
        words += ["--uid", str(uid), "--gid", str(gid)]
    if directory is not None:
        words += ["--directory", str(directory)]
    if death_signal is not None:
        words += ["--death-signal", str(int(death_signal))]
    return [*words, "--", *program]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare this process as asked and become the program; never returns."""
    parser = argparse.ArgumentParser(prog="launch", description=__doc__)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--directory")
    parser.add_argument("--death-signal", type=int)
    parser.add_argument("program", nargs="+")
    asked = parser.parse_args(arguments)

    parent = os.getppid()
    # A shell that starts jobs with `&` leaves SIGINT ignored, and Dagster then ignores SIGTERM as well.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGHUP):
        signal.signal(name, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if asked.directory is not None:
        opened = os.open(asked.directory, os.O_RDONLY | os.O_DIRECTORY)
        os.dup2(opened, DIRECTORY_FD)
        os.set_inheritable(DIRECTORY_FD, True)
    # Loaded while this process may still read the interpreter's own libraries.
    prctl = _load_prctl() if asked.death_signal is not None else None
    if asked.uid is not None and asked.gid is not None:
        os.setgroups([])
        os.setgid(asked.gid)
        os.setuid(asked.uid)
    if prctl is not None:
        # After the change of account: that clears the setting.
        prctl(_PR_SET_PDEATHSIG, asked.death_signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(f"launch: the parent of {asked.program[0]} is gone")
    try:
        os.execvp(asked.program[0], asked.program)  # noqa: S606 (the point of this module)
    except OSError as error:
        sys.exit(f"launch: {asked.program[0]} cannot be started: {error.strerror}")


def _load_prctl() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    prctl: Callable[..., int] = ctypes.CDLL(None).prctl
    return prctl


if __name__ == "__main__":
    main()
