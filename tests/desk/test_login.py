"""Who gets in: passwords, sessions, tokens, and requests that come from elsewhere."""

import base64
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from statistics import median
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.conftest import FixedClock
from tests.desk.conftest import DAY, ES_PIVOTS, PASSWORD, TOKEN, USER, Desk, serving
from xfg_pipeline.desk.access import Access, Denied, Identity
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database

COOKIE = "xfg_session"
PRIVATE = (
    "/",
    "/levels",
    "/api-description",
    "/api/v2/openapi.json",
    "/api/v2/levels/ES/2025-10-16",
    "/api/v2/imports",
    "/api/v2/levels.csv?symbol=ES",
    "/docs",
    "/nothing",
    "/static/../levels",
    "//levels",
)


def log_in(client: httpx.Client, password: str = PASSWORD, username: str = USER, **headers: str) -> httpx.Response:
    return client.post(
        "/login",
        data={"username": username, "password": password},
        headers={"Sec-Fetch-Site": "same-origin", **headers},
    )


@pytest.mark.parametrize("path", PRIVATE)
def test_nothing_is_served_without_a_login(still_desk: Desk, path: str) -> None:
    client = still_desk.client()
    answer = client.get(path)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_logged_in"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    # A browser's own script must not make the browser open its box.
    assert "WWW-Authenticate" not in client.get(path, headers={"Sec-Fetch-Mode": "cors"}).headers


