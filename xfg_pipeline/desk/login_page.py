"""Logging in and out. The answer to a wrong name and to a wrong password is the same."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from xfg_pipeline.desk.access import Denied, Identity, LoggedIn
from xfg_pipeline.desk.desk_room import RoomOf
from xfg_pipeline.desk.errors import ApiError, ExactJSONResponse, wants_html
from xfg_pipeline.desk.pages import page
from xfg_pipeline.desk.parameters import caller

router = APIRouter(include_in_schema=False)


def own_path(target: str, *, otherwise: str = "/levels") -> str:
    """Where to go next: a path on the same host and nothing else (no `//host`, no `/\\host`)."""
    is_path = target.startswith("/") and not target.startswith(("//", "/\\", "/login"))
    return target if is_path and target.isprintable() and "\\" not in target and len(target) < 2000 else otherwise


@router.get("/login")
def login_page(request: Request, room: RoomOf) -> Response:
    target = own_path(request.query_params.get("next", ""))
    found = room.access.identify(list(request.headers.raw), _ip(request))
    if isinstance(found, Identity):
        return RedirectResponse(target, 303)
    return page(request, room, None, "login.html", {"next": target, "says": "", "username": ""})


@router.post("/login")
async def login(request: Request, room: RoomOf) -> Response:
    async with request.form(max_files=0, max_fields=8) as form:
        username, password, target = (str(form.get(name) or "") for name in ("username", "password", "next"))
    target = own_path(target)
    outcome = await run_in_threadpool(
        room.access.login,
        username,
        password,
        ip=_ip(request),
        user_agent=request.headers.get("user-agent", ""),
        cookie_header=request.headers.get("cookie", ""),
    )
    if isinstance(outcome, LoggedIn):
        response: Response = RedirectResponse(target, 303)
        if not wants_html(request.scope):
            response = ExactJSONResponse({"username": outcome.identity.username, "expires_at": outcome.expires_at})
        response.headers["Set-Cookie"] = room.access.cookie(outcome)
        return response
    return await run_in_threadpool(_refused, request, room, outcome, username, target)


def _refused(request: Request, room: RoomOf, denied: Denied, username: str, target: str) -> Response:
    headers = {} if denied.retry_after is None else {"Retry-After": str(denied.retry_after)}
    if not wants_html(request.scope):
        raise ApiError(denied.status, denied.code, denied.message, headers=headers)
    values = {"next": target, "says": denied.message, "username": username[:128]}
    return page(request, room, None, "login.html", values, status=denied.status, headers=headers)


@router.post("/logout")
def logout(request: Request, room: RoomOf, identity: Annotated[Identity, Depends(caller)]) -> Response:
    del identity
    room.access.logout(request.headers.get("cookie", ""))
    response = RedirectResponse("/login", 303)
    response.headers["Set-Cookie"] = room.access.dead_cookie()
    # Pages of this login must not come back with the browser's Back.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _ip(request: Request) -> str:
    return request.client.host if request.client else "unknown"
