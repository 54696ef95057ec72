"""The way from the login to the Dagster UI, which has its own port.

A page that goes on by itself: the policy of the login form allows no redirect to another port.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.desk_room import RoomOf
from xfg_pipeline.desk.login_page import own_path
from xfg_pipeline.desk.pages import dagster_address, page
from xfg_pipeline.desk.parameters import caller

router = APIRouter(include_in_schema=False)


def desk_path(path: str) -> str:
    """The desk's own address that leads on to a path of the Dagster UI."""
    return f"/dagster?{urlencode({'path': path})}"


@router.get("/dagster")
def dagster_page(request: Request, room: RoomOf, identity: Annotated[Identity, Depends(caller)]) -> Response:
    address = dagster_address(request, room)
    path = own_path(request.query_params.get("path", "/"), otherwise="/")
    return page(request, room, identity, "dagster.html", {"target": address and address.rstrip("/") + path})
