"""The page of trades: what was traded and why it ended, and what it comes to by type, by coin and by forecast."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.desk_room import RoomOf
from xfg_pipeline.desk.figures import money, share
from xfg_pipeline.desk.pages import page
from xfg_pipeline.desk.parameters import Coin, DirectionWord, ExitReasonWord, IsoDate, Offset, SignalType, caller
from xfg_pipeline.desk.performance_api import TRADE_DAYS, wanted_trades
from xfg_pipeline.desk.reliability_picture import picture_of
from xfg_pipeline.desk.status_api import days_of
from xfg_pipeline.desk.trades_view import EXITS, PERIODS, group_rows, trade_row, used_rows
from xfg_pipeline.resources.performance_book import USAGE_DAYS
from xfg_pipeline.resources.signal_book import MOST_ROWS
from xfg_pipeline.signals.calibration import wilson_interval
from xfg_pipeline.signals.signal_types import SIGNAL_TYPES

router = APIRouter(include_in_schema=False)

PAGE_ROWS = 25
_MATCHED = {"with": True, "without": False}


def _nothing(value: Any) -> Any:
    return value or None


def _matched(value: Any) -> Any:
    if value in (None, ""):
        return None
    if value not in _MATCHED:
        raise ValueError("must be with or without")
    return _MATCHED[value]


_Day = Annotated[IsoDate | None, BeforeValidator(_nothing)]


@router.get("/trades")
def trades_page(
    request: Request,
    room: RoomOf,
    identity: Annotated[Identity, Depends(caller)],
    start: Annotated[_Day, Query(alias="from")] = None,
    end: Annotated[_Day, Query(alias="to")] = None,
    coin: Annotated[Coin | None, BeforeValidator(_nothing)] = None,
    signal_type: Annotated[SignalType | None, BeforeValidator(_nothing)] = None,
    exit_reason: Annotated[ExitReasonWord | None, BeforeValidator(_nothing)] = None,
    direction: Annotated[DirectionWord | None, BeforeValidator(_nothing)] = None,
    matched: Annotated[bool | None, BeforeValidator(_matched)] = None,
    period: Annotated[str, Query(pattern="^(last_20|week|month)$")] = "month",
    offset: Offset = 0,
) -> Response:
    book, as_of = room.performance_book, room.performance_book.now()
    first, last = days_of(as_of, start, end, before=TRADE_DAYS - 1)
    filters = {"coin": coin, "signal_type": signal_type, "exit_reason": exit_reason, "direction": direction}
    wanted = wanted_trades(room, first, last, **filters, matched=matched)
    found, sums = book.trades(wanted, limit=PAGE_ROWS, offset=offset), book.sums(wanted)
    asked = {name: value for name, value in filters.items() if value}
    days = {"from": first.isoformat(), "to": last.isoformat()}
    with_signal = {} if matched is None else {"matched": str(matched).lower()}
    own = {} if matched is None else {"matched": "with" if matched else "without"}
    interval = wilson_interval(sums.wins, sums.closed)
    values: dict[str, Any] = {
        "first": first,
        "last": last,
        "rows": [trade_row(row, as_of) for row in found.rows],
        "total": found.total,
        "most": MOST_ROWS,
        "sums": sums,
        "pnl": money(sums.pnl),
        "fees": money(sums.fees, sign=False),
        "funding": money(sums.funding),
        "won": share(sums.wins / sums.closed, 0) if sums.closed else "–",
        "interval": interval and f"{share(interval[0], 0)} to {share(interval[1], 0)}",
        "asked": {**filters, "matched": own.get("matched")},
        "coins": room.signal_book.coins,
        "types": SIGNAL_TYPES,
        "exits": EXITS,
        "is_filtered": bool(asked or own),
        "csv": urlencode({**days, **asked, **with_signal}),
        "newer": _address(days, asked, own, max(0, offset - PAGE_ROWS)) if offset else "",
        "older": _address(days, asked, own, offset + PAGE_ROWS) if offset + PAGE_ROWS < found.total else "",
        "offset": offset,
        "by_type": group_rows(book.by_type(as_of), "signal_type", period),
        "by_coin": group_rows(book.by_coin(as_of), "coin", period),
        "period": period,
        "periods": PERIODS,
        "used": used_rows(book.usage(as_of)),
        "used_days": USAGE_DAYS,
        "of_trades": picture_of(book.calibration_of_trades(as_of), came="won"),
        "of_events": picture_of(book.calibration_of_events(as_of), came="came"),
        "least": share(room.light_book.thresholds.red_wr_threshold, 0),
        "least_at": round(200 * float(room.light_book.thresholds.red_wr_threshold), 1),
    }
    return page(request, room, identity, "trades.html", values)


def _address(days: dict[str, str], asked: dict[str, Any], own: dict[str, str], offset: int) -> str:
    return f"/trades?{urlencode({**days, **asked, **own, 'offset': offset})}"