def test_a_browser_is_sent_to_the_login_and_back(desk: Desk) -> None:
    client = desk.client(headers={"Accept": "text/html", "Sec-Fetch-Site": "none"})
    answer = client.get("/levels?date=2025-10-15")
    assert answer.headers["Location"] == "/login?next=%2Flevels%3Fdate%3D2025-10-15"
    assert client.get("/login").status_code == 200
    done = client.post("/login", data={"username": USER, "password": PASSWORD, "next": "/levels?date=2025-10-15"})
    assert (done.status_code, done.headers["Location"]) == (303, "/levels?date=2025-10-15")
    assert "Wednesday 15 October 2025" in client.get(done.headers["Location"]).text


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y", ""],
)
def test_the_login_leads_nowhere_else(still_desk: Desk, target: str) -> None:
    client = still_desk.client(headers={"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
    answer = client.post("/login", data={"username": USER, "password": PASSWORD, "next": target})
    assert answer.headers["Location"] == "/levels"


def test_alive_ready_login_and_static_files_need_none(desk: Desk) -> None:
    client = desk.client()
    for path in ("/healthz", "/readyz", "/api/v2/healthz", "/api/v2/readyz", "/login", "/static/desk.css"):
        assert client.get(path).status_code == 200, path
    assert client.get("/readyz").json()["dependencies"] == {
        "postgres": "ok",
        "migrations": "ok",
        "inbox": "ok",
    }


def test_basic_bearer_and_session_open_the_api(desk: Desk) -> None:
    for client in (desk.program(), desk.client(auth=(USER, PASSWORD)), desk.person()):
        assert client.get("/api/v2/completeness/ES").status_code == 200
    wrong = ({"auth": (USER, "x")}, {"headers": {"Authorization": "Bearer x"}}, {"cookies": {COOKIE: "x"}})
    for arguments in (
        *wrong,
        {"headers": {"Authorization": "Basic %%%"}},
        {"headers": {"Authorization": "Digest x"}},
    ):
        assert desk.client(**arguments).get("/api/v2/completeness/ES").status_code == 401
    # A token in an address would end in logs and histories.
    assert desk.client().get(f"/api/v2/completeness/ES?token={TOKEN}&access_token={TOKEN}").status_code == 401


def test_a_second_basic_call_does_not_pay_for_argon2_again(desk: Desk) -> None:
    client = desk.client(auth=(USER, PASSWORD))
    client.get("/api/v2/completeness/ES")

    def seconds() -> float:
        start = time.perf_counter()
        assert client.get("/api/v2/healthz").status_code == 200
        assert client.get("/api/v2/levels/ES/2025-10-16").status_code == 200
        return time.perf_counter() - start

    assert median(seconds() for _ in range(7)) < 0.09
    desk.access.set_password(USER, "another battery")
    assert client.get("/api/v2/completeness/ES").status_code == 401


def test_the_cookie_says_what_it_must(desk: Desk, rows: Callable[..., Any]) -> None:
    set_cookie = log_in(desk.client()).headers["Set-Cookie"]
    token = set_cookie.partition("=")[2].partition(";")[0]
    assert set_cookie == f"{COOKIE}={token}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
    assert len(token) >= 43
    stored = rows("SELECT * FROM web_sessions")
    assert token not in str(stored), "only a digest may be stored"
    assert PASSWORD not in str(rows("SELECT * FROM web_users"))


def test_behind_https_the_cookie_is_bound_to_the_host(pipeline: Pipeline, settings: Settings) -> None:
    pipeline = Pipeline(
        settings.model_copy(update={"public_https": True, "trusted_hosts": ("desk.example",)}),
        pipeline.database,
        pipeline.clock,
    )
    with serving(pipeline) as desk:
        desk.access.set_password(USER, PASSWORD)
        client = desk.client(headers={"Host": "desk.example"})
        answer = client.post(
            "/login",
            data={"username": USER, "password": PASSWORD},
            headers={"Origin": "https://desk.example"},
        )
        assert answer.status_code == 200
        assert answer.headers["Set-Cookie"].startswith("__Host-xfg_session=")
        assert "; Secure" in answer.headers["Set-Cookie"]
        wrong = client.post("/login", data={}, headers={"Origin": "http://desk.example"})
        assert wrong.status_code == 403


def test_a_login_gets_a_new_session_and_ends_the_old_one(desk: Desk) -> None:
    client = desk.client(cookies={COOKIE: "chosen-by-an-attacker"})
    log_in(client)
    first = client.cookies[COOKIE] if len(client.cookies) == 1 else [c.value for c in client.cookies.jar][-1]
    assert first != "chosen-by-an-attacker"
    assert desk.client(cookies={COOKIE: "chosen-by-an-attacker"}).get("/api/v2/imports").status_code == 401
    again = desk.client(cookies={COOKIE: first})
    assert again.get("/api/v2/imports").status_code == 200
    log_in(again)
    assert desk.client(cookies={COOKIE: first}).get("/api/v2/imports").status_code == 401


def test_a_cookie_is_worth_nothing_after_logout(desk: Desk) -> None:
    client = desk.person()
    stolen = client.cookies[COOKIE]
    assert client.get("/api/v2/imports").status_code == 200
    answer = client.post("/logout")
    assert answer.status_code == 303
    assert f"{COOKIE}=; Max-Age=0" in answer.headers["Set-Cookie"]
    assert desk.client(cookies={COOKIE: stolen}).get("/api/v2/imports").status_code == 401


def test_sessions_end_when_idle_and_at_the_latest_after_a_week(desk: Desk, clock: FixedClock) -> None:
    client = desk.person()
    clock.at += timedelta(hours=11)
    assert client.get("/api/v2/imports").status_code == 200
    clock.at += timedelta(hours=11)
    assert client.get("/api/v2/imports").status_code == 200
    clock.at += timedelta(hours=12, minutes=2)
    assert client.get("/api/v2/imports").status_code == 401
    client = desk.person()
    for _ in range(7 * 24 // 8 - 1):
        clock.at += timedelta(hours=8)
        assert client.get("/api/v2/imports").status_code == 200
    clock.at += timedelta(hours=8)
    assert client.get("/api/v2/imports").status_code == 401


def test_a_new_password_ends_every_session(desk: Desk) -> None:
    client = desk.person()
    desk.access.ensure_password(USER, PASSWORD)
    assert client.get("/api/v2/imports").status_code == 200, "the same password changes nothing"
    desk.access.ensure_password(USER, "another battery")
    assert client.get("/api/v2/imports").status_code == 401


def test_five_wrong_passwords_stop_the_guessing_and_good_ones_do_not_count(desk: Desk) -> None:
    client = desk.client()
    for _ in range(7):
        assert log_in(client).status_code == 200
    for _ in range(5):
        assert log_in(client, "wrong").status_code == 401
    for password in ("wrong", PASSWORD):
        answer = log_in(client, password)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 900
        assert answer.json()["error"]["code"] == "too_many_attempts"
    # Who is logged in, and the token, are not locked out by somebody's guessing.
    assert desk.program().get("/api/v2/imports").status_code == 200


def test_guesses_sent_at_once_are_counted_one_by_one(desk: Desk) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: log_in(desk.client(), f"guess {n}").status_code, range(20)))
    assert sorted(answers) == [401] * 5 + [429] * 15


def test_an_address_is_stopped_after_ten_whatever_the_names(desk: Desk) -> None:
    client = desk.client()
    answers = [log_in(client, "x", username=f"user{n}").status_code for n in range(12)]
    assert answers == [401] * 10 + [429] * 2
    wrong_token = desk.client(headers={"Authorization": "Bearer guess"})
    assert wrong_token.get("/api/v2/imports").status_code == 429


def test_a_wrong_name_cannot_be_told_from_a_wrong_password(desk: Desk) -> None:
    html = {"Accept": "text/html"}
    known, unknown = log_in(desk.client(), "wrong", **html), log_in(desk.client(), "wrong", "nobody", **html)
    assert known.status_code == unknown.status_code == 401
    assert known.text.replace(USER, "nobody") == unknown.text

    def seconds(name: str) -> float:
        start = time.perf_counter()
        desk.access.login(name, "wrong", ip=f"{name}{start}")
        return time.perf_counter() - start

    times = {name: median(seconds(name) for _ in range(3)) for name in (USER, "nobody")}
    assert 0.4 < times[USER] / times["nobody"] < 2.5


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("", ""),
        (USER, ""),
        ("a\x00b", "x"),
        ("x" * 5000, "x"),
        (USER, "x" * 5000),
        ("' OR 1=1--", "' OR 1=1--"),
        ("\u202eadmin", "x"),
    ],
)
def test_strange_names_and_passwords_are_wrong_and_nothing_else(desk: Desk, username: str, password: str) -> None:
    assert log_in(desk.client(), password, username).status_code == 401
    basic = base64.b64encode(f"{username}:{password}".encode()).decode()
    answer = desk.client(headers={"Authorization": f"Basic {basic}"}).get("/api/v2/imports")
    assert answer.status_code == 401


