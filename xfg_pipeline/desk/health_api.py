"""Alive, and ready with each dependency. No login, hence no detail that an outsider could use."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from xfg_pipeline.desk.answers import Error
from xfg_pipeline.desk.desk_room import RoomOf
from xfg_pipeline.desk.errors import ApiError, ExactJSONResponse

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: str


class Ready(BaseModel):
    """Each dependency of the pipeline with `ok` or `down`."""

    status: str
    dependencies: dict[str, str]


_READY: dict[int | str, dict[str, Any]] = {
    200: {"model": Ready, "description": "All dependencies answer"},
    503: {"model": Error, "description": "Not ready; `dependencies` names what is down"},
}


@router.get("/healthz", summary="Is the desk alive?", responses={200: {"model": Alive}, 400: {"model": Error}})
async def healthz() -> Response:
    return ExactJSONResponse({"status": "ok"})


@router.get("/readyz", summary="Can the pipeline work?", responses={**_READY, 400: {"model": Error}})
def readyz(room: RoomOf) -> Response:
    found = {part.name: "ok" if part.ok else "down" for part in room.health().dependencies}
    if any(state != "ok" for state in found.values()):
        down = ", ".join(name for name, state in found.items() if state != "ok")
        raise ApiError(503, "not_ready", f"Not ready: {down}.", extra={"dependencies": found})
    return ExactJSONResponse({"status": "ready", "dependencies": found})
