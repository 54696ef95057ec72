"""The outermost ring of the desk: Host, origin, size of bodies, login, response headers, and the last catch.

One ASGI middleware, so that nothing can be served past it: what is not named public needs a login.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xfg_pipeline.desk.access import NO_PASSWORD, Access, Denied, Identity
from xfg_pipeline.desk.errors import ApiError, error_response, wants_html
from xfg_pipeline.desk.origin import is_known_host, is_own_request

BODY_LIMIT = 64 * 1024
UPLOAD_PATHS = frozenset({"/api/v2/imports", "/levels/import"})
# A multipart body is a little larger than the file in it.
UPLOAD_MARGIN = 64 * 1024
ALIVE = frozenset({"/healthz", "/api/v2/healthz"})
PUBLIC = frozenset({"/readyz", "/api/v2/readyz", "/login"})
# A form that was sent after its session had ended reaches its page without an identity: it saves nothing,
# and asks for the login without losing what was typed.
KEEPS_TYPED = frozenset({"/levels", "/status/pause", "/status/acknowledge"})

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Boundary:
    """Wraps the desk. `https` and `hosts` say under which addresses browsers reach it."""

    def __init__(self, app: ASGIApp, *, access: Access, hosts: tuple[str, ...], https: bool, upload_limit: int) -> None:
        self._app = app
        self._access = access
        self._hosts = hosts
        self._https = https
        self._upload_limit = upload_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(MutableHeaders(scope=message), str(scope["path"]))
            await send(message)

        try:
            refusal = await self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, guarded_send)
                return
            await self._app(scope, self._bounded(scope, receive), guarded_send)
        except Exception as error:
            # The last catch: whatever happened, the answer has our shape and names no internals.
            response = error_response(error, scope)
            if started:
                raise
            await response(scope, receive, guarded_send)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        path = str(scope["path"])
        if not is_known_host(headers.getlist("host"), self._hosts):
            message = "This desk does not answer to that host name. Add it to TRUSTED_HOSTS if it is meant to."
            return error_response(ApiError(400, "unknown_host", message), scope)
        if not self._is_own(scope, headers, path):
            message = "This came from another web page, and was not done."
            return error_response(ApiError(403, "cross_site", message), scope)
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length[:20]) > self._limit(path):
            return error_response(ApiError(413), scope)
        return await self._login_needed(scope, headers, path)

    def _is_own(self, scope: Scope, headers: Headers, path: str) -> bool:
        scheme = "https" if self._https else str(scope.get("scheme", "http"))
        return is_own_request(
            method=str(scope["method"]),
            own_origin=f"{scheme}://{headers.get('host', '')}",
            sec_fetch_site=headers.get("sec-fetch-site"),
            origin=headers.get("origin"),
            authorization=headers.get("authorization"),
            has_cookie="cookie" in headers,
            logs_in=path == "/login",
        )

    async def _login_needed(self, scope: Scope, headers: Headers, path: str) -> Response | None:
        if path in ALIVE:
            return None
        is_public = path in PUBLIC or path.startswith("/static/")
        client: Any = scope.get("client")
        ip = str(client[0]) if client else "unknown"
        if is_public:
            if not await run_in_threadpool(self._access.is_set_up):
                return error_response(ApiError(503, NO_PASSWORD.code, NO_PASSWORD.message), scope)
            return None
        identity = await run_in_threadpool(self._access.identify, list(scope["headers"]), ip)
        if isinstance(identity, Identity):
            scope.setdefault("state", {})["identity"] = identity
            return None
        if isinstance(identity, Denied):
            extra = {} if identity.retry_after is None else {"Retry-After": str(identity.retry_after)}
            return error_response(ApiError(identity.status, identity.code, identity.message, headers=extra), scope)
        return self._please_log_in(scope, headers, path)

    @staticmethod
    def _please_log_in(scope: Scope, headers: Headers, path: str) -> Response | None:
        if wants_html(scope):
            if scope["method"] == "GET":
                query = scope.get("query_string", b"").decode("ascii", "replace")
                target = path + (f"?{query}" if query else "")
                return RedirectResponse(login_url(target), 303)
            if path in KEEPS_TYPED:
                scope.setdefault("state", {})["identity"] = None
                return None
        # A browser's own script gets no challenge: the browser would open its box over the page.
        challenge = {} if "sec-fetch-mode" in headers else {"WWW-Authenticate": 'Basic realm="xfg", charset="UTF-8"'}
        return error_response(ApiError(401, headers=challenge), scope)

    def _limit(self, path: str) -> int:
        return self._upload_limit + UPLOAD_MARGIN if path in UPLOAD_PATHS else BODY_LIMIT

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """The body without a Content-Length is counted while it comes."""
        limit, seen = self._limit(str(scope["path"])), 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise ApiError(413)
            return message

        return counted


def login_url(target: str) -> str:
    """The login page that leads back to `target` afterwards."""
    return "/login" if target in {"/", "/levels"} else f"/login?next={quote(target, safe='')}"


def _add_headers(headers: MutableHeaders, path: str) -> None:
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
    if path.startswith("/static/"):
        headers["Cache-Control"] = "no-cache"
    else:
        headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("Vary", "Cookie, Authorization")
