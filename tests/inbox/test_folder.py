"""The watched folder: what is read, what waits, what is refused, and where each file ends up."""

import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import FixedClock
from tests.exports import chart
from xfg_pipeline.inbox.folder import PATIENCE, SETTLED, Inbox, Scan
from xfg_pipeline.inbox.importer import Importer
from xfg_pipeline.inbox.sighting import look
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage.database import Database, DatabaseUnavailable

DAY = date(2025, 10, 16)
Rows = Callable[..., list[dict[str, object]]]
Drop = Callable[..., Path]


@pytest.fixture
def drop(pipeline: Pipeline, clock: FixedClock) -> Drop:
    """Puts a file into the inbox, last written a minute ago unless told otherwise."""

    def put(name: str, content: bytes = b"", age: timedelta = timedelta(minutes=1)) -> Path:
        path = pipeline.folders.inbox / name
        path.write_bytes(content or chart(DAY))
        stamp = (clock.now() - age).timestamp()
        os.utime(path, (stamp, stamp))
        return path

    return put


def states(scan: Scan) -> dict[str, str]:
    return {one.file_name: one.state for one in scan.done}


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def test_a_good_file_goes_to_the_days_folder(pipeline: Pipeline, drop: Drop) -> None:
    drop("ES_levels.csv")
    scan = pipeline.inbox.scan()
    assert states(scan) == {"ES_levels.csv": "imported"}
    assert files(pipeline.folders.processed) == {"2025-10-17/ES_levels.csv"}
    assert files(pipeline.folders.inbox) == files(pipeline.folders.errors) == set()
    assert pipeline.book.imports()[0].filed_as == str(pipeline.folders.processed / "2025-10-17/ES_levels.csv")


def test_a_bad_file_goes_to_errors_with_a_readable_reason(pipeline: Pipeline, drop: Drop) -> None:
    drop("ES_levels.csv", chart(DAY, levels={"poc": "5,8x5"}).replace(b"5,8x5", b"5.8x5"))
    assert states(pipeline.inbox.scan()) == {"ES_levels.csv": "refused"}
    assert files(pipeline.folders.errors) == {"ES_levels.csv", "ES_levels.csv.txt"}
    reason = (pipeline.folders.errors / "ES_levels.csv.txt").read_text()
    for said in ("ES_levels.csv", "Line: 2", "poc", "5.8x5", "Remedy:", "Nothing of it was imported"):
        assert said in reason


def test_a_file_that_is_still_written_waits(pipeline: Pipeline, drop: Drop) -> None:
    path = drop("ES_levels.csv")

    def grow(_: float) -> None:
        with path.open("ab") as file:
            file.write(b" ")

    pipeline.inbox.pause = grow
    scan = pipeline.inbox.scan()
    assert [(one.name, one.reason) for one in scan.waiting] == [("ES_levels.csv", "still being written")]
    assert files(pipeline.folders.inbox) == {"ES_levels.csv"}
    assert pipeline.book.imports() == []


def test_a_slow_writer_is_never_imported_in_part(pipeline: Pipeline, rows: Rows, clock: FixedClock) -> None:
    content = chart([date(2025, 10, day) for day in (14, 15, 16)])
    path = pipeline.folders.inbox / "ES_levels.csv"
    inbox = Inbox(pipeline.importer, pipeline.folders, clock, max_age_hours=1e6, pause=lambda _: time.sleep(0.02))

    def write() -> None:
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(content), 20):
                file.write(content[start : start + 20])
                time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while writer.is_alive():
        inbox.scan()
        seen.add(rows("SELECT count(*) AS n FROM structural_levels_v2")[0]["n"])
        if not path.exists():
            break
    writer.join()
    inbox.scan()
    assert seen <= {0, 27}


def test_a_cut_file_waits_and_is_refused_when_it_stays_so(
    pipeline: Pipeline, drop: Drop, clock: FixedClock, exports: Path
) -> None:
    path = drop("NQ_levels.csv", (exports / "bad/NQ_truncated.csv").read_bytes())
    assert pipeline.inbox.scan().done == ()
    assert path.exists()
    clock.at += PATIENCE
    assert states(pipeline.inbox.scan()) == {"NQ_levels.csv": "refused"}
    assert "Line: 20" in (pipeline.folders.errors / "NQ_levels.csv.txt").read_text()


def test_a_cut_file_that_grows_to_its_end_is_imported(pipeline: Pipeline, drop: Drop, exports: Path) -> None:
    whole = (exports / "NQ_levels.csv").read_bytes()
    drop("NQ_levels.csv", whole[: len(whole) - 40])
    assert pipeline.inbox.scan().done == ()
    drop("NQ_levels.csv", whole)
    assert states(pipeline.inbox.scan()) == {"NQ_levels.csv": "imported"}


