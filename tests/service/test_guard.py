"""The guard of the Dagster UI, over real HTTP, around a small app that only says what it was asked."""

import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from tests.conftest import FixedClock
from xfg_pipeline.desk.access import Access
from xfg_pipeline.service.dagster_guard import DagsterGuard
from xfg_pipeline.storage.database import Database

USER, PASSWORD, TOKEN = "admin", "correct horse battery", "xfg_test_token_0123456789abcdef"
QUERY = {"query": "mutation { launchRun { __typename } }"}


@dataclass
class Inner:
    """What stands behind the guard; `reached` are the requests that came through."""

    reached: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.reached.append(f"{scope['type']} {scope.get('method', '')} {scope['path']}")
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"inside"})


@dataclass
class Guarded:
    url: str
    port: int
    inner: Inner
    access: Access

    def call(self, method: str, path: str, **how: object) -> httpx.Response:
        with httpx.Client(base_url=self.url) as client:
            return client.request(method, path, **how)  # type: ignore[arg-type]


@pytest.fixture
def guarded(database: Database, clock: FixedClock) -> Iterator[Guarded]:
    access = Access(database, "a secret key of the tests", TOKEN, clock)
    access.set_password(USER, PASSWORD)
    inner = Inner()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    guard = DagsterGuard(inner, access=access, desk_port=5002, hosts=("desk.example",))
    server = uvicorn.Server(uvicorn.Config(guard, log_level="error", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Guarded(f"http://127.0.0.1:{port}", port, inner, access)
    server.should_exit = True
    thread.join()
    listening.close()


def basic(user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_alive_needs_no_login_and_says_nothing_else(guarded: Guarded) -> None:
    answer = guarded.call("GET", "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert not guarded.inner.reached


def test_without_credentials_a_program_gets_401_and_a_challenge(guarded: Guarded) -> None:
    for path in ("/", "/graphql", "/server_info", "/logs/../../etc/passwd", "/static/app.js", "/healthz/"):
        answer = guarded.call("GET", path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert not guarded.inner.reached


def test_without_credentials_a_browser_is_sent_to_the_desk_and_back_afterwards(guarded: Guarded) -> None:
    answer = guarded.call("GET", "/runs?limit=5", headers={"Accept": "text/html"})
    assert answer.status_code == 303
    location = urlsplit(answer.headers["location"])
    assert (location.netloc, location.path) == ("127.0.0.1:5002", "/login")
    assert parse_qs(location.query)["next"] == ["/dagster?path=%2Fruns%3Flimit%3D5"]
    script = guarded.call("GET", "/runs", headers={"Sec-Fetch-Mode": "cors"})
    assert script.status_code == 401
    assert "www-authenticate" not in script.headers


def test_session_basic_and_bearer_all_open_it(guarded: Guarded) -> None:
    logged_in = guarded.access.login(USER, PASSWORD, ip="127.0.0.1")
    cookie = guarded.access.cookie(logged_in).partition(";")[0]  # type: ignore[arg-type]
    for headers in ({"Cookie": cookie}, basic(), {"Authorization": f"Bearer {TOKEN}"}):
        assert guarded.call("GET", "/", headers=headers).text == "inside"
    guarded.access.logout(cookie)
    assert guarded.call("GET", "/", headers={"Cookie": cookie}).status_code == 401


def test_wrong_credentials_do_not_and_many_of_them_are_slowed_down(guarded: Guarded) -> None:
    statuses = [guarded.call("GET", "/", headers=basic(password=f"wrong {n}")).status_code for n in range(6)]
    assert statuses[:5] == [401] * 5
    assert statuses[5] == 429
    assert not guarded.inner.reached


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_an_unknown_host_is_refused_even_with_credentials(guarded: Guarded, host: str) -> None:
    answer = guarded.call("GET", "/", headers={"Host": host, **basic()})
    assert answer.status_code == 400
    assert not guarded.inner.reached


def test_a_host_from_the_settings_is_known(guarded: Guarded) -> None:
    assert guarded.call("GET", "/", headers={"Host": "desk.example", **basic()}).text == "inside"


def test_a_mutation_by_get_does_not_come_through(guarded: Guarded) -> None:
    for path in ("/graphql", "/graphql/"):
        answer = guarded.call("GET", path, params=QUERY, headers=basic())
        assert answer.status_code == 405
    assert guarded.call("POST", "/graphql", params=QUERY, headers=basic()).status_code == 415
    assert not guarded.inner.reached
    assert guarded.call("GET", "/graphql", headers=basic()).text == "inside"


def test_the_ui_s_own_calls_come_through_with_their_label(guarded: Guarded) -> None:
    answer = guarded.call("POST", "/graphql", params={"op": "RunsFeed"}, json=QUERY, headers=basic())
    assert answer.text == "inside"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/graphql"]
)
def test_graphql_in_anything_but_json_is_refused(guarded: Guarded, kind: str) -> None:
    answer = guarded.call("POST", "/graphql", content=json.dumps(QUERY), headers={"Content-Type": kind, **basic()})
    assert answer.status_code == 415
    assert not guarded.inner.reached


def test_a_request_from_another_page_is_refused_and_one_from_ours_is_not(guarded: Guarded) -> None:
    logged_in = guarded.access.login(USER, PASSWORD, ip="127.0.0.1")
    cookie = {"Cookie": guarded.access.cookie(logged_in).partition(";")[0]}  # type: ignore[arg-type]
    foreign = [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ]
    for headers in foreign:
        answer = guarded.call("POST", "/graphql", json=QUERY, headers={**cookie, **headers})
        assert answer.status_code == 403, headers
        report = guarded.call("POST", "/report_asset_materialization/x", json={}, headers={**cookie, **headers})
        assert report.status_code == 403, headers
    assert not guarded.inner.reached
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": guarded.url}):
        assert guarded.call("POST", "/graphql", json=QUERY, headers={**cookie, **headers}).text == "inside"


def test_pages_cannot_be_framed(guarded: Guarded) -> None:
    assert guarded.call("GET", "/", headers=basic()).headers["x-frame-options"] == "DENY"


def test_a_websocket_is_guarded_like_a_request_that_changes_something(guarded: Guarded) -> None:
    logged_in = guarded.access.login(USER, PASSWORD, ip="127.0.0.1")
    cookie = {"Cookie": guarded.access.cookie(logged_in).partition(";")[0]}  # type: ignore[arg-type]
    refused = [{}, {**cookie, "Origin": "https://evil.example"}, {**cookie, "Host": "evil.example"}, cookie]
    for headers in refused:
        assert handshake(guarded.port, headers) == 403, headers
    assert not guarded.inner.reached
    for headers in ({**cookie, "Origin": guarded.url}, {"Authorization": f"Bearer {TOKEN}"}):
        assert handshake(guarded.port, headers) == 101, headers


def handshake(port: int, headers: dict[str, str]) -> int:
    """The status with which an opening WebSocket handshake is answered."""

    async def ask() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = {
            "Host": f"127.0.0.1:{port}",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            **headers,
        }
        text = "GET /graphql HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write((text + "\r\n").encode())
        await writer.drain()
        status = int((await reader.readline()).split()[1])
        writer.close()
        await writer.wait_closed()
        return status

    return asyncio.run(ask())


def test_while_postgres_is_away_nobody_is_let_in(clock: FixedClock) -> None:
    inner = Inner()
    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    guard = DagsterGuard(inner, access=Access(gone, "a secret key", None, clock), desk_port=5002)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=guard)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get("/", headers=basic())

    answer = asyncio.run(ask())
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert not inner.reached
