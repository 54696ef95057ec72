"""The levels page: both symbols of a trading date, their pivots typed and saved, files handed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.desk_room import Room, RoomOf
from xfg_pipeline.desk.errors import ApiError
from xfg_pipeline.desk.formats import counted
from xfg_pipeline.desk.imports_api import import_upload
from xfg_pipeline.desk.imports_view import import_row
from xfg_pipeline.desk.levels_view import FormState, SymbolView, symbol_view
from xfg_pipeline.desk.pages import page, zone_of
from xfg_pipeline.desk.parameters import (
    IsoDate,
    ManualLevels,
    PivotPrices,
    caller,
    if_match,
    iso_date,
    writer,
)
from xfg_pipeline.desk.pivot_form import Typed
from xfg_pipeline.desk.saving import save_pivots
from xfg_pipeline.levels.sessions import (
    FIRST_DAY,
    LAST_DAY,
    NEW_YORK,
    is_session,
    next_session,
    previous_session,
    trading_date_of,
)
from xfg_pipeline.levels.vocabulary import MANUAL_LEVELS
from xfg_pipeline.storage import service_marks
from xfg_pipeline.storage.file_imports import FileImport

router = APIRouter(include_in_schema=False)

SHOWN_IMPORTS = 12


@dataclass(frozen=True)
class _Sent:
    """The pivot form as the browser sent it."""

    symbol: str
    day: date
    texts: dict[str, str]
    etag: str


@router.get("/")
def home() -> Response:
    return RedirectResponse("/levels", 303)


@router.get("/levels")
def levels_page(
    request: Request,
    room: RoomOf,
    identity: Annotated[Identity, Depends(caller)],
    date: IsoDate | None = None,
) -> Response:
    day = date or room.today()
    # A form that an expired login interrupted comes back in the address: shown, never saved by itself.
    carried = _carried(request, room)
    return _render(request, room, identity, day, forms=carried)


@router.post("/levels")
async def save(request: Request, room: RoomOf) -> Response:
    """The form without JavaScript: the same saving as the API, and the page again with the server's word."""
    async with request.form(max_files=0, max_fields=20) as form:
        texts = {name: str(form[name]) for name in MANUAL_LEVELS if isinstance(form.get(name), str)}
        symbol, day = _which(form, room)
        etag = str(form.get("etag") or "")
    identity = getattr(request.state, "identity", None)
    if identity is None:
        query = urlencode({"date": day.isoformat(), "symbol": symbol, **texts})
        return RedirectResponse(f"/login?{urlencode({'next': f'/levels?{query}#{symbol}'})}", 303)
    writer(identity)
    sent = _Sent(symbol, day, texts, etag)
    return await run_in_threadpool(_save, request, room, identity, sent)


def _save(request: Request, room: Room, identity: Identity, sent: _Sent) -> Response:
    typed = Typed.read(sent.texts)
    if typed.errors:
        state = FormState(typed, typed.errors, f"Nothing was saved: {counted(len(typed.errors), 'value')} to correct.")
        return _render(request, room, identity, sent.day, forms={sent.symbol: state}, status=422)
    try:
        body = ManualLevels(symbol=sent.symbol, trading_date=sent.day, levels=PivotPrices(**dict(typed.prices)))
        save_pivots(room, identity, body, match=if_match(sent.etag), key=None)
    except ApiError as refused:
        if refused.status_code not in {409, 422}:
            raise
        says = refused.message
        if refused.status_code == 409:
            says += " The fields hold what you typed, below each stands what is saved now. Save to replace it."
        state = FormState(typed, refused.fields, says)
        return _render(request, room, identity, sent.day, forms={sent.symbol: state}, status=refused.status_code)
    return RedirectResponse(f"/levels?date={sent.day}#{sent.symbol}", 303)


