"""From closing a dropped file to its levels in the API, and to the materialisation in Dagster.

Beside it: handing the same kind of file to the API directly, which has nothing to wait for.
"""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import requests

from benchmarks.ground import median, percentile
from xfg_pipeline.inbox.examples import export
from xfg_pipeline.levels.sessions import sessions
from xfg_pipeline.service.postgres import free_port

DROPS = 20
PATIENCE = 60.0
DAYS = sessions(date(2024, 1, 2), date(2024, 12, 31))


def measure() -> list[str]:
    """Twenty files on a running service of its own, at random moments."""
    with tempfile.TemporaryDirectory() as folder:
        desk = free_port()
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("XFG_", "DAGSTER_"))},
            "XFG_HOME": f"{folder}/var",
            "PORT": str(desk),
            "DAGSTER_PORT": str(free_port()),
            "CSV_MAX_AGE_HOURS": "24",
        }
        service = subprocess.Popen(
            [sys.executable, "-m", "xfg_pipeline", "up"], env=environment, stdout=subprocess.PIPE, text=True, cwd=folder
        )
        try:
            session = _logged_in(service, f"http://127.0.0.1:{desk}/api/v2")
            return _drop_all(session, Path(folder) / "var" / "inbox")
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(timeout=30)


class _Desk(requests.Session):
    """The API with its address and login."""

    def __init__(self, address: str, password: str) -> None:
        super().__init__()
        self.address = address
        self.auth = ("admin", password)

    def ask(self, path: str) -> Any:
        """What the API answers to a GET."""
        answer = self.get(self.address + path, timeout=10)
        answer.raise_for_status()
        return answer.json()


def _logged_in(service: "subprocess.Popen[str]", address: str) -> _Desk:
    assert service.stdout is not None
    password = ""
    for line in service.stdout:
        found = re.search(r"password (\S+)", line)
        password = found.group(1) if found else password
        if "Ready after" in line:
            break
    return _Desk(address, password)


def _drop_all(desk: _Desk, inbox: Path) -> list[str]:
    to_api: list[float] = []
    to_dagster: list[float] = []
    direct: list[float] = []
    moments = random.Random(7)
    for day in DAYS[:DROPS]:
        time.sleep(moments.uniform(0, 5))
        started = _dropped(inbox, f"ES {day}.csv", export("ES", [day]))
        to_api.append(_until(started, lambda day=day: desk.ask(f"/levels/ES/{day}")["levels"]))
        to_dagster.append(_until(started, lambda day=day: _carried(desk, f"ES {day}.csv")))
    for day in DAYS[DROPS : 2 * DROPS]:
        started = time.perf_counter()
        files = {"file": (f"ES {day}.csv", export("ES", [day]).encode(), "text/csv")}
        desk.post(desk.address + "/imports", files=files, timeout=10).raise_for_status()
        direct.append(_until(started, lambda day=day: desk.ask(f"/levels/ES/{day}")["levels"]))
    return [
        f"dropped file to API:               {_spread(to_api)}",
        f"dropped file to materialisation:   {_spread(to_dagster)}",
        f"handed to the API directly:        {_spread(direct)}",
        f"ratio: {median(to_api) / median(direct):.1f} (median of {DROPS} each; most of it is the look every 5 s)",
    ]


def _spread(times: list[float]) -> str:
    return f"median {median(times):.2f} s, p95 {percentile(times, 0.95):.2f} s, most {max(times):.2f} s"


def _dropped(inbox: Path, name: str, content: str) -> float:
    path = inbox / name
    with path.open("w") as file:
        file.write(content)
    return time.perf_counter()


def _until(started: float, there: Any) -> float:
    while time.perf_counter() - started < PATIENCE:
        if there():
            return time.perf_counter() - started
        time.sleep(0.05)
    raise TimeoutError(f"not there after {PATIENCE:.0f} s")


def _carried(desk: _Desk, name: str) -> bool:
    imports = desk.ask("/imports?limit=20")["imports"]
    return any(one["file_name"] == name and one["materialized_at"] for one in imports)