def test_a_file_replaced_while_it_is_imported_stays_for_the_next_look(
    pipeline: Pipeline, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop("ES_levels.csv")
    newer = chart(DAY, levels={"vah": "6704.00"})
    original = pipeline.importer.import_bytes

    def replaced_meanwhile(*args: object, **words: object) -> object:
        done = original(*args, **words)  # type: ignore[arg-type]
        monkeypatch.undo()
        drop("ES_levels.csv", newer, timedelta(seconds=5))
        return done

    monkeypatch.setattr(pipeline.importer, "import_bytes", replaced_meanwhile)
    pipeline.inbox.scan()
    assert (pipeline.folders.inbox / "ES_levels.csv").read_bytes() == newer
    assert (pipeline.folders.processed / "2025-10-17/ES_levels.csv").read_bytes() == chart(DAY)
    pipeline.inbox.scan()
    assert str(pipeline.book.day("ES", DAY).prices["vah"]) == "6704"


def test_the_newest_of_two_files_wins_whatever_their_names(pipeline: Pipeline, drop: Drop) -> None:
    drop("ES_a.csv", chart(DAY, levels={"vah": "6704.00"}), timedelta(minutes=1))
    drop("ES_b.csv", chart(DAY), timedelta(minutes=2))
    pipeline.inbox.scan()
    assert str(pipeline.book.day("ES", DAY).prices["vah"]) == "6704"


def test_the_same_content_again_is_moved_and_changes_nothing(pipeline: Pipeline, drop: Drop, rows: Rows) -> None:
    drop("ES_levels.csv")
    pipeline.inbox.scan()
    drop("ES_levels.csv")
    drop("ES_copy.csv")
    assert set(states(pipeline.inbox.scan()).values()) == {"duplicate"}
    assert files(pipeline.folders.processed) == {
        "2025-10-17/ES_levels.csv",
        "2025-10-17/ES_levels_1.csv",
        "2025-10-17/ES_copy.csv",
    }
    assert rows("SELECT count(*) AS n, max(duplicates) AS d FROM file_imports") == [{"n": 1, "d": 2}]


@pytest.mark.parametrize(
    "name", [".ES_levels.csv", "~$ES.csv", "ES.csv.tmp", "ES.csv.part", "ES.csv.crdownload", "ES.xlsx"]
)
def test_files_of_other_programs_are_left_alone(pipeline: Pipeline, drop: Drop, name: str) -> None:
    path = drop(name)
    scan = pipeline.inbox.scan()
    assert (scan.done, path.exists()) == ((), True)


def test_links_and_devices_are_refused_without_being_opened(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(chart(DAY))
    (pipeline.folders.inbox / "ES_link.csv").symlink_to(secret)
    os.mkfifo(pipeline.folders.inbox / "ES_pipe.csv")
    (pipeline.folders.inbox / "ES_folder.csv").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(pipeline.folders.inbox)  # the path of a socket must be short
        server.bind("ES_socket.csv")
        scan = pipeline.inbox.scan()
    assert states(scan) == dict.fromkeys(["ES_link.csv", "ES_pipe.csv", "ES_folder.csv", "ES_socket.csv"], "refused")
    assert secret.read_bytes() == chart(DAY)
    assert list(pipeline.folders.inbox.iterdir()) == []
    assert "is a link" in (pipeline.folders.errors / "ES_link.csv.txt").read_text()
    assert pipeline.book.day("ES", DAY).prices == {}


@pytest.mark.parametrize(
    "name",
    [
        "ES ../../evil.csv".replace("/", "\u2215"),
        "ES_\n.csv",
        "ES_\u202egpj.csv",
        "ES_" + "x" * 240 + ".csv",
        "ES_é.csv",
    ],
)
def test_odd_names_reach_no_further_than_their_folder(
    pipeline: Pipeline, drop: Drop, name: str, tmp_path: Path
) -> None:
    drop(name)
    before = {path for path in tmp_path.rglob("*") if "home" not in path.parts}
    assert list(states(pipeline.inbox.scan()).values()) == ["imported"]
    [filed] = files(pipeline.folders.processed)
    assert filed.isascii()
    assert len(filed) < 160
    assert {path for path in tmp_path.rglob("*") if "home" not in path.parts} == before


def test_a_name_that_is_no_text_is_survived(pipeline: Pipeline) -> None:
    raw = os.fsencode(pipeline.folders.inbox) + b"/ES_\xff\xfe.csv"
    with open(raw, "wb") as file:  # noqa: PTH123
        file.write(chart(DAY))
    os.utime(raw, (pipeline.clock.now().timestamp(),) * 2)
    assert [one.state for one in pipeline.inbox.scan().done] == ["imported"]
    assert list(pipeline.folders.inbox.iterdir()) == []


def test_a_file_too_large_is_refused_unread(pipeline: Pipeline, clock: FixedClock) -> None:
    path = pipeline.folders.inbox / "ES_huge.csv"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3)
    stamp = clock.now().timestamp()
    os.utime(path, (stamp, stamp))
    assert states(pipeline.inbox.scan()) == {"ES_huge.csv": "refused"}
    assert "max_file_megabytes" in (pipeline.folders.errors / "ES_huge.csv.txt").read_text()


def test_an_old_file_is_refused_with_the_setting_to_change(pipeline: Pipeline, drop: Drop) -> None:
    drop("ES_levels.csv", age=timedelta(hours=25))
    assert states(pipeline.inbox.scan()) == {"ES_levels.csv": "refused"}
    assert "CSV_MAX_AGE_HOURS" in (pipeline.folders.errors / "ES_levels.csv.txt").read_text()


def test_time_in_which_the_service_was_stopped_makes_no_file_old(
    pipeline: Pipeline, drop: Drop, clock: FixedClock
) -> None:
    pipeline.inbox.scan()
    clock.at += timedelta(hours=1)
    drop("ES_levels.csv", age=timedelta(0))
    clock.at += timedelta(days=3)
    assert states(pipeline.inbox.scan()) == {"ES_levels.csv": "imported"}


def test_a_file_that_cannot_be_moved_is_imported_once_and_moved_later(
    pipeline: Pipeline, drop: Drop, rows: Rows
) -> None:
    drop("ES_levels.csv")
    pipeline.folders.processed.rmdir()
    pipeline.folders.processed.write_text("in the way")
    for _ in range(3):
        pipeline.inbox.scan()
    assert files(pipeline.folders.inbox) == {"ES_levels.csv"}
    [row] = rows("SELECT state, filed_as, filing_error, duplicates FROM file_imports")
    assert (row["state"], row["filed_as"], row["duplicates"]) == ("imported", None, 0)
    assert row["filing_error"]
    pipeline.folders.processed.unlink()
    pipeline.inbox.scan()
    assert files(pipeline.folders.processed) == {"2025-10-17/ES_levels.csv"}
    assert rows("SELECT filing_error FROM file_imports") == [{"filing_error": None}]


def test_an_old_file_that_cannot_be_moved_is_entered_once(pipeline: Pipeline, drop: Drop, rows: Rows) -> None:
    drop("ES_levels.csv", age=timedelta(hours=25))
    pipeline.folders.errors.rmdir()
    pipeline.folders.errors.write_text("in the way")
    for _ in range(3):
        pipeline.inbox.scan()
    assert rows("SELECT count(*) AS n FROM file_imports") == [{"n": 1}]


def test_a_refused_file_dropped_again_is_tried_again(pipeline: Pipeline, drop: Drop, rows: Rows, exports: Path) -> None:
    content = (exports / "bad/ES_nan.csv").read_bytes()
    for _ in range(2):
        drop("ES_nan.csv", content)
        pipeline.inbox.scan()
    assert rows("SELECT state, attempt FROM file_imports") == [{"state": "refused", "attempt": 2}]
    assert files(pipeline.folders.errors) == {
        "ES_nan.csv",
        "ES_nan.csv.txt",
        "ES_nan_1.csv",
        "ES_nan_1.csv.txt",
    }


def test_nothing_is_touched_while_the_database_is_away(pipeline: Pipeline, drop: Drop, clock: FixedClock) -> None:
    path = drop("ES_levels.csv")
    away = Pipeline(pipeline.settings, Database("postgresql://nobody@127.0.0.1:1/none"), clock)
    away.inbox.pause = lambda _: None
    with pytest.raises(DatabaseUnavailable):
        away.inbox.scan()
    assert path.exists()
    assert states(pipeline.inbox.scan()) == {"ES_levels.csv": "imported"}


def test_hundreds_of_files_are_a_matter_of_seconds(pipeline: Pipeline, drop: Drop, rows: Rows) -> None:
    for number in range(200):
        drop(
            f"ES_{number}.csv",
            chart(DAY, levels={"vah": f"{6700 + number % 50}.00", "val": f"{6600 + number // 50}.25"}),
        )
    done = 0
    while done < 200:
        scan = pipeline.inbox.scan()
        assert scan.done
        done += len(scan.done)
    assert rows("SELECT count(*) AS n FROM file_imports WHERE state = 'imported'") == [{"n": 200}]
    assert files(pipeline.folders.inbox) == set()


def test_a_scan_stops_at_its_time_and_the_next_goes_on(pipeline: Pipeline, drop: Drop) -> None:
    for number in range(3):
        drop(f"ES_{number}.csv", chart(DAY, levels={"vah": f"{6700 + number}.00"}))
    assert pipeline.inbox.scan(seconds=-1).done == ()
    assert len(pipeline.inbox.scan().done) == 3


def test_a_file_that_stood_still_already_is_not_waited_for(pipeline: Pipeline, drop: Drop, clock: FixedClock) -> None:
    stood = drop("ES_levels.csv").lstat().st_ctime
    for age, wanted in ((-5.0, SETTLED), (0.5, SETTLED - 0.5), (SETTLED, 0.0), (60.0, 0.0)):
        clock.at = datetime.fromtimestamp(stood + age, UTC)
        assert pipeline.inbox._until_settled(look(pipeline.folders.inbox)) == pytest.approx(wanted, abs=1e-3)


def test_two_monitors_of_one_folder_are_not_in_each_others_way(
    pipeline: Pipeline, drop: Drop, clock: FixedClock, rows: Rows
) -> None:
    for number in range(8):
        drop(f"ES_{number}.csv", chart(DAY, levels={"vah": f"{6700 + number}.00"}))
    others = [
        Inbox(pipeline.importer, pipeline.folders, clock, max_age_hours=24, pause=lambda _: None) for _ in range(4)
    ]
    barrier = threading.Barrier(4)

    def watch(inbox: Inbox) -> None:
        barrier.wait()
        for _ in range(6):
            inbox.scan()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(watch, others))
    assert len(files(pipeline.folders.processed)) == 8
    assert rows("SELECT count(*) AS n, sum(duplicates) AS d, count(filing_error) AS e FROM file_imports") == [
        {"n": 8, "d": 0, "e": 0}
    ]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this system has no second file system at /dev/shm")
