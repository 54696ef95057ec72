"""`python -m xfg_pipeline.desk` as a process: it starts, logs no secret, and stops in time."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.desk.conftest import PASSWORD, TOKEN, USER

SECRET = "a secret key of the tests, long enough"


def start(folder: Path, **environment: str) -> subprocess.Popen[str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    (folder / "inbox").mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "xfg_pipeline.desk"],
        cwd=folder,
        env={**kept, "XFG_HOME": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_it_serves_stops_in_time_and_logs_no_secret(tmp_path: Path, database_url: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start(
        tmp_path,
        PORT=str(port),
        DATABASE_URL=database_url,
        SECRET_KEY=SECRET,
        WEB_PASSWORD=PASSWORD,
        XFG_API_TOKEN=TOKEN,
    )
    try:
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)
        until = time.monotonic() + 30
        while True:
            try:
                assert client.get("/healthz").status_code == 200
                break
            except httpx.TransportError:
                assert process.poll() is None, process.stdout and process.stdout.read()
                assert time.monotonic() < until
                time.sleep(0.05)
        assert client.get("/api/v2/imports", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        form = {"username": USER, "password": PASSWORD}
        answer = client.post("/login", data=form, headers={"Sec-Fetch-Site": "same-origin"})
        session = client.cookies["xfg_session"]
        assert answer.status_code == 200
        # Nobody chooses the address that guesses are counted by.
        for n in range(10):
            client.post(
                "/login",
                data=form | {"password": "x"},
                headers={"Origin": str(client.base_url).rstrip("/"), "X-Forwarded-For": f"10.0.0.{n}"},
            )
        client.close()
        stopping = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
        assert time.monotonic() - stopping < 5
    finally:
        process.kill()
        process.communicate()
    assert "GET /healthz" in output
    for secret in (PASSWORD, TOKEN, SECRET, session, database_url.split("@", maxsplit=1)[0].rpartition(":")[2]):
        assert secret not in output
    assert "10.0.0." not in output


def test_without_what_it_needs_it_says_so_in_one_line(tmp_path: Path) -> None:
    process = start(tmp_path)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert output.strip() == "DATABASE_URL: the desk needs one; `xfg up` starts a database and sets it"
    process = start(
        tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:1/x", SECRET_KEY=SECRET, WEB_PASSWORD=PASSWORD
    )
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert output.startswith("Postgres does not answer")
    assert len(output.strip().splitlines()) == 1
