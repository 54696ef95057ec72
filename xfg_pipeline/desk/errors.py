"""How the desk says no: one shape for programs, one small page for people, and never an internal detail."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from html import escape
from typing import Any
from uuid import UUID

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Scope

from xfg_pipeline.exchange.market import MarketError
from xfg_pipeline.resources.signal_book import RangeRefused
from xfg_pipeline.storage.database import DatabaseUnavailable

log = logging.getLogger(__name__)

LIGHT = "/api/v2/status"
"""Whoever asks for the light and cannot be told is told red."""

CODES = {
    400: ("bad_request", "The request cannot be read."),
    401: ("not_logged_in", "Log in first: a session, HTTP Basic or a Bearer token."),
    403: ("forbidden", "This is not allowed."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take that method."),
    413: ("too_large", "The request is larger than what is taken here."),
    415: ("unsupported_media_type", "Send application/json."),
    422: ("invalid", "Something in the request cannot be taken. Nothing was saved."),
    429: ("too_many_attempts", "Too many attempts. Try again later."),
    500: (
        "internal",
        "The desk failed. The log of the desk says why. Nothing more is known about this request.",
    ),
    503: ("unavailable", "The desk cannot answer now. Try again."),
}


class ApiError(HTTPException):
    """A refusal: HTTP status, code for programs, sentence for people, and a sentence a field.

    `extra` is added inside the `error` object (for example the current values of a lost update).
    """

    def __init__(
        self,
        status: int,
        code: str = "",
        message: str = "",
        fields: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        default_code, default_message = CODES.get(status, ("error", "The request was refused."))
        super().__init__(status, message or default_message, dict(headers or {}))
        self.code = code or default_code
        self.message = message or default_message
        self.fields = dict(fields or {})
        self.extra = dict(extra or {})


class ExactJSONResponse(JSONResponse):
    """JSON with prices as numbers; lone surrogates are escaped, NaN cannot occur."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, default=_plain, allow_nan=False, separators=(",", ":")).encode("ascii")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 10**15 else float(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def to_api_error(error: Exception) -> ApiError:
    """Any exception as something that may be shown; what is unexpected is logged here and told as 500."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        known = error.status_code in CODES
        return ApiError(error.status_code if known or error.status_code < 500 else 500, headers=error.headers or {})
    if isinstance(error, RangeRefused):
        return ApiError(422, fields={error.field: str(error)})
    if isinstance(error, DatabaseUnavailable):
        log.warning("no answer from Postgres: %s", error)
        return ApiError(
            503,
            "database_unavailable",
            "Postgres does not answer. Nothing was saved; try again.",
            headers={"Retry-After": "5"},
        )
    if isinstance(error, MarketError):
        log.warning("the market's time is not known: %s", error)
        return ApiError(503, "market_unavailable", f"The market cannot be read: {error}", headers={"Retry-After": "30"})
    log.error("unexpected", exc_info=error)
    return ApiError(500)


def wants_html(scope: Scope) -> bool:
    """True for a person's browser on a page; programs and everything below /api get JSON."""
    if str(scope.get("path", "")).startswith("/api/"):
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


def error_response(error: Exception, scope: Scope) -> Response:
    """The answer for this exception: the JSON shape, or a page that says the same."""
    told = to_api_error(error)
    headers = dict(told.headers or {})
    if wants_html(scope):
        return HTMLResponse(_page(told), told.status_code, headers)
    body: dict[str, Any] = {"error": {"code": told.code, "message": told.message, "fields": told.fields, **told.extra}}
    if scope.get("path") == LIGHT and told.status_code >= 500:
        return ExactJSONResponse(body | unknown_light(told), 503, headers)
    return ExactJSONResponse(body, told.status_code, headers)


def unknown_light(why: ApiError) -> dict[str, Any]:
    """The light of a desk that cannot know it."""
    rule = "health_database" if why.code == "database_unavailable" else "monitor"
    message = f"The light is unknown: {why.message}"
    trigger = {"rule": rule, "status": "red", "message": message}
    return {
        "status": "red",
        "position_multiplier": 0,
        "message": message,
        "triggered_by": rule,
        "triggers": [trigger],
        "as_of": None,
    }


def _page(error: ApiError) -> str:
    # No template: this page must also come when templates or Postgres do not.
    light = ""
    if error.status_code >= 500:
        light = "<p><strong>The light is unknown, and unknown is red: open nothing.</strong></p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{error.status_code} · desk</title>"
        '<link rel="icon" href="/static/icon.svg"><link rel="stylesheet" href="/static/tokens.css">'
        '<link rel="stylesheet" href="/static/desk.css"></head><body><main class="alone">'
        f"<h1>{escape(error.message)}</h1>{light}<p class=quiet>{error.status_code}, {escape(error.code)}</p>"
        '<p><a href="/levels">Levels</a></p></main></body></html>'
    )
