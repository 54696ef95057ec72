"""The API of the light: as it holds now, what it was, what it cost, pausing and acknowledging."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.answers import errors, success
from xfg_pipeline.desk.desk_room import Room, RoomOf
from xfg_pipeline.desk.errors import ExactJSONResponse
from xfg_pipeline.desk.json_body import json_body
from xfg_pipeline.desk.light_acts import Act, act
from xfg_pipeline.desk.parameters import (
    FromDate,
    Limit,
    Offset,
    ReasonGiven,
    ToDate,
    idempotency_key,
    writer,
)
from xfg_pipeline.desk.status_answers import (
    ActedAnswer,
    CostAnswer,
    StatusAnswer,
    StatusHistoryAnswer,
    UnknownLight,
)
from xfg_pipeline.resources.shown_light import cost_dict
from xfg_pipeline.resources.signal_book import utc_day

router = APIRouter(tags=["light"])

COST_DAYS = 30
_UNKNOWN: dict[int | str, dict[str, Any]] = {
    503: {"model": UnknownLight, "description": "The light cannot be known: the body says red, multiplier 0"}
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReasonGiven"}}},
    }
}
_NOT_ACKNOWLEDGED = "What is red cannot be acknowledged (`triggers` says what), or the light is not red"

Writer = Annotated[Identity, Depends(writer)]
Reason = Annotated[ReasonGiven, Depends(json_body(ReasonGiven))]
Key = Annotated[str | None, Depends(idempotency_key)]


@router.get(
    "/status",
    summary="The traffic light of now",
    description=(
        "Red where nothing is known, or what is known is older than 20 minutes. `triggers` are the rules that are not "
        "green, worst first. When the light cannot be read at all the answer is 503 and says red; it is never a 500."
    ),
    responses=success(StatusAnswer, "The light as it holds at `as_of`") | errors() | _UNKNOWN,
)
def status(room: RoomOf) -> Response:
    return ExactJSONResponse(_light(room))


@router.get(
    "/status/history",
    summary="What the light was",
    description=(
        "Rows of UTC days, both ends inside, a year at most, live and backfilled. Without dates: the current UTC day. "
        "`changed=true`: only those at which the light changed."
    ),
    responses=success(StatusHistoryAnswer, "Newest first") | errors(422),
)
def history(
    room: RoomOf,
    start: FromDate = None,
    end: ToDate = None,
    changed: Annotated[bool | None, Query(description="Only rows that changed the light, or only others.")] = None,
    limit: Limit = 200,
    offset: Offset = 0,
) -> Response:
    book, as_of = room.light_book, room.light_book.moment()
    first, last = days_of(as_of, start, end)
    found = book.history(first, last, changed=changed, limit=limit, offset=offset)
    answer = {"history": found.rows, "total": found.total, "limit": limit, "offset": offset, "from": first, "to": last}
    return ExactJSONResponse(answer | book.about(as_of))


@router.get(
    "/status/cost",
    summary="What red and yellow saved and cost",
    description=(
        "From the outcomes of signals that were paused or cut, in R and in money at full size, by rule and in sum. "
        "Both ends are inside; without dates: the last 30 UTC days."
    ),
    responses=success(CostAnswer, "An estimate, with the number of outcomes that it is of") | errors(422),
)
def cost(room: RoomOf, start: FromDate = None, end: ToDate = None) -> Response:
    book, as_of = room.light_book, room.light_book.moment()
    first, last = days_of(as_of, start, end, before=COST_DAYS - 1)
    found = book.guard_cost(first, last)
    return ExactJSONResponse(cost_dict(found) | {"from": first, "to": last} | book.about(as_of))


@router.post(
    "/status/pause",
    summary="Kill switch: red at once",
    description="Until somebody acknowledges; then probation, which is yellow. Stays in the audit log.",
    responses=success(ActedAnswer, "Paused, and the light after it") | errors(403, 409, 413, 415, 422),
    openapi_extra=_BODY,
)
def pause(room: RoomOf, identity: Writer, body: Reason, key: Key) -> Response:
    return _done(room, identity, "pause", body, key)


@router.post(
    "/status/acknowledge",
    summary="Leave red for probation",
    description="Leads to yellow, never to green. Stays in the audit log.",
    responses=(
        success(ActedAnswer, "Acknowledged, and the light after it")
        | errors(403, 409, 413, 415, 422, conflict=_NOT_ACKNOWLEDGED)
    ),
    openapi_extra=_BODY,
)
def acknowledge(room: RoomOf, identity: Writer, body: Reason, key: Key) -> Response:
    return _done(room, identity, "acknowledge", body, key)


def days_of(
    as_of: dt.datetime, start: dt.date | None, end: dt.date | None, *, before: int = 0
) -> tuple[dt.date, dt.date]:
    """First and last UTC day of what was asked for; without dates up to today, from `before` days earlier."""
    today = utc_day(as_of)
    last = end or (max(start, today) if start else today)
    return start or last - dt.timedelta(days=before), last


def _done(room: Room, identity: Identity, action: Act, body: ReasonGiven, key: str | None) -> Response:
    done = act(room, identity, action, body.reason, key=key)
    headers = {"Idempotent-Replayed": "true"} if done.replayed else None
    return ExactJSONResponse(_light(room) | {"action": done.action, "evaluated": done.evaluated}, headers=headers)


def _light(room: Room) -> dict[str, Any]:
    book = room.light_book
    as_of = book.moment()
    return book.now(as_of).to_dict() | book.about(as_of)