@router.post("/levels/import")
async def hand_in(request: Request, room: RoomOf, identity: Annotated[Identity, Depends(writer)]) -> Response:
    try:
        found = await import_upload(room, identity, request)
    except ApiError as refused:
        if refused.status_code != 422:
            raise
        day = room.today()
        return await run_in_threadpool(
            _render,
            request,
            room,
            identity,
            day,
            upload_says=refused.fields.get("file", refused.message),
            status=422,
        )
    day = found.trading_dates[-1] if found.trading_dates else room.today()
    status = 422 if found.state == "refused" else 200
    return await run_in_threadpool(_render, request, room, identity, day, handed_in=found, status=status)


def _render(
    request: Request,
    room: Room,
    identity: Identity,
    day: date,
    *,
    forms: dict[str, FormState] | None = None,
    handed_in: FileImport | None = None,
    upload_says: str = "",
    status: int = 200,
) -> Response:
    zone, today, now = zone_of(room), room.today(), room.local_now()
    open_day = is_session(day)
    before = previous_session(day) if day > FIRST_DAY else day
    after = next_session(day) if day < LAST_DAY else day
    views = [_view(room, symbol, day, (forms or {}).get(symbol)) for symbol in room.rules.allowed_symbols]
    # A holiday's sheets are shown when somebody stored something for it all the same.
    shown = views if open_day or any(view.level_count for view in views) else []
    midnight = datetime.combine(now.date(), time(0), tzinfo=zone)
    recent = room.level_book.imports(SHOWN_IMPORTS, since=midnight)
    is_todays = bool(recent)
    recent = recent or room.level_book.imports(3)
    values: dict[str, Any] = {
        "day": day,
        "is_open_day": open_day,
        "today": today,
        "before": before,
        "after": after,
        "after_is_too_far": after > next_session(today),
        "views": shown,
        "is_empty": open_day and not any(view.level_count for view in views),
        "latest": room.level_book.latest_day(day),
        "imports": [import_row(found, zone, now.date()) for found in recent],
        "imports_are_todays": is_todays,
        "handed_in": import_row(handed_in, zone, now.date()) if handed_in else None,
        "upload_says": upload_says,
        "inbox": str(room.settings.inbox),
        "check_interval": room.settings.csv_check_interval,
        "unwatched_since": _unwatched_since(room),
        "upload_megabytes": room.rules.max_file_bytes // (1024 * 1024),
        "may_write": identity.may_write,
    }
    return page(request, room, identity, "levels.html", values, status=status)


def _unwatched_since(room: Room) -> str | None:
    """When the folder was last looked at, if that is too long ago: files then wait and nobody says so."""
    last = service_marks.read(room.database, service_marks.LAST_LOOK)
    if last is not None and room.clock.now() - last < room.settings.look_overdue_after:
        return None
    return "it was never read" if last is None else f"last read {last.astimezone(zone_of(room)):%d %b %H:%M:%S}"


def _view(room: Room, symbol: str, day: date, form: FormState | None) -> SymbolView:
    found = room.level_book.day(symbol, day)
    # A session ends at 18:00 at the latest: of a past day its own last price counts.
    end = datetime.combine(day, time(18), tzinfo=NEW_YORK)
    last = room.level_book.last_price(symbol, min(room.clock.now(), end))
    if last is not None and trading_date_of(last[1]) != day:
        # A price of another day beside these levels would be taken for today's.
        last = None
    return symbol_view(
        found,
        room.level_book.completeness(symbol, day),
        room.rules,
        zone=zone_of(room),
        today=room.local_now().date(),
        last_price=last,
        last_import=room.level_book.import_of(symbol, day),
        form=form,
    )


def _which(form: FormData, room: Room) -> tuple[str, date]:
    try:
        day = iso_date(form.get("date"))
    except ValueError as wrong:
        raise ApiError(422, fields={"date": str(wrong)}) from None
    return room.known_symbol(str(form.get("symbol") or "")), day


def _carried(request: Request, room: Room) -> dict[str, FormState]:
    query = request.query_params
    symbol = query.get("symbol", "").upper()
    texts = {name: query[name][:40] for name in MANUAL_LEVELS if name in query}
    if symbol not in room.rules.allowed_symbols or not texts:
        return {}
    typed = Typed.read(texts)
    return {symbol: FormState(typed, typed.errors, "Typed before the login, and not saved yet.", is_bad=True)}
