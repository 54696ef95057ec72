"""The API of signals: what is ready and from what it was made, its ticket, and why there is no signal."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from starlette.responses import PlainTextResponse, Response

from xfg_pipeline.desk.answers import errors, success
from xfg_pipeline.desk.dagster_page import desk_path
from xfg_pipeline.desk.desk_room import Room, RoomOf
from xfg_pipeline.desk.download import SIGNAL_COLUMNS, csv_text
from xfg_pipeline.desk.errors import ApiError, ExactJSONResponse
from xfg_pipeline.desk.formats import sentence
from xfg_pipeline.desk.parameters import (
    CoinQuery,
    GateQuery,
    IsoDate,
    Limit,
    Offset,
    SignalId,
    SlotQuery,
    StatusQuery,
    UtcDate,
)
from xfg_pipeline.desk.signal_answers import CandidatesAnswer, LineageAnswer, SignalsAnswer, TicketAnswer
from xfg_pipeline.resources.signal_book import NoTicket, UnknownSignal, utc_day
from xfg_pipeline.storage.signal_views import Page

router = APIRouter(tags=["signals"])

FromDate = Annotated[IsoDate | None, Query(alias="from", description="First UTC day, instead of `date`.")]
ToDate = Annotated[IsoDate | None, Query(alias="to", description="Last UTC day, included.")]

_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "A CSV file", "content": {"text/csv": {"schema": {"type": "string"}}}}
}
_TICKET: dict[int | str, dict[str, Any]] = {
    200: {
        "model": TicketAnswer,
        "description": "The order, under the light of now",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}
_NO_TICKET = "There is nothing to place: `code` is expired, paused, executed, no_size or unknown_instrument"


@router.get(
    "/signals",
    summary="Signals of a day or a range of days",
    description="Days are UTC, both ends are inside, a year at most. Without dates: the current UTC day.",
    responses=success(SignalsAnswer, "Newest first, each with the status of now") | errors(422),
)
def signals(
    room: RoomOf,
    date: UtcDate = None,
    start: FromDate = None,
    end: ToDate = None,
    status: StatusQuery = None,
    coin: CoinQuery = None,
    limit: Limit = 200,
    offset: Offset = 0,
) -> Response:
    as_of = room.signal_book.now()
    first, last = _days(as_of, date, start, end)
    found = _signals(room, as_of, first, last, status=status, coin=coin, limit=limit, offset=offset)
    days = {"from": first, "to": last} if start or end else {"date": first}
    answer = {"signals": found.rows, "total": found.total, "limit": limit, "offset": offset, **days}
    return ExactJSONResponse(answer | room.signal_book.about(as_of))


@router.get(
    "/signals.csv",
    summary="Signals of a range of days as CSV",
    description="Days are UTC, both ends are inside; the newest thousand at most. Without dates: the current UTC day.",
    responses=_CSV | errors(422),
)
def download(room: RoomOf, date: UtcDate = None, start: FromDate = None, end: ToDate = None) -> Response:
    as_of = room.signal_book.now()
    first, last = _days(as_of, date, start, end)
    found = _signals(room, as_of, first, last)
    name = f"{room.signal_book.mode}_signals_{first}_{last}.csv"
    return Response(
        csv_text(found.rows, SIGNAL_COLUMNS),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get(
    "/signals/{id}",
    summary="One signal with its lineage",
    description=(
        "The row, with its gates and margins, the probabilities of every model, and the hashes of what it was made "
        "from: candles, features, models, settings, light. `mode` is that of the row, live or backfill; "
        "`trading_mode` is practice or live."
    ),
    responses=success(LineageAnswer, "The signal with the status of now") | errors(404, 422),
)
def signal(room: RoomOf, id: SignalId) -> Response:  # noqa: A002 (the name of the column)
    as_of = room.signal_book.now()
    try:
        found = room.signal_book.signal(as_of, id)
    except UnknownSignal as unknown:
        raise _unknown(unknown) from None
    links = {name: desk_path(path) for name, path in found.pop("dagster").items()}
    return ExactJSONResponse({**found, "links": links, "trading_mode": room.signal_book.mode, "as_of": as_of})


@router.get(
    "/signals/{id}/ticket",
    summary="The copy-paste ticket of a ready signal",
    description="As JSON, or as plain text with `Accept: text/plain` or `format=text`.",
    responses=_TICKET | errors(404, 409, 422, conflict=_NO_TICKET),
)
def ticket(
    room: RoomOf,
    id: SignalId,  # noqa: A002 (the name of the column)
    format: Annotated[Literal["json", "text"] | None, Query()] = None,  # noqa: A002 (as it stands in the address)
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    book, as_of = room.signal_book, room.signal_book.now()
    try:
        offer = book.ticket(as_of, id)
    except UnknownSignal as unknown:
        raise _unknown(unknown) from None
    except NoTicket as refused:
        raise ApiError(409, refused.code, str(refused), extra=book.about(as_of)) from None
    plain = format == "text" or (format is None and accept.partition(",")[0].strip().startswith("text/plain"))
    if plain:
        return PlainTextResponse(f"{offer.text}\n")
    return ExactJSONResponse(offer.to_dict() | book.about(as_of))


@router.get(
    "/candidates",
    summary="Why no signal? What was decided for each coin and slot",
    description=(
        "Of one UTC day, newest first. With `slot` there is an entry for the coin, or for every coin, also where "
        "nothing was decided: then it is not `evaluated`, and `reason` says what is known about that. `margin` is by "
        "how much the gate was missed (below 0), `outcome` what would have happened."
    ),
    responses=success(CandidatesAnswer, "Decisions with their reasons, and the day's counts by gate") | errors(422),
)
def candidates(
    room: RoomOf,
    date: UtcDate = None,
    coin: CoinQuery = None,
    slot: SlotQuery = None,
    gate: GateQuery = None,
    limit: Limit = 200,
    offset: Offset = 0,
) -> Response:
    book, as_of = room.signal_book, room.signal_book.now()
    if slot is not None and date not in (None, utc_day(slot)):
        raise ApiError(422, fields={"slot": f"is not of the UTC day {date}"})
    day = utc_day(slot) if slot is not None else date or utc_day(as_of)
    if slot is None:
        found = book.candidates(day, coin=coin, gate=gate, limit=limit, offset=offset)
    else:
        rows = [row for row in book.why(as_of, slot, coin) if gate is None or _gate_of(row) == gate]
        found = Page(rows[offset : offset + limit], len(rows))
    answer = {
        "candidates": found.rows,
        "total": found.total,
        "limit": limit,
        "offset": offset,
        "counts": book.counts(day, coin),
        "date": day,
    }
    return ExactJSONResponse(answer | room.signal_book.about(as_of))


def _days(
    as_of: dt.datetime, date: dt.date | None, start: dt.date | None, end: dt.date | None
) -> tuple[dt.date, dt.date]:
    if date is not None and (start or end):
        raise ApiError(422, fields={"date": "is one day: leave it out, or leave out `from` and `to`"})
    if date is not None:
        return date, date
    today = utc_day(as_of)
    return start or end or today, end or (max(start, today) if start else today)


def _signals(room: Room, as_of: dt.datetime, first: dt.date, last: dt.date, **wanted: Any) -> Page:
    return room.signal_book.signals(as_of, first, last, **wanted)


def _unknown(unknown: UnknownSignal) -> ApiError:
    return ApiError(404, "unknown_signal", sentence(str(unknown)), {"id": "is unknown"})


def _gate_of(row: dict[str, Any]) -> str | None:
    return "passed" if row["evaluated"] and row["gate"] is None else row["gate"]
