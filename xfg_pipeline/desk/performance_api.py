"""The API of trades, metrics and calibration."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from xfg_pipeline.desk.answers import errors, success
from xfg_pipeline.desk.desk_room import Room, RoomOf
from xfg_pipeline.desk.download import TRADE_COLUMNS, csv_text
from xfg_pipeline.desk.errors import ExactJSONResponse
from xfg_pipeline.desk.parameters import (
    CoinQuery,
    DirectionWord,
    ExitReasonWord,
    FromDate,
    Limit,
    Offset,
    SignalType,
    ToDate,
)
from xfg_pipeline.desk.performance_answers import (
    CalibrationAnswer,
    PerformanceAnswer,
    SnapshotsAnswer,
    TradesAnswer,
    UsesAnswer,
)
from xfg_pipeline.desk.status_api import days_of
from xfg_pipeline.resources.performance_book import AccountState
from xfg_pipeline.storage.performance_views import WantedTrades

router = APIRouter(tags=["performance"])

TRADE_DAYS = 30
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "A CSV file", "content": {"text/csv": {"schema": {"type": "string"}}}}
}

TypeQuery = Annotated[SignalType | None, Query(description="Only those of signals of this type.")]
ReasonQuery = Annotated[ExitReasonWord | None, Query(description="Only those that ended so.")]
DirectionQuery = Annotated[DirectionWord | None, Query()]
MatchedQuery = Annotated[bool | None, Query(description="Only those with a signal, or only those without.")]


@router.get(
    "/trades",
    summary="Trades of a range of days, by their exit",
    description="Days are UTC, both ends are inside, a year at most. Without dates: the last 30 days.",
    responses=success(TradesAnswer, "Newest exit first") | errors(422),
)
def trades(
    room: RoomOf,
    start: FromDate = None,
    end: ToDate = None,
    coin: CoinQuery = None,
    signal_type: TypeQuery = None,
    exit_reason: ReasonQuery = None,
    direction: DirectionQuery = None,
    matched: MatchedQuery = None,
    limit: Limit = 200,
    offset: Offset = 0,
) -> Response:
    book, as_of = room.performance_book, room.performance_book.now()
    first, last = days_of(as_of, start, end, before=TRADE_DAYS - 1)
    wanted = wanted_trades(
        room,
        first,
        last,
        coin=coin,
        signal_type=signal_type,
        exit_reason=exit_reason,
        direction=direction,
        matched=matched,
    )
    found = book.trades(wanted, limit=limit, offset=offset)
    answer = {"trades": found.rows, "total": found.total, "limit": limit, "offset": offset}
    answer |= {"sums": asdict(book.sums(wanted)), "from": first, "to": last}
    return ExactJSONResponse(answer | book.about(as_of))


@router.get(
    "/trades.csv",
    summary="Trades of a range of days as CSV",
    description="The same filters; the newest thousand at most. Without dates: the last 30 days.",
    responses=_CSV | errors(422),
)
def download(
    room: RoomOf,
    start: FromDate = None,
    end: ToDate = None,
    coin: CoinQuery = None,
    signal_type: TypeQuery = None,
    exit_reason: ReasonQuery = None,
    direction: DirectionQuery = None,
    matched: MatchedQuery = None,
) -> Response:
    book = room.performance_book
    first, last = days_of(book.now(), start, end, before=TRADE_DAYS - 1)
    wanted = wanted_trades(
        room,
        first,
        last,
        coin=coin,
        signal_type=signal_type,
        exit_reason=exit_reason,
        direction=direction,
        matched=matched,
    )
    return Response(
        csv_text(book.trades(wanted).rows, TRADE_COLUMNS),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{book.account}_trades_{first}_{last}.csv"'},
    )


@router.get(
    "/performance",
    summary="Metrics of now, by signal type and by coin, and what they rest on",
    description=(
        "The newest snapshot; null where a metric is not known, `reasons` says why and `samples` of how many it is. "
        "Also days reconciled against the exchange, what was made of the signals of 30 days, and the account."
    ),
    responses=success(PerformanceAnswer, "`snapshot` is null before the first one") | errors(),
)
def performance(room: RoomOf) -> Response:
    book, as_of = room.performance_book, room.performance_book.now()
    answer = {
        "snapshot": book.snapshot(as_of),
        "signal_types": book.by_type(as_of),
        "coins": book.by_coin(as_of),
        "reconciliations": book.reconciliations(),
        "usage": [asdict(one) for one in book.usage(as_of)],
        "account_state": account_dict(book.account_state()),
    }
    return ExactJSONResponse(answer | book.about(as_of))


@router.get(
    "/performance/signals",
    summary="What was made of each signal of a range of days",
    description=(
        "Taken, late, skipped, still open or paused, with the trade that followed and its slippage against the entry "
        "zone. Days are UTC, both ends are inside, a year at most. Without dates: the last 30 days."
    ),
    responses=success(UsesAnswer, "Newest first") | errors(422),
)
def uses(room: RoomOf, start: FromDate = None, end: ToDate = None) -> Response:
    book, as_of = room.performance_book, room.performance_book.now()
    first, last = days_of(as_of, start, end, before=TRADE_DAYS - 1)
    found = book.followed(as_of, first, last)
    return ExactJSONResponse({"signals": found, "from": first, "to": last} | book.about(as_of))


@router.get(
    "/performance/history",
    summary="Snapshots of a range of days",
    description="Days are UTC, both ends are inside, a year at most. Without dates: the last 30 days.",
    responses=success(SnapshotsAnswer, "Newest first, live and backfilled") | errors(422),
)
def history(
    room: RoomOf, start: FromDate = None, end: ToDate = None, limit: Limit = 200, offset: Offset = 0
) -> Response:
    book, as_of = room.performance_book, room.performance_book.now()
    first, last = days_of(as_of, start, end, before=TRADE_DAYS - 1)
    found = book.history(first, last, limit=limit, offset=offset)
    answer = {"history": found.rows, "total": found.total, "limit": limit, "offset": offset, "from": first, "to": last}
    return ExactJSONResponse(answer | book.about(as_of))


@router.get(
    "/calibration",
    summary="Do stated probabilities hold?",
    description=(
        "`trades`: what signals stated of the last trades of the newest ensemble, against what won; this one decides "
        "the light. `events`: of all predicted slots of 30 days, against the ensemble's own event. Ten bins of equal "
        "width, empty ones left out; scores are null while `n` is below `needed`."
    ),
    responses=success(CalibrationAnswer, "Both calibrations") | errors(),
)
def calibration(room: RoomOf) -> Response:
    book, as_of = room.performance_book, room.performance_book.now()
    answer = {
        "trades": book.calibration_of_trades(as_of).to_dict(),
        "events": book.calibration_of_events(as_of).to_dict(),
    }
    return ExactJSONResponse(answer | book.about(as_of))


def wanted_trades(room: Room, first: dt.date, last: dt.date, **filters: Any) -> WantedTrades:
    """What of the account's trades is asked for. Raises RangeRefused."""
    return room.performance_book.wanted(first, last, **filters)


def account_dict(state: AccountState) -> dict[str, Any]:
    """The account as programs read it."""
    return {
        "equity": state.equity,
        "positions": state.positions,
        "key": state.key,
        "sync": state.sync,
        "refused_records": state.refused_records,
    }
