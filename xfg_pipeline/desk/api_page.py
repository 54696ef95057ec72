"""The API described on one own page (FastAPI's own come from another host), and as OpenAPI below /api/v2."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.desk_room import RoomOf
from xfg_pipeline.desk.pages import page
from xfg_pipeline.desk.parameters import caller

router = APIRouter(include_in_schema=False)


@router.get("/api-description")
def api_page(request: Request, room: RoomOf, identity: Annotated[Identity, Depends(caller)]) -> Response:
    described: dict[str, Any] = request.app.openapi()
    calls = [
        {
            "method": method.upper(),
            "path": path,
            "summary": call.get("summary", ""),
            "description": call.get("description", ""),
            "parameters": [one["name"] for one in call.get("parameters", [])],
            "statuses": ", ".join(sorted(call.get("responses", {}))),
        }
        for path, methods in described["paths"].items()
        for method, call in methods.items()
    ]
    return page(request, room, identity, "api.html", {"calls": calls})