def test_folders_on_another_file_system_are_reached_by_copying(pipeline: Pipeline, drop: Drop) -> None:
    with TemporaryDirectory(dir="/dev/shm") as other:
        assert Path(other).stat().st_dev != pipeline.folders.inbox.stat().st_dev
        folders = replace(pipeline.folders, processed=Path(other) / "processed", errors=Path(other) / "errors")
        pipeline.inbox.folders = folders
        drop("ES_levels.csv")
        drop("ES_bad.csv", chart(DAY, levels={"vah": "NaN"}))
        pipeline.inbox.scan()
        assert files(folders.processed) == {"2025-10-17/ES_levels.csv"}
        assert files(folders.errors) == {"ES_bad.csv", "ES_bad.csv.txt"}
        assert files(pipeline.folders.inbox) == set()


def test_a_full_disk_loses_nothing_and_is_caught_up_with(pipeline: Pipeline, drop: Drop, rows: Rows) -> None:
    content = chart(DAY, levels={"vah": "NaN"})
    drop("ES_bad.csv", content)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        pipeline.inbox.scan()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (pipeline.folders.inbox / "ES_bad.csv").read_bytes() == content
    assert rows("SELECT state, filing_error IS NOT NULL AS failed FROM file_imports") == [
        {"state": "refused", "failed": True}
    ]
    pipeline.inbox.scan()
    assert files(pipeline.folders.errors) == {"ES_bad.csv", "ES_bad.csv.txt"}
    assert "vah" in (pipeline.folders.errors / "ES_bad.csv.txt").read_text()
    assert rows("SELECT attempt, filing_error FROM file_imports") == [{"attempt": 1, "filing_error": None}]


