"""The ring around the Dagster UI, which has no login: the desk's login, a known Host, no foreign request.

Dagster executes a GraphQL mutation that comes as a plain GET, from any page open in the person's browser. So
nothing but a bare page is taken by GET on /graphql, and what may change something must come from our page.
"""

from __future__ import annotations

import logging
from typing import Protocol
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xfg_pipeline.desk.access import Denied, Identity, RawHeaders
from xfg_pipeline.desk.origin import host_name, is_known_host, is_own_request
from xfg_pipeline.storage.database import DatabaseUnavailable

log = logging.getLogger(__name__)

ALIVE = "/healthz"
_GRAPHQL = "/graphql"
_POLICY_VIOLATION = 1008


class Doorkeeper(Protocol):
    """What the guard needs of the desk's `Access`."""

    def identify(self, headers: RawHeaders, client_ip: str) -> Identity | Denied | None: ...


class Refused(Exception):
    """A request that does not pass: HTTP status, code for programs, sentence for people."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}

    def response(self) -> Response:
        body = {"error": {"code": self.code, "message": self.message, "fields": {}}}
        return JSONResponse(body, self.status, {**self.headers, "Cache-Control": "no-store"})


class DagsterGuard:
    """ASGI middleware around Dagster's web app.

    `desk_port`: where a browser without a session is sent to log in. `hosts`: names besides this machine's.
    `https`: browsers reach us over https (a proxy ends it).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Doorkeeper,
        desk_port: int,
        hosts: tuple[str, ...] = (),
        https: bool = False,
    ) -> None:
        self._app = app
        self._access = access
        self._desk_port = desk_port
        self._hosts = hosts
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answer(scope)
        except Refused as refused:
            answer = refused.response()
        except DatabaseUnavailable:
            message = "Postgres does not answer, so nobody can be let in. Try again."
            answer = Refused(503, "database_unavailable", message, {"Retry-After": "5"}).response()
        if answer is None:
            await self._app(scope, receive, _with_headers(send) if scope["type"] == "http" else send)
        elif scope["type"] == "http":
            await answer(scope, receive, _with_headers(send))
        else:
            # Before the handshake is accepted, a close is an HTTP 403 to the browser.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})

    async def _answer(self, scope: Scope) -> Response | None:
        """What to answer instead of Dagster; None lets the request through."""
        headers = Headers(scope=scope)
        if not is_known_host(headers.getlist("host"), self._hosts):
            message = "Dagster does not answer to that host name. Add it to TRUSTED_HOSTS if it is meant to."
            raise Refused(400, "unknown_host", message)
        if scope["type"] == "http" and scope["path"] == ALIVE:
            return JSONResponse({"status": "ok"})
        self._refuse_foreign(scope, headers)
        client = scope.get("client")
        ip = str(client[0]) if client else "unknown"
        caller = await run_in_threadpool(self._access.identify, list(scope["headers"]), ip)
        if isinstance(caller, Denied):
            extra = {} if caller.retry_after is None else {"Retry-After": str(caller.retry_after)}
            raise Refused(caller.status, caller.code, caller.message, extra)
        if caller is None:
            return self._please_log_in(scope, headers)
        if not caller.may_write:
            raise Refused(403, "forbidden", "These pages can start and stop runs; your role may only look.")
        return None

    def _refuse_foreign(self, scope: Scope, headers: Headers) -> None:
        is_socket = scope["type"] == "websocket"
        # A WebSocket carries anything, so it is judged like a request that changes something.
        method = "POST" if is_socket else str(scope["method"])
        scheme = "https" if self._https else "http"
        own = is_own_request(
            method=method,
            own_origin=f"{scheme}://{headers.get('host', '')}",
            sec_fetch_site=headers.get("sec-fetch-site"),
            origin=headers.get("origin"),
            authorization=headers.get("authorization"),
            has_cookie="cookie" in headers,
            logs_in=False,
        )
        if not own:
            raise Refused(403, "cross_site", "This came from another web page, and was not done.")
        if is_socket or str(scope["path"]).rstrip("/") != _GRAPHQL:
            return
        if method in ("GET", "HEAD") and not scope.get("query_string"):
            return
        if method != "POST":
            message = "GraphQL is taken as a POST with a JSON body only."
            raise Refused(405, "method_not_allowed", message, {"Allow": "POST"})
        # With JSON the webserver takes its query from the body alone; what its own pages add to the address
        # (?op=…) is a label.
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, "unsupported_media_type", "Send application/json.")

    def _please_log_in(self, scope: Scope, headers: Headers) -> Response:
        wants_page = "text/html" in headers.get("accept", "") and scope.get("method") == "GET"
        if scope["type"] == "http" and wants_page:
            scheme = "https" if self._https else "http"
            query = scope.get("query_string", b"").decode("ascii", "replace")
            path = quote(str(scope["path"])) + (f"?{query}" if query else "")
            target = f"/dagster?path={quote(path, safe='')}"
            desk = f"{scheme}://{host_name(headers['host'])}:{self._desk_port}"
            return RedirectResponse(f"{desk}/login?next={quote(target, safe='')}", 303, {"Cache-Control": "no-store"})
        # A browser's own script gets no challenge: the browser would open its box over the page.
        challenge = {} if "sec-fetch-mode" in headers else {"WWW-Authenticate": 'Basic realm="xfg", charset="UTF-8"'}
        message = "Log in first: a session, HTTP Basic or a Bearer token."
        raise Refused(401, "not_logged_in", message, challenge)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("X-Frame-Options", "DENY")
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "same-origin")
        await send(message)

    return sending