def test_without_a_password_only_healthz_answers(pipeline: Pipeline) -> None:
    with serving(pipeline) as desk:
        for client in (desk.client(), desk.program(), desk.client(auth=(USER, ""))):
            assert client.get("/healthz").status_code == 200
            for path in ("/", "/login", "/levels", "/readyz", "/static/desk.css", "/api/v2/imports"):
                answer = client.get(path)
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_password"), path
            assert log_in(client, "").status_code == 503
        desk.access.set_password(USER, PASSWORD)
        assert desk.program().get("/api/v2/imports").status_code == 200


def test_without_a_secret_key_there_is_no_desk(database: Database, clock: FixedClock) -> None:
    with pytest.raises(ValueError, match="SECRET_KEY"):
        Access(database, "", None, clock)


def test_roles_decide_and_an_unknown_one_gets_nothing(desk: Desk, database: Database) -> None:
    client = desk.client(auth=(USER, PASSWORD))

    def become(role: str) -> None:
        with database.begin() as connection:
            connection.execute(sa.text("ALTER TABLE web_users DROP CONSTRAINT IF EXISTS ck_web_users_role_known"))
            connection.execute(sa.text("UPDATE web_users SET role = :role"), {"role": role})

    body = {"symbol": "ES", "trading_date": str(DAY), "levels": ES_PIVOTS}
    become("viewer")
    assert client.get("/api/v2/imports").status_code == 200
    assert client.post("/api/v2/manual-levels", json=body).status_code == 403
    assert client.post("/api/v2/imports", files={"file": ("ES.csv", b"x")}).status_code == 403
    become("trader")
    assert client.post("/api/v2/manual-levels", json=body).status_code == 200
    become("emperor")
    assert client.get("/api/v2/imports").status_code == 403
    assert desk.access.login(USER, PASSWORD, ip="127.0.0.1") == Denied(
        403, "unknown_role", "This user has no role that the desk knows."
    )


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "own"}, True),
        ({}, False),
    ],
)
def test_only_our_own_pages_can_change_anything_with_a_cookie(
    desk: Desk, headers: dict[str, str], allowed: bool
) -> None:
    cookie = desk.person().cookies[COOKIE]
    sent = {name: desk.url if value == "own" else value for name, value in headers.items()}
    client = desk.client(cookies={COOKIE: cookie})
    body = {"symbol": "ES", "trading_date": str(DAY), "levels": ES_PIVOTS}
    answer = client.post("/api/v2/manual-levels", json=body, headers=sent)
    assert answer.status_code == (200 if allowed else 403), answer.text
    assert client.post("/logout", headers=sent).status_code == (303 if allowed else 403)


