"""The launcher: what it starts ends with its parent, and does not inherit ignored signals."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xfg_pipeline.service import launch, orphans

PARENT = """
import subprocess, sys, time
from xfg_pipeline.service.launch import command
child = subprocess.Popen(command(["sleep", "300"]), start_new_session=True)
print(child.pid, flush=True)
time.sleep(300)
"""
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="a death signal is Linux's")
def test_what_it_starts_does_not_outlive_a_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        deadline = time.monotonic() + 10
        while Path(f"/proc/{child}/comm").read_text().strip() != "sleep" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert orphans.is_alive(child)
        parent.kill()
        parent.wait()
        assert orphans.wait_until_gone([child], 5)


def test_ignored_signals_are_default_again_for_the_program() -> None:
    told = (
        "import signal as s; "
        "print([s.getsignal(n) in (s.SIG_DFL, s.default_int_handler) for n in (s.SIGINT, s.SIGTERM)])"
    )
    words = launch.command([sys.executable, "-S", "-c", told])
    # As a script does that starts a job with `&`.
    ignoring = ["sh", "-c", "trap '' INT TERM; exec \"$@\"", "sh"]
    ran = subprocess.run([*ignoring, *words], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[True, True]"


def test_a_directory_is_handed_over_open(tmp_path: Path) -> None:
    (tmp_path / "inside").write_text("seen")
    words = launch.command(["cat", f"{launch.INHERITED}/inside"], uid=os.getuid(), gid=os.getgid(), directory=tmp_path)
    if os.geteuid() != 0:
        words = launch.command(["cat", f"{launch.INHERITED}/inside"], directory=tmp_path)
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "seen"


def test_a_program_that_is_not_there_is_named_in_one_line() -> None:
    ran = subprocess.run(launch.command(["/nowhere/postgres"]), capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr == "launch: /nowhere/postgres cannot be started: No such file or directory\n"
