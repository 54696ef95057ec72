"""When the answer to COMMIT is lost, connections run out, or transactions stand in each other's way."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from tests.conftest import FixedClock
from tests.exports import PIVOTS, chart
from xfg_pipeline.resources.day_book import close_days
from xfg_pipeline.resources.level_book import Idempotency
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage.database import Database, DatabaseUnavailable

DAY = date(2025, 10, 16)
TYPED = {name: Decimal(str(price)) for name, price in PIVOTS.items()}
Rows = Callable[..., list[dict[str, object]]]


class LosingProxy:
    """Stands before Postgres; it passes the COMMIT after a statement on, and drops the line before the answer."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.after: bytes | None = None
        self.lost = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        met = False
        try:
            while data := client.recv(65536):
                met = met or (self.after is not None and self.after in data)
                if met and b"COMMIT\x00" in data:
                    self.after = None
                    self.lost += 1
                    client.shutdown(socket.SHUT_RDWR)
                    server.sendall(data)
                    time.sleep(0.2)
                    break
                server.sendall(data)
        except OSError:
            pass
        finally:
            server.close()

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        finally:
            client.close()


@pytest.fixture
def proxy(database_url: str) -> Iterator[LosingProxy]:
    parts = urlsplit(database_url)
    made = LosingProxy(str(parts.hostname), int(parts.port or 5432))
    yield made
    made.listener.close()


@pytest.fixture
def behind(pipeline: Pipeline, proxy: LosingProxy, database_url: str, clock: FixedClock) -> Iterator[Pipeline]:
    """The pipeline's objects with the proxy between them and Postgres."""
    parts = urlsplit(database_url)
    url = database_url.replace(f":{parts.port}/", f":{proxy.port}/")
    database = Database(url)
    made = Pipeline(pipeline.settings, database, clock)
    made.inbox.pause = lambda _: None
    yield made
    database.dispose()


def test_pivots_whose_commit_was_not_answered_are_found_by_repeating(
    behind: Pipeline, proxy: LosingProxy, rows: Rows
) -> None:
    key = Idempotency("anna", "manual-levels", "k1", "abc")
    proxy.after = b"INSERT INTO level_audit"
    with pytest.raises(DatabaseUnavailable):
        behind.book.enter_pivots("ES", DAY, TYPED, by="anna", idempotency=key)
    assert proxy.lost == 1
    again = behind.book.enter_pivots("ES", DAY, TYPED, by="anna", idempotency=key)
    assert again.replayed
    assert again.day.prices == TYPED
    assert rows("SELECT count(*) AS n FROM level_audit") == [{"n": len(TYPED)}]


def test_a_file_whose_commit_was_not_answered_is_imported_once(
    behind: Pipeline, proxy: LosingProxy, rows: Rows
) -> None:
    proxy.after = b"INSERT INTO file_imports"
    with pytest.raises(DatabaseUnavailable):
        behind.importer.import_bytes(chart(DAY), "ES_levels.csv", by="anna")
    assert proxy.lost == 1
    assert behind.importer.import_bytes(chart(DAY), "ES_levels.csv", by="anna").state == "duplicate"
    assert rows("SELECT count(*) AS n FROM structural_levels_v2") == [{"n": 9}]


def test_no_free_connection_is_said_in_bounded_time(database_url: str) -> None:
    database = Database(database_url, pool_size=1, pool_timeout=0.2)
    with database.begin(), database.begin(), pytest.raises(DatabaseUnavailable, match="busy"), database.begin():
        pass
    database.dispose()


def test_a_deadlock_is_an_error_that_may_be_repeated(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(sa.text("CREATE TABLE pair (id int PRIMARY KEY, n int)"))
        connection.execute(sa.text("INSERT INTO pair VALUES (1, 0), (2, 0)"))
    update = sa.text("UPDATE pair SET n = n + 1 WHERE id = :id")
    both_hold_one = threading.Barrier(2)
    outcomes: list[str] = []

    def cross(first: int, second: int) -> None:
        try:
            with database.begin() as connection:
                connection.execute(update, {"id": first})
                both_hold_one.wait()
                connection.execute(update, {"id": second})
            outcomes.append("done")
        except DatabaseUnavailable:
            outcomes.append("may be repeated")

    threads = [threading.Thread(target=cross, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "may be repeated"]


def test_files_entries_and_runs_at_once_end_in_one_state(pipeline: Pipeline, rows: Rows) -> None:
    failures: list[BaseException] = []

    def work(action: Callable[[int], object]) -> None:
        try:
            for number in range(8):
                action(number)
        except BaseException as failed:  # noqa: BLE001
            failures.append(failed)

    def bring(number: int) -> None:
        pipeline.importer.import_bytes(chart(DAY, levels={"vah": f"{6700 + number}.00"}), "ES.csv", by="anna")

    def enter(number: int) -> None:
        pipeline.book.enter_pivots("ES", DAY, {"pivot": Decimal(6690 + number)}, by="anna")

    def run(_: int) -> None:
        pipeline.importer.derive(DAY, DAY, by="dagster")
        close_days(pipeline, DAY, DAY)

    threads = [threading.Thread(target=work, args=(action,)) for action in (bring, enter, run, run)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    run(0)
    prices = pipeline.book.day("ES", DAY).prices
    assert (prices["vah"], prices["pivot"]) == (Decimal(6707), Decimal(6697))
    assert rows("SELECT count(*) AS n FROM manual_level_outbox WHERE handled_at IS NULL") == [{"n": 0}]
