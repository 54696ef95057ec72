"""The promises, tried: the process is killed at every named point, and a machine plays with files and entries."""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.conftest import FixedClock
from tests.exports import PIVOTS, README_LEVELS, chart
from tests.inbox.one_morning import DAY, run
from tests.killable import apart
from xfg_pipeline.faults import POINTS
from xfg_pipeline.resources.day_book import close_days
from xfg_pipeline.resources.level_book import PivotsRefused
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database

STORED = (
    "SELECT symbol, trading_date, level_type, price, source FROM structural_levels_v2 ORDER BY 1, 2, 3, 5",
    "SELECT file_name, state, attempt, duplicates, filed_as IS NOT NULL AS filed FROM file_imports ORDER BY 1",
    "SELECT level_type, action, old_price, new_price FROM level_audit ORDER BY id",
    "SELECT symbol, trading_date, levels, handled_at IS NOT NULL AS handled FROM manual_level_outbox ORDER BY id",
    "SELECT symbol, trading_date, status, total_levels FROM level_completeness ORDER BY 1, 2",
)


def work(home: Path, url: str, crash_at: str | None = None) -> int | None:
    return apart(run, home, url, crash_at)


def prepared(home: Path) -> None:
    inbox = home / "inbox"
    inbox.mkdir(parents=True)
    stamp = datetime(2025, 10, 17, 12, 0, tzinfo=UTC).timestamp()
    contents = {
        "ES_levels.csv": chart(DAY),
        "ES_wrong.csv": chart(DAY, levels={"vah": "6000.00"}),
        "NQ_copy.csv": chart(DAY),
    }
    for number, (name, content) in enumerate(contents.items()):
        (inbox / name).write_bytes(content)
        os.utime(inbox / name, (stamp + number, stamp + number))


def state(url: str) -> list[list[dict[str, Any]]]:
    database = Database(url)
    with database.read() as connection:
        found = [[dict(row) for row in connection.execute(sa.text(query)).mappings()] for query in STORED]
    database.dispose()
    return found


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[list[dict[str, Any]]], set[str], set[str]]:
    """What a run without any fault leaves."""
    home, url = tmp_path_factory.mktemp("undisturbed"), new_database()
    prepared(home)
    assert work(home, url) == 0
    return state(url), names(home / "processed"), names(home / "errors")


@pytest.mark.parametrize(
    "point", [point for point in POINTS if point.startswith(("import.", "inbox.", "manual.", "derive.", "close."))]
)
def test_a_process_killed_anywhere_ends_as_if_nothing_had_happened(
    point: str,
    new_database: Callable[[], str],
    tmp_path: Path,
    undisturbed: tuple[list[list[dict[str, Any]]], set[str], set[str]],
) -> None:
    url = new_database()
    prepared(tmp_path)
    assert work(tmp_path, url, crash_at=point) == -9
    assert work(tmp_path, url) == 0
    wanted, processed, errors = undisturbed
    assert state(url) == wanted
    assert names(tmp_path / "inbox") == set()
    assert names(tmp_path / "processed") == processed
    assert names(tmp_path / "errors") == errors


