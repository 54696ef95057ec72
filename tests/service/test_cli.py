"""The command line as a person meets it: words, exit codes, one clear line, no traceback."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests import signal_rows as made
from tests.trading_rows import keep_lights, light
from xfg_pipeline.cli import main
from xfg_pipeline.desk.passwords import password_matches
from xfg_pipeline.service import launch
from xfg_pipeline.service.postgres import EmbeddedPostgres
from xfg_pipeline.signals.slots import slot_at
from xfg_pipeline.storage.database import Database

ROOT = Path(__file__).resolve().parents[2]
Xfg = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def xfg(tmp_path: Path, database_url: str) -> Xfg:
    """Runs `xfg …` in an empty folder, against a fresh migrated database unless told otherwise."""

    def run(*words: str, typed: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "XFG_HOME": str(tmp_path / "home"),
            "DATABASE_URL": database_url,
            **settings,
        }
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "xfg_pipeline", *words],
            cwd=tmp_path,
            env={name: value for name, value in environment.items() if value},
            input=typed,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    return run


def test_the_command_line_answers_at_once() -> None:
    words = [
        sys.executable,
        "-c",
        "import time; t = time.perf_counter(); import xfg_pipeline.cli; print(time.perf_counter() - t)",
    ]
    times = [
        float(subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout) for _ in range(3)
    ]
    assert min(times) < 0.4


def test_version_and_help(xfg: Xfg) -> None:
    assert re.fullmatch(r"xfg-pipeline \d+\.\d+\.\d+\n", xfg("--version").stdout)
    helped = xfg("--help")
    assert helped.returncode == 0
    for command in ("up", "db", "health", "password", "levels", "signals", "train", "watch", "backfill"):
        assert command in helped.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("db",),
        ("db", "destroy"),
        ("levels", "import"),
        ("levels", "show"),
        ("levels", "show", "ES", "16.10.2025"),
        ("backfill", "csv_levels", "2025-10-16"),
        ("backfill", "csv_levels", "2025-10-16", "tomorrow"),
        ("backfill", "csv_levels", "2025-10-16", "2025-10-14"),
        ("health", "--xml"),
        ("signals",),
        ("signals", "list", "--date", "16.10.2025"),
        ("signals", "list", "--date", "2025-10-16", "--from", "2025-10-16"),
        ("signals", "list", "--status", "open"),
        ("signals", "why"),
        ("signals", "why", "BTC", "2025-10-16"),
        ("signals", "why", "BTC", "2025-10-16T09:31"),
        ("signals", "why", "BTC", "1066-10-14T09:30"),
        ("train",),
        ("train", "--out", "made", "--from", "2025-10-16", "--to", "2025-10-14"),
        ("train", "--out", "made", "--from", "0001-01-01"),
    ],
)
def test_wrong_words_exit_2_and_change_nothing(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XFG_HOME", str(tmp_path / "home"))
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_a_setting_that_cannot_be_used_is_named_and_exits_1(xfg: Xfg) -> None:
    ran = xfg("db", "check", PORT="none")
    assert ran.returncode == 1
    assert ran.stderr.startswith("xfg: PORT: ")
    assert len(ran.stderr.splitlines()) == 1


def test_a_database_that_does_not_answer_is_one_line_without_its_password(xfg: Xfg) -> None:
    for words in (("db", "check"), ("db", "upgrade"), ("levels", "show", "ES"), ("signals", "list")):
        ran = xfg(*words, DATABASE_URL="postgresql://xfg:open-sesame@127.0.0.1:1/xfg")
        assert ran.returncode == 1
        assert len(ran.stderr.splitlines()) == 1
        assert ran.stderr.startswith("xfg: ")
        assert "open-sesame" not in ran.stderr


def test_info_and_check_of_a_migrated_database(xfg: Xfg, database_url: str) -> None:
    told = json.loads(xfg("db", "info", "--json").stdout)
    assert told["url"] == database_url
    assert told["embedded"] is False
    assert told["pending"] == []
    with psycopg.connect(told["url"]) as connection:
        assert connection.execute("SELECT count(*) FROM structural_levels_v2").fetchone() == (0,)
    shown = xfg("db", "info").stdout
    password = database_url.rpartition("@")[0].rpartition(":")[2]
    assert password not in shown
    assert xfg("db", "check").returncode == 0
    assert json.loads(xfg("db", "check", "--json").stdout)["ok"] is True
    assert "Nothing to do" in xfg("db", "upgrade").stdout


def test_create_makes_the_named_database_and_migrates_it(xfg: Xfg, database_url: str) -> None:
    url = database_url + "_made"
    before = xfg("db", "check", DATABASE_URL=url)
    assert before.returncode == 1
    made = xfg("db", "create", DATABASE_URL=url)
    assert made.returncode == 0, made.stderr
    assert "created" in made.stdout
    assert xfg("db", "check", DATABASE_URL=url).returncode == 0
    again = xfg("db", "create", DATABASE_URL=url)
    assert (again.returncode, "Nothing to do" in again.stdout) == (0, True)


def test_an_empty_database_is_not_up_to_date_until_it_is_upgraded(xfg: Xfg, cluster: object) -> None:
    url = cluster.create()  # type: ignore[attr-defined]
    checked = xfg("db", "check", DATABASE_URL=url)
    assert checked.returncode == 1
    assert "xfg db upgrade" in checked.stderr
    assert json.loads(xfg("db", "check", "--json", DATABASE_URL=url).stdout)["ok"] is False
    assert "Applied 0001" in xfg("db", "upgrade", DATABASE_URL=url).stdout
    assert xfg("db", "check", DATABASE_URL=url).returncode == 0


def test_the_embedded_database_is_created_used_and_stopped_by_commands(xfg: Xfg, tmp_path: Path) -> None:
    looked = xfg("db", "info", "--json", DATABASE_URL="")
    assert looked.returncode == 1
    assert "xfg db create" in looked.stderr
    assert not (tmp_path / "home").exists()
    assert xfg("db", "create", DATABASE_URL="").returncode == 0
    told = json.loads(xfg("db", "info", "--json", DATABASE_URL="").stdout)
    assert told["embedded"] is True
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(told["url"])
    with EmbeddedPostgres(tmp_path / "home" / "postgres") as running:
        assert json.loads(xfg("db", "info", "--json", DATABASE_URL="").stdout)["url"] == running.url


def test_health_lists_each_dependency_and_exits_1_when_one_is_down(xfg: Xfg) -> None:
    ran = xfg("health", "--json", PORT="1", DAGSTER_PORT="2")
    assert ran.returncode == 1
    told = json.loads(ran.stdout)
    assert told["ok"] is False
    found = {part["name"]: part["ok"] for part in told["dependencies"]}
    assert found == {
        "postgres": True,
        "migrations": True,
        "dagster_code_server": False,
        "dagster_daemon": False,
        "dagster_webserver": False,
        "desk": False,
        "inbox": False,
        "inbox_sensor": False,
        "disk": True,
    }
    plain = xfg("health", PORT="1", DAGSTER_PORT="2")
    assert plain.returncode == 1
    assert "DOWN  desk" in plain.stdout


def stored_hash(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT password_hash FROM web_users WHERE username = 'admin'").fetchone()
        assert row is not None
        return str(row[0])


def test_a_password_is_taken_from_standard_input_or_made_and_stored_as_a_hash(xfg: Xfg, database_url: str) -> None:
    ran = xfg("password", typed="correct horse battery\n")
    assert (ran.returncode, ran.stdout) == (0, "The password of admin is set.\n")
    assert password_matches(stored_hash(database_url), "correct horse battery")
    made = xfg("password", "--generate")
    (generated,) = re.findall(r"is (\S+)\.$", made.stdout.strip())
    assert re.fullmatch(r"(\w{4}-){3}\w{4}", generated)
    assert stored_hash(database_url).startswith("$argon2id$")
    assert password_matches(stored_hash(database_url), generated)


def test_a_short_password_and_one_beside_web_password_are_refused(xfg: Xfg) -> None:
    short = xfg("password", typed="short\n")
    assert (short.returncode, short.stderr) == (1, "xfg: A password has 8 characters or more.\n")
    decided = xfg("password", "--generate", WEB_PASSWORD="from the environment")
    assert decided.returncode == 1
    assert "WEB_PASSWORD" in decided.stderr


def test_levels_are_imported_shown_and_refused_with_a_reason(xfg: Xfg, exports: Path, tmp_path: Path) -> None:
    good = exports / "ES_levels.csv"
    (tmp_path / "RESULTS.csv").write_text("a,b\n1,2\n")
    ran = xfg("levels", "import", str(good), str(tmp_path / "RESULTS.csv"), str(tmp_path / "nowhere.csv"), "--json")
    assert ran.returncode == 1
    imported, nobodys, missing = json.loads(ran.stdout)
    assert imported["state"] == "imported", imported
    assert imported["imported_count"] > 0
    assert [entry["state"] for entry in (nobodys, missing)] == ["refused", "refused"]
    assert "RESULTS.csv" in nobodys["reason"]
    assert "not there" in missing["reason"]
    again = xfg("levels", "import", str(good))
    assert again.returncode == 0
    assert again.stdout.startswith("duplicate")
    day = imported["trading_dates"][-1]
    shown = json.loads(xfg("levels", "show", imported["symbol"], day, "--json").stdout)
    assert shown["levels"]
    assert shown["completeness"]["trading_date"] == day
    plain = xfg("levels", "show", imported["symbol"].lower(), day)
    assert plain.returncode == 0
    assert "Missing by hand" in plain.stdout
    unknown = xfg("levels", "show", "DAX", day)
    assert unknown.returncode == 1
    assert "allowed: ES, NQ" in unknown.stderr


def test_watch_takes_what_is_dropped_and_stops_on_ctrl_c(exports: Path, tmp_path: Path, database_url: str) -> None:
    home = tmp_path / "home"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "XFG_HOME": str(home),
        "DATABASE_URL": database_url,
        "CSV_CHECK_INTERVAL": "1",
    }
    words = launch.command([sys.executable, "-m", "xfg_pipeline", "watch"])
    with subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as watching:
        try:
            assert watching.stdout is not None
            assert watching.stdout.readline().startswith("Watching")
            (home / "inbox" / "ES_levels.csv").write_bytes((exports / "ES_levels.csv").read_bytes())
            dropped = time.monotonic()
            while not (line := watching.stdout.readline()).startswith("imported"):
                assert line.startswith("waiting"), line
            assert time.monotonic() - dropped < 15
            watching.send_signal(signal.SIGINT)
            assert watching.wait(15) == 0
        finally:
            watching.kill()
    assert not list((home / "inbox").iterdir())


def test_a_backfill_without_the_service_says_what_to_start(xfg: Xfg) -> None:
    ran = xfg("backfill", "csv_levels", "2025-10-14", "2025-10-16")
    assert ran.returncode == 1
    assert "xfg up" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_a_password_with_a_space_stays_a_url_that_libpq_takes() -> None:
    import sqlalchemy as sa
    from psycopg.conninfo import conninfo_to_dict

    from xfg_pipeline.service.databases import _plain

    url = _plain(sa.make_url("postgresql+psycopg://anna:a%20b%25c@127.0.0.1:1/x"))
    assert conninfo_to_dict(url)["password"] == "a b%c"


@pytest.fixture
def here(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Xfg:
    """Runs `xfg …` like the fixture xfg, in this process: what it costs to start is tried above."""

    def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        for name, value in {"XFG_HOME": str(tmp_path / "home"), "DATABASE_URL": database_url, **settings}.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        told = capsys.readouterr()
        return subprocess.CompletedProcess(words, int(ended.value.code or 0), told.out, told.err)

    return run


@pytest.fixture
def slot() -> datetime:
    """The newest slot of now."""
    return slot_at(datetime.now(UTC))


@pytest.fixture
def today(database: Database, slot: datetime) -> Database:
    """A ready signal of BTC, an expired one of ETH with its outcome, and what stopped DOGE."""
    made.keep_instruments(database)
    made.keep_signals(database, [made.signal(slot=slot, expires_at=slot + timedelta(hours=1))])
    made.keep_signals(database, [made.signal("ETH", slot - timedelta(hours=2), mode="backfill", status="expired")])
    made.keep_outcome(database, "ETH", slot - timedelta(hours=2), "stop", -1.0)
    made.keep_decision(database, "DOGE", slot, gate="confidence", value=0.748213, threshold=0.77, direction="LONG")
    made.keep_signals(database, [made.signal("SOL", slot)], market="bybit")
    keep_lights(database, light("green", slot))
    return database


def test_signals_are_listed_for_a_person_and_for_a_program(here: Xfg, today: Database, slot: datetime) -> None:
    first = f"{slot - timedelta(hours=2):%Y-%m-%d}"
    shown = here("signals", "list", "--from", first)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0].startswith(f"PRACTICE, simulated market, {first}")
    assert re.search(
        rf"BTC +LONG +breakout +91850.0–91950.0 +91350.0 .* ready until {slot + timedelta(hours=1):%H:%M}", lines[2]
    )
    assert lines[3].rstrip().endswith("UTC")
    assert "expired: stop came first, −1.00 R" in lines[3]
    told = json.loads(here("signals", "list", "--from", first, "--json").stdout)
    assert [(row["coin"], row["status"]) for row in told["signals"]] == [("BTC", "ready"), ("ETH", "expired")]
    assert (told["mode"], told["market"], told["signals"][0]["stop_loss"]) == ("practice", "simulated", 91350)
    only = json.loads(here("signals", "list", "--from", first, "--status", "ready", "--coin", "btc", "--json").stdout)
    assert [row["coin"] for row in only["signals"]] == ["BTC"]
    nothing = here("signals", "list", "--date", "2025-01-01")
    assert (nothing.returncode, nothing.stdout.splitlines()[1]) == (0, "No signals.")
    years = here("signals", "list", "--from", "2020-01-01", "--to", "2025-01-01")
    assert (years.returncode, "366 days" in years.stderr) == (2, True)


def test_the_ticket_of_the_newest_ready_signal_is_printed_to_be_copied(
    here: Xfg, today: Database, slot: datetime, rows: Callable[..., list[dict[str, object]]]
) -> None:
    link = f"xfg-{slot:%y%m%d-%H%M}-BTC"
    ran = here("signals", "ticket")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("BTCUSDT  Buy  Limit\nQuantity     0.250\nPrice        91950.0\n")
    assert ran.stdout.endswith(f"Link id      {link}\nPractice     not a real order\n")
    assert here("signals", "ticket", link).stdout == ran.stdout
    (btc,) = rows("SELECT id FROM signals WHERE coin = 'BTC'")
    told = json.loads(here("signals", "ticket", str(btc["id"]), "--json").stdout)
    assert (told["id"], told["link_id"], told["price"], told["mode"]) == (btc["id"], link, "91950.0", "practice")


def test_a_ticket_that_must_not_be_placed_is_one_line_and_exits_1(here: Xfg, today: Database, slot: datetime) -> None:
    for name, says in (
        (f"xfg-{slot - timedelta(hours=2):%y%m%d-%H%M}-ETH", "xfg: EXPIRED at"),
        ("xfg-251016-1330-XRP", "xfg: there is no signal xfg-251016-1330-XRP on the simulated market"),
        ("987654321", "xfg: there is no signal 987654321"),
        ("9" * 40, "xfg: there is no signal 999"),
    ):
        ran = here("signals", "ticket", name)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith(says), ran.stderr
        assert len(ran.stderr.splitlines()) == 1


def test_without_a_ready_signal_there_is_nothing_to_place(here: Xfg) -> None:
    ran = here("signals", "ticket")
    assert (ran.returncode, ran.stderr) == (1, "xfg: No signal is ready now: open nothing.\n")


def test_why_there_is_no_signal_is_said_with_the_numbers(here: Xfg, today: Database, slot: datetime) -> None:
    at = f"{slot:%Y-%m-%dT%H:%M}"
    ran = here("signals", "why", "doge", at)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == f"DOGE {slot:%Y-%m-%d %H:%M} UTC: stopped by confidence"
    assert lines[1] == "confidence 0.74 is below 0.77 (margin -0.021787)."
    assert "stop         91350.0" in lines
    assert "risk/reward  2.2500" in lines
    assert "it became signal" in here("signals", "why", "BTC", f"{at}Z").stdout
    told = json.loads(here("signals", "why", "DOGE", at, "--json").stdout)
    assert (told["gate"], told["margin"], told["mode"]) == ("confidence", -0.021787, "practice")
    missing = here("signals", "why", "XRP", "2025-10-16T09:30")
    assert missing.stdout.splitlines()[0] == "XRP 2025-10-16 09:30 UTC: not evaluated"
    assert "xfg backfill signals 2025-10-16 2025-10-16" in missing.stdout
    unknown = here("signals", "why", "PEPE")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == "xfg: PEPE is not among market.coins (BTC, ETH, SOL, XRP, DOGE).\n"


def test_a_database_of_an_older_version_says_what_to_run(here: Xfg, cluster: object) -> None:
    url = cluster.create()  # type: ignore[attr-defined]
    for words in (("signals", "list"), ("signals", "why", "BTC"), ("levels", "show", "ES")):
        ran = here(*words, DATABASE_URL=url)
        assert ran.returncode == 1
        assert "xfg db upgrade" in ran.stderr
        assert len(ran.stderr.splitlines()) == 1


def test_training_without_its_packages_names_them_before_anything_is_fetched(
    here: Xfg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "catboost", None)
    ran = here("train", "--out", "made", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert ran.returncode == 1
    assert ran.stderr.startswith("xfg: Training needs packages that are not installed: catboost")
    assert "make train" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert not (tmp_path / "made").exists()


@pytest.mark.usefixtures("extra")
def test_training_leaves_a_folder_that_is_no_ensemble_alone(here: Xfg, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("mine")
    for words in (("--out", "notes"), ("--out", "notes", "--replace")):
        ran = here("train", *words, "--from", "2025-09-01", "--to", "2025-09-02")
        assert (ran.returncode, "is not an ensemble" in ran.stderr) == (1, True)
    assert (tmp_path / "notes" / "diary.txt").read_text() == "mine"
    # Told before a year of candles is fetched and five models are fitted for nothing.
    locked = here("train", "--out", "/proc/mine", "--from", "2025-09-01", "--to", "2025-09-02")
    assert (locked.returncode, locked.stderr.startswith("xfg: /proc cannot be written to")) == (1, True)
    late = here("train", "--out", "made", "--from", "2099-01-01")
    assert (late.returncode, "last whole day" in late.stderr) == (2, True)


@pytest.mark.usefixtures("extra")
def test_an_ensemble_is_trained_on_the_practice_market_and_says_that_it_is_a_demonstration(
    xfg: Xfg, tmp_path: Path
) -> None:
    words = ("--from", "2025-09-01", "--to", "2025-09-20", "--coins", "btc,ETH", "--quick")
    ran = xfg("train", "--out", "ensembles/first", *words, "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    manifest = json.loads((tmp_path / "ensembles" / "first" / "manifest.json").read_text())
    assert told["manifest"] == manifest
    assert (manifest["name"], manifest["market"], manifest["demonstration"]) == ("first", "simulated", True)
    assert manifest["coins"] == ["BTC", "ETH"]
    assert "candles of BTC, ETH on the simulated market, 2025-09-01 to 2025-09-20" in ran.stderr
    again = xfg("train", "--out", "ensembles/first", *words)
    assert (again.returncode, "already holds an ensemble" in again.stderr) == (1, True)