def test_a_login_cannot_be_sent_by_another_page(desk: Desk) -> None:
    form = {"username": USER, "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {}):
        answer = desk.client().post("/login", data=form, headers=headers)
        assert answer.status_code == 403, headers
        assert "Set-Cookie" not in answer.headers


def test_basic_from_another_page_is_refused_and_a_token_is_not(desk: Desk) -> None:
    body = {"symbol": "ES", "trading_date": str(DAY), "levels": ES_PIVOTS}
    away = {"Sec-Fetch-Site": "cross-site"}
    assert desk.client(auth=(USER, PASSWORD)).post("/api/v2/manual-levels", json=body, headers=away).status_code == 403
    assert desk.client(auth=(USER, PASSWORD)).post("/api/v2/manual-levels", json=body).status_code == 200
    assert desk.program().post("/api/v2/manual-levels", json=body, headers=away).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::1"])
def test_a_foreign_host_name_is_refused(still_desk: Desk, host: str) -> None:
    answer = still_desk.client(headers={"Host": host, "Authorization": f"Bearer {TOKEN}"}).get("/api/v2/imports")
    assert answer.status_code == 400
    for good in ("127.0.0.1:1", "localhost", "LOCALHOST:5002", "[::1]:5002"):
        assert still_desk.program().get("/api/v2/imports", headers={"Host": good}).status_code == 200


def test_no_host_and_two_hosts_are_refused(desk: Desk) -> None:
    port = int(desk.url.rpartition(":")[2])
    for hosts in (b"", b"Host: localhost\r\nHost: evil.example\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            raw.sendall(b"GET /healthz HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
            assert b" 400 " in raw.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize("path", ["/login", "/levels", "/api/v2/imports", "/healthz", "/static/desk.js", "/nothing"])
def test_every_answer_carries_the_headers_that_protect_it(still_desk: Desk, path: str) -> None:
    answer = still_desk.person().get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Strict-Transport-Security" not in answer.headers
    assert not any(name.lower().startswith("access-control") for name in answer.headers)
    assert answer.headers["Cache-Control"] == ("no-cache" if path.startswith("/static") else "no-store")


def test_access_works_on_the_bare_headers_of_an_asgi_scope(desk: Desk) -> None:
    assert desk.access.identify([(b"authorization", f"Bearer {TOKEN}".encode())], "::1") == Identity(
        "api", "admin", "bearer"
    )
    cookie = desk.person().cookies[COOKIE]
    found = desk.access.identify([(b"cookie", f"a=b; {COOKIE}={cookie}; c=d".encode())], "::1")
    assert found == Identity(USER, "admin", "session")
    assert desk.access.identify([], "::1") is None
    assert desk.access.identify([(b"cookie", b"xfg_session=\xff\xfe")], "::1") is None
    assert desk.access.identify([(b"authorization", b"Bearer \xff\xfe")], "::1") is None


def test_when_postgres_is_gone_the_desk_says_so_in_its_shape(settings: Settings, clock: FixedClock) -> None:
    gone = Pipeline(settings, Database("postgresql://nobody@127.0.0.1:1/nothing"), clock)
    access = Access(gone.database, "a secret key of the tests, long enough", TOKEN, clock)
    access._set_up = True
    with serving(gone, access) as desk:
        assert desk.client().get("/healthz").status_code == 200
        ready = desk.client().get("/readyz")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "not_ready")
        answer = desk.program().get("/api/v2/levels/ES/2025-10-16")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
        page = desk.client(cookies={COOKIE: "x"}).get("/levels", headers={"Accept": "text/html"})
        assert page.status_code == 503
        assert "Postgres does not answer" in page.text
        assert "127.0.0.1:1" not in page.text


def test_an_unexpected_failure_names_no_internals(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(desk.pipeline.book), "imports", fail)
    answer = desk.program().get("/api/v2/imports")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "secret detail" not in answer.text
    assert "secret detail" in caplog.text, "the log must say it"
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_way_to_the_dagster_ui_leads_to_its_port_and_nowhere_else(desk: Desk) -> None:
    person = desk.person()
    page = person.get("/dagster", params={"path": "/runs?limit=5"}).text
    assert 'content="0; url=http://127.0.0.1:3000/runs?limit=5"' in page
    for evil in ("//evil.example", "https://evil.example", "@evil.example", "/\\evil.example"):
        page = person.get("/dagster", params={"path": evil}).text
        assert 'content="0; url=http://127.0.0.1:3000/"' in page
    assert desk.client().get("/dagster", headers={"Accept": "text/html"}).status_code == 303
