"""The command line as a person meets it: words, exit codes, one clear line, no traceback."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from xfg_pipeline.cli import main
from xfg_pipeline.desk.passwords import password_matches
from xfg_pipeline.service import launch
from xfg_pipeline.service.postgres import EmbeddedPostgres

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
    for command in ("up", "db", "health", "password", "levels", "watch", "backfill"):
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
    for words in (("db", "check"), ("db", "upgrade"), ("levels", "show", "ES")):
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
