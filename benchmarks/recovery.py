"""A Postgres killed with -9 while it writes, until it answers again; beside stopping and starting it in good order."""

import os
import signal
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from benchmarks.ground import median, seconds
from xfg_pipeline.service.postgres import EmbeddedPostgres

ROUNDS = 7


def measure() -> list[str]:
    """Time from the kill to the first answered query, and commits that were acknowledged and are gone."""
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        with postgres:
            orderly = [seconds(lambda: (postgres.stop(), postgres.start())) for _ in range(ROUNDS)]
            with psycopg.connect(postgres.url) as connection:
                connection.execute("CREATE TABLE written (n bigint PRIMARY KEY)")
            killed, acknowledged, lost = _killed(postgres)
    return [
        f"killed with -9 under a writer:  median {median(killed):.2f} s, most {max(killed):.2f} s until it answers",
        f"stopped and started in order:   median {median(orderly):.2f} s",
        f"ratio: {median(killed) / median(orderly):.1f} (median of {ROUNDS})",
        f"commits acknowledged: {acknowledged:,}, lost: {lost}",
    ]


def _killed(postgres: EmbeddedPostgres) -> tuple[list[float], int, int]:
    acknowledged: list[int] = []
    done = threading.Event()
    end = threading.Event()

    def write() -> None:
        n = 0
        while not done.is_set():
            with suppress(psycopg.OperationalError), psycopg.connect(postgres.url, autocommit=True) as connection:
                while not done.is_set():
                    n += 1
                    connection.execute("INSERT INTO written VALUES (%s)", [n])
                    acknowledged.append(n)
            time.sleep(0.01)

    keeper = threading.Thread(target=postgres.supervise, args=(end,))
    writer = threading.Thread(target=write)
    keeper.start()
    writer.start()
    times = []
    for _ in range(ROUNDS):
        time.sleep(0.5)
        pid = postgres.pid
        assert pid is not None
        started = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        while postgres.pid in (None, pid):
            time.sleep(0.005)
        postgres.wait_ready(30)
        times.append(time.perf_counter() - started)
    done.set()
    writer.join()
    with psycopg.connect(postgres.url) as connection:
        kept = {n for (n,) in connection.execute("SELECT n FROM written")}
    end.set()
    keeper.join()
    return times, len(acknowledged), len(set(acknowledged) - kept)
