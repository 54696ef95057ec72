"""The API of export files: what came in and what became of it, and a file handed in by hand."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.answers import ImportAnswer, ImportsAnswer, errors, success
from xfg_pipeline.desk.desk_room import Room, RoomOf
from xfg_pipeline.desk.errors import ApiError, ExactJSONResponse
from xfg_pipeline.desk.json_body import printable
from xfg_pipeline.desk.parameters import Symbol, writer
from xfg_pipeline.levels.issues import ExportUnfinished
from xfg_pipeline.storage.file_imports import FileImport

router = APIRouter(tags=["imports"])

_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


def import_answer(found: FileImport) -> dict[str, Any]:
    """One file for a program."""
    return {
        "id": found.id,
        "sha256": found.sha256,
        "file_name": found.file_name,
        "symbol": found.symbol,
        "state": found.state,
        "reason": found.reason,
        "imported_count": found.imported_count,
        "trading_dates": list(found.trading_dates),
        "issues": found.issues,
        "report": found.report,
        "size_bytes": found.size_bytes,
        "received_by": found.received_by,
        "received_at": found.received_at,
        "imported_at": found.imported_at,
        "materialized_at": found.materialized_at,
        "attempt": found.attempt,
        "duplicates": found.duplicates,
    }


async def uploaded(request: Request) -> tuple[bytes, str]:
    """Content and name of the part `file` of a multipart form. Raises ApiError 415 or 422."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ApiError(415, message="Send multipart/form-data with the part `file`.")
    async with request.form(max_files=1, max_fields=4, max_part_size=64 * 1024) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise ApiError(422, fields={"file": "Choose a file"})
        # Only the last part of a path: some browsers send all of it.
        name = printable(file.filename.replace("\\", "/").rsplit("/", 1)[-1], 200)
        return await file.read(), name


async def import_upload(room: Room, identity: Identity, request: Request) -> FileImport:
    """Judge and import an uploaded file, the same way as one from the inbox."""
    content, name = await uploaded(request)

    def judged() -> FileImport:
        try:
            return room.importer.import_bytes(content, name, by=identity.username)
        except ExportUnfinished as cut:
            # Nothing more will come: what an upload lacks at its end it lacks for good.
            return room.importer.refuse(content, name, cut, by=identity.username)

    return await run_in_threadpool(judged)


@router.get(
    "/imports",
    summary="Export files and what became of them",
    responses=success(ImportsAnswer, "Newest first") | errors(404, 422),
)
def imports(
    room: RoomOf,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    symbol: Annotated[Symbol | None, Query(description="Also answers files whose symbol could not be told.")] = None,
) -> Response:
    known = None if symbol is None else room.known_symbol(symbol)
    found = room.level_book.imports(limit, symbol=known)
    return ExactJSONResponse({"imports": [import_answer(one) for one in found]})


@router.post(
    "/imports",
    summary="Hand in a level export",
    description="The same checks as for a file in the inbox: imported whole or not at all.",
    responses=success(ImportAnswer, "Imported, or known already (state `duplicate`)") | errors(403, 413, 415, 422),
    openapi_extra=_UPLOAD,
)
async def hand_in(room: RoomOf, identity: Annotated[Identity, Depends(writer)], request: Request) -> Response:
    found = await import_upload(room, identity, request)
    answer = import_answer(found)
    if found.state == "refused":
        raise ApiError(422, "file_refused", found.reason, {"file": found.reason}, extra={"import": answer})
    return ExactJSONResponse(answer)
