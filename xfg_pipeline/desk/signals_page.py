"""The signals page: what can be acted on now, with its ticket, and why there is not more."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.desk_room import Room, RoomOf
from xfg_pipeline.desk.pages import ZONE_WORDS, page, zone_of
from xfg_pipeline.desk.parameters import Coin, IsoDate, Slot, caller
from xfg_pipeline.desk.signals_view import (
    GATE_LABELS,
    SignalRow,
    TicketBox,
    WhyRow,
    signal_row,
    stopped_text,
    why_row,
)
from xfg_pipeline.levels.sessions import FIRST_DAY
from xfg_pipeline.resources.signal_book import NoTicket, utc_day
from xfg_pipeline.signals.slots import SLOT, slot_at

router = APIRouter(include_in_schema=False)

# So many rows answer the question at a glance; the form below them asks for any other slot.
SHOWN_ROWS, SHOWN_SLOTS = 40, 4


def _nothing(value: Any) -> Any:
    return value or None


@router.get("/signals")
def signals_page(
    request: Request,
    room: RoomOf,
    identity: Annotated[Identity, Depends(caller)],
    date: Annotated[IsoDate | None, BeforeValidator(_nothing)] = None,
    coin: Annotated[Coin | None, BeforeValidator(_nothing)] = None,
    slot: Annotated[Slot | None, BeforeValidator(_nothing)] = None,
) -> Response:
    book, as_of = room.signal_book, room.signal_book.now()
    today = utc_day(as_of)
    day = utc_day(slot) if slot is not None else date or today
    rows = book.signals(as_of, day, day).rows
    zone, word = zone_of(room), ZONE_WORDS.get(room.settings.timezone, "here")
    counts = book.counts(day)
    values: dict[str, Any] = {
        "day": day,
        "today": today,
        "before": day - timedelta(days=1) if day > FIRST_DAY else None,
        "after": day + timedelta(days=1) if day < today else None,
        "rows": [signal_row(row, as_of, zone, word) for row in rows],
        "tickets": [_ticket(room, as_of, row) for row in rows if row["status"] == "ready"],
        "published": sum(row["position_multiplier"] != 0 for row in rows),
        "allowed": book.rules.max_signals_per_day,
        "next_slot": slot_at(as_of) + SLOT,
        "stopped": stopped_text(counts),
        "counts": [(label, counts[name]) for name, label in GATE_LABELS.items() if counts.get(name)],
        "decided": sum(counts.values()),
        "why": _why(room, as_of, day, coin, slot),
        "coins": book.coins,
        "coin": coin,
        "asked_slot": slot or slot_at(as_of),
        "is_asked": slot is not None,
        "market": book.market,
    }
    return page(request, room, identity, "signals.html", values)


def _ticket(room: Room, as_of: datetime, row: dict[str, Any]) -> TicketBox:
    seen: SignalRow = signal_row(row, as_of, zone_of(room), "")
    title = f"{seen.coin} {seen.side}"
    try:
        offer = room.signal_book.ticket(as_of, row["id"])
    except NoTicket as refused:
        return TicketBox(seen.id, title, "", "", str(refused), None)
    return TicketBox(seen.id, title, f"size ×{offer.ticket.multiplier.normalize():f}", offer.text, "", seen.left)


def _why(room: Room, as_of: datetime, day: date, coin: str | None, slot: datetime | None) -> list[WhyRow]:
    """The slot that was asked for, else all slots of one coin, else the newest slots of all coins."""
    book = room.signal_book
    if slot is not None:
        return [why_row(row) for row in book.why(as_of, slot, coin)]
    if coin is not None:
        return [why_row(row) for row in book.candidates(day, coin=coin).rows]
    slots = max(1, min(SHOWN_SLOTS, SHOWN_ROWS // max(1, len(book.coins))))
    return [why_row(row) for at in book.newest_slots(day, slots) for row in book.why(as_of, at)]
