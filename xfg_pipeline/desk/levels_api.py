"""The API of levels: read what holds, type pivots, ask what is near, take it all away as CSV."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.answers import (
    CompletenessAnswer,
    HistoryAnswer,
    LevelsAnswer,
    NearbyAnswer,
    SavedAnswer,
    errors,
    success,
)
from xfg_pipeline.desk.desk_room import RoomOf
from xfg_pipeline.desk.download import LEVEL_COLUMNS, csv_text
from xfg_pipeline.desk.errors import ApiError, ExactJSONResponse
from xfg_pipeline.desk.json_body import json_body
from xfg_pipeline.desk.parameters import (
    DatePath,
    DateQuery,
    IsoDate,
    ManualLevels,
    Symbol,
    SymbolPath,
    idempotency_key,
    if_match,
    writer,
)
from xfg_pipeline.desk.saving import save_pivots
from xfg_pipeline.levels.band import LARGEST
from xfg_pipeline.levels.vocabulary import label_of
from xfg_pipeline.resources.level_book import DayOfLevels

router = APIRouter(tags=["levels"])

MAX_DAYS = 3700
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "A CSV file", "content": {"text/csv": {"schema": {"type": "string"}}}}
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ManualLevels"}}},
    }
}


def etag_header(day: DayOfLevels) -> dict[str, str]:
    return {"ETag": day.etag}


@router.post(
    "/manual-levels",
    summary="Type pivots",
    description="Validates all levels of the date before anything is saved; saves all or nothing.",
    responses=success(SavedAnswer, "Saved", etag=True) | errors(403, 409, 413, 415, 422),
    openapi_extra=_BODY,
)
def type_pivots(
    room: RoomOf,
    identity: Annotated[Identity, Depends(writer)],
    body: Annotated[ManualLevels, Depends(json_body(ManualLevels))],
    match: Annotated[str | None, Depends(if_match)],
    key: Annotated[str | None, Depends(idempotency_key)],
) -> Response:
    saved = save_pivots(room, identity, body, match=match, key=key)
    answer = {
        "symbol": saved.day.symbol,
        "trading_date": saved.day.trading_date,
        "levels": saved.day.prices,
        "manual": saved.day.manual,
        "changed": list(saved.changed),
        "completeness": room.level_book.completeness(saved.day.symbol, saved.day.trading_date).to_dict(),
        "warnings": [issue.to_dict() for issue in saved.warnings],
    }
    headers = etag_header(saved.day)
    if saved.replayed:
        headers["Idempotent-Replayed"] = "true"
    return ExactJSONResponse(answer, headers=headers)


@router.get(
    "/levels/{symbol}/{date}",
    summary="The levels that hold for a date",
    responses=success(LevelsAnswer, "Empty `levels` when there is nothing for that date", etag=True) | errors(404, 422),
)
def levels(room: RoomOf, symbol: SymbolPath, date: DatePath) -> Response:
    day = room.level_book.day(room.known_symbol(symbol), date)
    answer = {
        "symbol": day.symbol,
        "trading_date": day.trading_date,
        "levels": day.prices,
        "details": [{**row, "label": label_of(str(row["level_type"]))} for row in day.rows],
    }
    return ExactJSONResponse(answer, headers=etag_header(day))


@router.get(
    "/levels/{symbol}/{date}/history",
    summary="Who changed which level of a date",
    responses=success(HistoryAnswer, "Newest first") | errors(404, 422),
)
def history(
    room: RoomOf, symbol: SymbolPath, date: DatePath, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> Response:
    known = room.known_symbol(symbol)
    rows = room.level_book.history(known, date, limit=limit)
    return ExactJSONResponse({"symbol": known, "trading_date": date, "history": rows})


@router.get(
    "/completeness/{symbol}",
    summary="Is everything there for a date?",
    responses=success(CompletenessAnswer, "complete, partial or incomplete, with what is missing") | errors(404, 422),
)
def completeness(room: RoomOf, symbol: SymbolPath, date: DateQuery = None) -> Response:
    found = room.level_book.completeness(room.known_symbol(symbol), date or room.today())
    return ExactJSONResponse(found.to_dict())


@router.get(
    "/nearby-levels",
    summary="Levels around a price",
    responses=success(NearbyAnswer, "Nearest first") | errors(404, 422),
)
def nearby_levels(
    room: RoomOf,
    symbol: Annotated[Symbol, Query()],
    price: Annotated[Decimal, Query(gt=0, lt=LARGEST, examples=[6850.25])],
    range_points: Annotated[
        Decimal, Query(alias="range", gt=0, le=100_000, description="Points to both sides.", examples=[25])
    ] = Decimal(5),
    date: DateQuery = None,
) -> Response:
    known = room.known_symbol(symbol)
    found = room.level_book.nearby(known, price, range_points, date)
    answer: dict[str, Any] = {
        "symbol": known,
        "trading_date": found.trading_date,
        "reference_price": price,
        "range_points": range_points,
        "nearby_levels": [
            {
                "level_type": level.level_type,
                "label": label_of(level.level_type),
                "price": level.price,
                "distance": level.distance,
                "source": level.source,
                "touches": level.touches,
            }
            for level in found.levels
        ],
    }
    return ExactJSONResponse(answer)


@router.get(
    "/levels.csv",
    summary="Levels of a range of dates as CSV",
    description="Both ends are inside. Without dates: the current trading date.",
    responses=_CSV | errors(404, 422),
)
def download(
    room: RoomOf,
    symbol: Annotated[Symbol, Query()],
    start: Annotated[IsoDate | None, Query(alias="from")] = None,
    end: Annotated[IsoDate | None, Query(alias="to")] = None,
) -> Response:
    known = room.known_symbol(symbol)
    first = start or end or room.today()
    last = end or start or room.today()
    if last < first:
        raise ApiError(422, fields={"to": f"must not be before {first}"})
    if last - first > timedelta(days=MAX_DAYS):
        raise ApiError(422, fields={"from": f"is more than {MAX_DAYS} days before `to`"})
    name = f"{known}_levels_{first}_{last}.csv"
    return Response(
        csv_text(room.level_book.csv_rows(known, first, last), LEVEL_COLUMNS),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
