"""`xfg up` whole, with real processes: ready, restarted, stopped; and the real Dagster UI in its guard."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.exports import PIVOTS, chart
from xfg_pipeline.service import launch, orphans
from xfg_pipeline.service.cluster import free_port

ROOT = Path(__file__).resolve().parents[2]
# Characters that mean something to supervisord's parser, to a shell and to a URL.
ODD_NAME = "a home; 100% #1 of 'ours'"
PASSWORD = "correct horse battery"


@dataclass
class Up:
    """A running `xfg up` and what it has said so far."""

    process: subprocess.Popen[str]
    home: Path
    port: int
    dagster_port: int
    said: str = ""
    ready_after: float = 0.0

    def desk(self, path: str, **how: object) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=20, **how)  # type: ignore[arg-type]

    def desk_post(self, path: str, **how: object) -> httpx.Response:
        return httpx.post(f"http://127.0.0.1:{self.port}{path}", timeout=20, **how)  # type: ignore[arg-type]

    def dagster(self, method: str, path: str, **how: object) -> httpx.Response:
        return httpx.request(method, f"http://127.0.0.1:{self.dagster_port}{path}", timeout=20, **how)  # type: ignore[arg-type]

    def processes(self) -> list[int]:
        """All processes of this home, by what they have inherited."""
        mark = f"XFG_HOME={self.home}".encode()
        found = orphans.postgres_in(self.home / "postgres" / "data")
        for entry in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mark in entry.read_bytes().split(b"\0"):
                    found.append(int(entry.parent.name))
        return [pid for pid in found if orphans.is_alive(pid) and pid != os.getpid()]

    def stop(self, name: signal.Signals = signal.SIGTERM) -> float:
        started = time.monotonic()
        self.process.send_signal(name)
        rest, _ = self.process.communicate(timeout=30)
        self.said += rest
        return time.monotonic() - started


def environment(home: Path, port: int, dagster_port: int, **settings: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "XFG_HOME": str(home),
        "PORT": str(port),
        "DAGSTER_PORT": str(dagster_port),
        **settings,
    }


@contextmanager
def up(home: Path, **settings: str) -> Iterator[Up]:
    port, dagster_port = free_port(), free_port()
    started = time.monotonic()
    words = launch.command([sys.executable, "-m", "xfg_pipeline", "up"])
    with subprocess.Popen(
        words,
        env=environment(home, port, dagster_port, **settings),
        cwd=home.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        running = Up(process, home, port, dagster_port)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                running.said += line
                if "Ready" in line:
                    break
            running.ready_after = time.monotonic() - started
            assert "Ready" in running.said, running.said
            yield running
            if process.poll() is None:
                running.stop()
        finally:
            if process.poll() is None:
                process.kill()


def run_up(home: Path, port: int, dagster_port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xfg_pipeline", "up"],
        env=environment(home, port, dagster_port),
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("service") / ODD_NAME) as running:
        yield running


def login(service: Up) -> tuple[str, str]:
    found = re.search(r"user (\S+), password (\S+)", service.said)
    assert found is not None, service.said
    return found.group(1), found.group(2)


def test_it_says_what_it_did_where_things_are_and_what_to_do_next(service: Up) -> None:
    assert service.said.startswith("Mode       PRACTICE")
    for part in (
        f"http://127.0.0.1:{service.port}",
        f"http://127.0.0.1:{service.dagster_port}",
        str(service.home / "inbox"),
        "migrated: 0001",
        "Samples",
        "Ctrl-C stops",
    ):
        assert part in service.said, service.said
    assert login(service)[0] == "admin"


def test_both_ports_are_alive_and_every_dependency_is_there(service: Up) -> None:
    assert service.desk("/healthz").status_code == 200
    assert service.dagster("GET", "/healthz").json() == {"status": "ok"}
    ran = subprocess.run(
        [sys.executable, "-m", "xfg_pipeline", "health", "--json"],
        # Another shell knows the home and nothing of the ports.
        env=environment(service.home, 5002, 3000),
        cwd=service.home.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert json.loads(ran.stdout)["ok"] is True


def test_the_generated_password_opens_the_desk_and_the_dagster_ui(service: Up) -> None:
    query = {"query": "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } version }"}
    assert service.desk("/api/v2/completeness/ES").status_code == 401
    assert service.desk("/api/v2/completeness/ES", auth=login(service)).status_code == 200
    assert service.dagster("POST", "/graphql", json=query).status_code == 401
    answer = service.dagster("POST", "/graphql", json=query, auth=login(service)).json()
    assert answer["data"]["workspaceOrError"]["locationEntries"] == [{"name": "xfg_pipeline", "loadStatus": "LOADED"}]


def test_the_real_dagster_ui_takes_no_mutation_by_get_and_none_from_another_page(service: Up) -> None:
    mutation = {"query": 'mutation { reloadRepositoryLocation(repositoryLocationName: "xfg_pipeline") { __typename } }'}
    assert service.dagster("GET", "/graphql", params=mutation, auth=login(service)).status_code == 405
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert service.dagster("POST", "/graphql", json=mutation, headers=foreign, auth=login(service)).status_code == 403
    host = {"Host": "evil.example"}
    assert service.dagster("GET", "/", headers=host, auth=login(service)).status_code == 400
    assert service.dagster("GET", "/", headers={"Accept": "text/html"}).status_code == 303
    page = service.dagster("GET", "/", headers={"Accept": "text/html"}, auth=login(service))
    assert (page.status_code, "<!doctype html>" in page.text.lower()) == (200, True)


def test_a_dropped_export_and_typed_pivots_reach_the_api_and_dagster(service: Up) -> None:
    day = "2025-10-16"
    started = time.monotonic()
    (service.home / "inbox" / "ES_levels.csv").write_bytes(chart(date.fromisoformat(day)))
    partitions = (
        '{ assetNodeOrError(assetKey: {path: ["%s"]}) '
        "{ ... on AssetNode { assetMaterializations(limit: 50) { partition } } } }"
    )

    def materialized(asset: str) -> bool:
        answer = service.dagster("POST", "/graphql", json={"query": partitions % asset}, auth=login(service)).json()
        return day in [one["partition"] for one in answer["data"]["assetNodeOrError"]["assetMaterializations"]]

    def levels() -> dict[str, float]:
        found: dict[str, float] = service.desk(f"/api/v2/levels/ES/{day}", auth=login(service)).json()["levels"]
        return found

    while not (levels() and materialized("csv_levels") and materialized("level_completeness")):
        assert time.monotonic() - started < 60  # how soon: make bench
        time.sleep(0.2)
    assert levels()["vwap"] == 6626.4167
    body = {"symbol": "ES", "trading_date": day, "levels": PIVOTS}
    assert service.desk_post("/api/v2/manual-levels", json=body, auth=login(service)).status_code == 200
    while not materialized("manual_levels"):
        assert time.monotonic() - started < 120
        time.sleep(0.2)
    status = service.desk(f"/api/v2/completeness/ES?date={day}", auth=login(service)).json()["status"]
    assert status == "complete"


def test_a_new_instance_has_a_month_of_signals_and_says_why_there_are_no_more(service: Up) -> None:
    credentials = login(service)
    today = datetime.now(UTC).date()
    month = {"from": str(today - timedelta(days=30)), "to": str(today), "limit": "1000"}
    yesterday = {"date": str(today - timedelta(days=1)), "limit": "1000"}
    deadline = time.monotonic() + 120
    while True:
        decided = service.desk("/api/v2/candidates", auth=credentials, params=yesterday).json()
        if sum(decided["counts"].values()) == 5 * 96:
            break
        assert time.monotonic() < deadline, f"yesterday is not decided within two minutes: {decided['counts']}"
        time.sleep(1)
    assert decided["mode"] == "practice"
    found = service.desk("/api/v2/signals", auth=credentials, params=month).json()["signals"]
    assert found
    assert {one["market"] for one in found} == {"simulated"}
    assert {one["status"] for one in found if one["mode"] == "backfill"} == {"expired"}
    page = service.desk("/signals", auth=credentials)
    assert "demonstration" in page.text


def test_a_browser_that_comes_to_dagster_logs_in_and_sees_the_runs(service: Up, browser: Browser) -> None:
    page = browser.new_page()
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    page.goto(f"http://127.0.0.1:{service.dagster_port}/runs")
    user, password = login(service)
    page.get_by_label("Name").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="levels_of_days").first).to_be_visible(timeout=20_000)
    assert page.url == f"http://127.0.0.1:{service.dagster_port}/runs"
    assert refused == []
    page.close()


def test_a_second_one_on_the_same_home_is_refused_in_one_line(service: Up) -> None:
    ran = run_up(service.home, free_port(), free_port())
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("xfg: Another xfg up (process ")
    assert service.desk("/healthz").status_code == 200


def test_a_taken_port_is_named_with_the_setting_to_change(service: Up, tmp_path: Path) -> None:
    for name, port, dagster_port in (
        ("PORT", service.port, free_port()),
        ("DAGSTER_PORT", free_port(), service.dagster_port),
    ):
        ran = run_up(tmp_path / "other", port, dagster_port)
        taken = service.port if name == "PORT" else service.dagster_port
        assert ran.returncode == 1
        assert ran.stderr.splitlines() == [
            f"xfg: Port {taken} is taken by another program: set {name} to a free one ({taken + 1}?)."
        ]


def test_no_secret_is_on_a_command_line_in_a_file_that_others_read_or_in_a_log(service: Up) -> None:
    secrets = [
        login(service)[1],
        (service.home / "secret_key").read_text(),
        (service.home / "postgres" / "password").read_text(),
        (service.home / "postgres" / "superuser_password").read_text(),
    ]
    places = [Path(f"/proc/{pid}/cmdline") for pid in service.processes()]
    places += [path for path in (service.home / "logs").iterdir() if path.is_file()]
    places += [service.home / "run" / "supervisord.conf", *(service.home / "dagster").glob("*.yaml")]
    assert len(places) > 12
    for place in places:
        with suppress(FileNotFoundError, ProcessLookupError):
            content = place.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), place
    for name in ("postgres", "dagster", "logs", "run", "secret_key"):
        assert (service.home / name).stat().st_mode & 0o077 == 0, name


def test_a_killed_process_is_started_again_and_a_killed_postgres_keeps_every_commit(service: Up) -> None:
    url = json.loads(
        subprocess.run(
            [sys.executable, "-m", "xfg_pipeline", "db", "info", "--json"],
            env=environment(service.home, service.port, service.dagster_port),
            cwd=service.home.parent,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
    )["url"]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    pid = int((service.home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    killed, answer = time.monotonic(), None
    while answer is None and time.monotonic() - killed < 20:
        with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=2) as connection:
            answer = connection.execute("SELECT answer FROM kept").fetchone()
        time.sleep(0.02)
    assert answer == (42,)
    with socket.create_connection(("127.0.0.1", service.port)):
        pass
    (desk,) = [
        pid
        for pid in service.processes()
        if Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").endswith(b"xfg_pipeline.desk")
    ]
    os.kill(desk, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if service.desk("/healthz").status_code == 200 and not orphans.is_alive(desk):
                break
        time.sleep(0.1)
    assert service.desk("/healthz").status_code == 200


def test_another_one_runs_beside_it_and_ctrl_c_twice_stops_it_cleanly(service: Up, tmp_path: Path) -> None:
    with up(tmp_path / "second") as second:
        assert {service.desk("/healthz").status_code, second.desk("/healthz").status_code} == {200}
        assert login(service)[1] != login(second)[1]
        second.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert second.stop(signal.SIGINT) < 15
        assert second.process.returncode == 0
        assert "already" in second.said
        assert second.processes() == []
    assert service.desk("/healthz").status_code == 200


def test_a_backfill_of_something_that_is_not_there_is_refused_by_the_running_service(service: Up) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "xfg_pipeline", "backfill", "csv_level", "2025-10-14", "2025-10-16"],
        env=environment(service.home, service.port, service.dagster_port),
        cwd=service.home.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("xfg: There is no asset csv_level. There are: candles, ")


def test_it_stops_within_15_seconds_leaves_nothing_running_and_starts_again_over_the_same_data(service: Up) -> None:
    took = service.stop()
    assert service.process.returncode == 0
    assert took < 15
    assert "Stopped" in service.said
    assert service.processes() == []
    with up(service.home, WEB_PASSWORD=PASSWORD) as again:
        assert again.ready_after < 30
        assert "up to date" in again.said
        assert "Samples" not in again.said
        assert again.desk("/api/v2/completeness/ES", auth=("admin", PASSWORD)).status_code == 200
        # Killed without a word, as by a machine that runs out of memory: what it started stops, and it starts again.
        again.process.kill()
        again.process.wait()
        deadline = time.monotonic() + 20
        while again.processes() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert again.processes() == []