def test_a_file_that_is_locked_waits(pipeline: Pipeline, drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drop("ES_levels.csv")
    real = os.open

    def locked(target: object, *args: object, **words: object) -> int:
        if Path(str(target)) == path:
            raise PermissionError(13, "Permission denied", str(target))
        return real(target, *args, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", locked)
    scan = pipeline.inbox.scan()
    assert [one.reason for one in scan.waiting] == ["cannot be read yet: Permission denied"]
    monkeypatch.undo()
    assert states(pipeline.inbox.scan()) == {"ES_levels.csv": "imported"}


def test_one_file_that_breaks_the_pipeline_does_not_hold_up_the_others(
    pipeline: Pipeline, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop("ES_strange.csv", chart(DAY, levels={"vah": "6704.00"}), timedelta(minutes=2))
    drop("ES_slow.csv", chart(DAY, levels={"vah": "6705.00"}), timedelta(minutes=2))
    drop("ES_good.csv", chart(DAY))
    real = pipeline.importer._imported

    def breaking(content: bytes, name: str, **words: object) -> object:
        if "strange" in name:
            raise ZeroDivisionError
        if "slow" in name:
            raise DatabaseUnavailable("canceling statement due to statement timeout")
        return real(content, name, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline.importer, "_imported", breaking)
    scan = pipeline.inbox.scan()
    assert states(scan) == {"ES_strange.csv": "refused", "ES_good.csv": "imported"}
    assert [one.name for one in scan.waiting] == ["ES_slow.csv"]
    assert "ZeroDivisionError" in (pipeline.folders.errors / "ES_strange.csv.txt").read_text()


def test_a_file_that_somebody_holds_open_waits_however_long_it_stands_still(
    pipeline: Pipeline, rows: Rows, clock: FixedClock
) -> None:
    path = pipeline.folders.inbox / "ES_levels.csv"
    whole = chart([date(2025, 10, 15), DAY])
    cut = whole.index(b"2025-10-16")
    with path.open("wb", buffering=0) as file:
        file.write(whole[:cut])
        os.utime(path, (clock.now().timestamp() - 60,) * 2)
        scan = pipeline.inbox.scan()
        assert [one.reason for one in scan.waiting] == ["still being written"]
        assert rows("SELECT * FROM file_imports") == []
        file.write(whole[cut:])
    os.utime(path, (clock.now().timestamp(),) * 2)
    assert states(pipeline.inbox.scan()) == {"ES_levels.csv": "imported"}
    assert rows("SELECT count(DISTINCT trading_date) AS n FROM structural_levels_v2") == [{"n": 2}]


def test_a_refused_file_that_is_moved_back_is_tried_again(
    pipeline: Pipeline, drop: Drop, clock: FixedClock, exports: Path, rows: Rows
) -> None:
    drop("ES_dates.csv", (exports / "bad/ES_date_order_unknown.csv").read_bytes())
    pipeline.inbox.scan()
    (pipeline.folders.errors / "ES_dates.csv").rename(pipeline.folders.inbox / "ES_dates.csv")
    told = Importer(pipeline.database, replace(pipeline.rules, date_order="day_first"), clock)
    inbox = Inbox(told, pipeline.folders, clock, max_age_hours=24, pause=lambda _: None)
    assert states(inbox.scan()) == {"ES_dates.csv": "imported"}
    assert rows("SELECT state, attempt FROM file_imports") == [{"state": "imported", "attempt": 2}]


def test_what_the_first_look_after_a_pause_leaves_is_not_old_for_the_second(
    pipeline: Pipeline, drop: Drop, clock: FixedClock
) -> None:
    pipeline.inbox.scan()
    drop("ES_levels.csv", age=timedelta(0))
    clock.at += timedelta(days=3)
    assert pipeline.inbox.scan(seconds=-1).done == ()
    clock.at += timedelta(seconds=5)
    assert states(pipeline.inbox.scan()) == {"ES_levels.csv": "imported"}


def test_a_file_taken_away_during_its_import_is_filed_from_what_was_read(
    pipeline: Pipeline, drop: Drop, monkeypatch: pytest.MonkeyPatch, rows: Rows
) -> None:
    path = drop("ES_levels.csv")
    real = pipeline.importer.import_bytes

    def taken(*args: object, **words: object) -> object:
        done = real(*args, **words)  # type: ignore[arg-type]
        path.unlink()
        return done

    monkeypatch.setattr(pipeline.importer, "import_bytes", taken)
    pipeline.inbox.scan()
    assert (pipeline.folders.processed / "2025-10-17/ES_levels.csv").read_bytes() == chart(DAY)
    assert rows("SELECT filing_error FROM file_imports") == [{"filing_error": None}]


def test_a_reason_never_overwrites_a_refused_file(pipeline: Pipeline, drop: Drop) -> None:
    bad = chart(DAY, levels={"vah": "NaN"})
    drop("ES_a.csv.txt", bad)
    pipeline.inbox.scan()
    drop("ES_a.csv", bad + b"\n")
    pipeline.inbox.scan()
    assert (pipeline.folders.errors / "ES_a.csv.txt").read_bytes() == bad
    assert files(pipeline.folders.errors) == {"ES_a.csv.txt", "ES_a.csv.txt.txt", "ES_a_1.csv", "ES_a_1.csv.txt"}