class Desk(RuleBasedStateMachine):
    """Files, corrections, repeats, typed pivots, restarts and runs in any order."""

    make_database: Callable[[], str]

    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory()
        self.url = self.make_database()
        self.clock = FixedClock(datetime(2025, 10, 17, 13, 0, tzinfo=UTC))
        self.numbers = 0
        self.contents: list[bytes] = []
        self.dropped = 0
        self.held: dict[date, dict[str, str]] = {}
        self.typed: dict[str, Decimal] = {}
        self.database = Database(self.url)
        self.start()

    def start(self) -> None:
        home = Settings(xfg_home=Path(self.folder.name), database_url=self.url, _env_file=None)
        self.pipeline = Pipeline(home, self.database, self.clock)
        self.pipeline.folders.make()
        self.pipeline.inbox.pause = lambda _: None

    def drop(self, content: bytes) -> None:
        self.numbers += 1
        self.dropped += 1
        path = self.pipeline.folders.inbox / f"ES_{self.numbers}.csv"
        path.write_bytes(content)
        stamp = self.clock.now().timestamp() + self.numbers / 1000
        os.utime(path, (stamp, stamp))
        self.pipeline.inbox.scan()

    @rule(
        days=st.lists(st.sampled_from([date(2025, 10, 14), date(2025, 10, 15), DAY]), min_size=1, unique=True),
        vah=st.integers(6694, 6760),
        extra=st.booleans(),
    )
    def drop_a_good_file(self, days: list[date], vah: int, extra: bool) -> None:
        levels = {"vah": f"{vah}.00"} | ({"mgi_rtho": "6634.00"} if extra else {})
        content = chart(sorted(days), levels=levels)
        if content not in self.contents:
            self.contents.append(content)
            for day in days:
                self.held[day] = {**README_LEVELS, **levels}
        self.drop(content)

    @rule(number=st.integers(0, 50))
    def drop_a_file_again(self, number: int) -> None:
        if self.contents:
            self.drop(self.contents[number % len(self.contents)])

    @rule(cell=st.sampled_from(["NaN", "inf", "-5", "abc", "6000.00", "9999999"]))
    def drop_a_bad_file(self, cell: str) -> None:
        self.drop(chart(DAY, levels={"vah": cell}))

    @rule(shift=st.integers(-40, 40), bad=st.booleans())
    def type_pivots(self, shift: int, bad: bool) -> None:
        typed = {name: Decimal(str(price)) + shift for name, price in PIVOTS.items()}
        if bad:
            typed["pivot_ba_high"] = typed["pivot"]
            with pytest.raises(PivotsRefused):
                self.pipeline.book.enter_pivots("ES", DAY, typed, by="anna")
        else:
            self.pipeline.book.enter_pivots("ES", DAY, typed, by="anna")
            self.typed = typed

    @rule()
    def restart(self) -> None:
        self.database.dispose()
        self.database = Database(self.url)
        self.start()

    @rule()
    def run_the_assets(self) -> None:
        self.pipeline.importer.derive(date(2025, 10, 14), DAY, by="dagster")
        close_days(self.pipeline, date(2025, 10, 14), DAY)

    @rule(minutes=st.integers(1, 60))
    def let_time_pass(self, minutes: int) -> None:
        self.clock.at += timedelta(minutes=minutes)

    @invariant()
    def levels_are_exactly_those_of_the_winning_file_and_of_the_hand(self) -> None:
        if not hasattr(self, "pipeline"):
            return
        for day in (date(2025, 10, 14), date(2025, 10, 15), DAY):
            wanted = {name: Decimal(price) for name, price in self.held.get(day, {}).items()}
            wanted |= self.typed if day == DAY else {}
            assert self.pipeline.book.day("ES", day).prices == wanted

    @invariant()
    def every_file_is_in_exactly_one_place_and_the_ledger_says_why(self) -> None:
        if not hasattr(self, "pipeline"):
            return
        folders = self.pipeline.folders
        assert names(folders.inbox) == set()
        errors = {name for name in names(folders.errors) if not name.endswith(".txt")}
        assert len(names(folders.processed)) + len(errors) == self.dropped
        assert {f"{name}.txt" for name in errors} == names(folders.errors) - errors
        for one in self.pipeline.book.imports(1000):
            assert one.filed_as
            assert Path(one.filed_as).is_file()
            assert one.state == "imported" or one.reason

    @invariant()
    def every_change_by_hand_is_audited(self) -> None:
        if not hasattr(self, "pipeline"):
            return
        with self.database.read() as connection:
            last = connection.execute(
                sa.text(
                    "SELECT DISTINCT ON (level_type) level_type, new_price FROM level_audit "
                    "WHERE source = 'MANUAL' ORDER BY level_type, id DESC"
                )
            ).all()
        assert {row.level_type: row.new_price for row in last} == self.typed

    def teardown(self) -> None:
        if hasattr(self, "pipeline"):
            self.database.dispose()
            self.folder.cleanup()


def test_no_order_of_files_entries_and_restarts_breaks_a_promise(new_database: Callable[[], str]) -> None:
    machine = type("Played", (Desk,), {"make_database": staticmethod(new_database)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
