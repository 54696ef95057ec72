"""The practice hand: an invented person who trades what is signalled, on the paper account only. A demonstration.

What it does with a signal is drawn from the signal's name, so that it is the same whenever it is asked. It never acts
on a paused signal, except where a past is invented from a time before there was a light.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import sqlalchemy as sa

from xfg_pipeline.exchange.account import OrderRefused
from xfg_pipeline.exchange.market import Instrument
from xfg_pipeline.exchange.paper import PaperAccount
from xfg_pipeline.signals.increments import Increments
from xfg_pipeline.signals.sizing import SizeRefused, size_position
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.tables import signals
from xfg_pipeline.trading.account_records import NewOrder

Whim = Literal["taken", "unnamed", "late", "skipped"]
"""`unnamed`: taken without the signal's link id, so that only price and time tell what it came of."""

_SKIPPED, _LATE, _UNNAMED = 12, 18, 25
LATE_AT_MOST: Final = timedelta(minutes=10)
"""How long after its expiry a late signal is still acted on."""
_FORGOTTEN: Final = timedelta(hours=1)
"""An order that was due so long ago is not made up for: the person was not there."""


@dataclass(frozen=True)
class Intent:
    """What the hand does with a signal: an order at a moment, or nothing (`order` None)."""

    whim: Whim
    at: datetime
    expires_at: datetime
    order: NewOrder | None


@dataclass
class Handed:
    """What the hand came to: orders newly placed by whim, signals left alone, and what was refused, with why."""

    placed: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    refused: list[str] = field(default_factory=list)


def take(
    account: PaperAccount,
    database: Database,
    market: str,
    instruments: Mapping[str, Instrument],
    as_of: datetime,
    *,
    is_red: bool = False,
) -> Handed:
    """Place paper orders for the live signals whose moment has come by `as_of`, then apply the candles closed by it.

    While it `is_red` nothing is placed; what is open goes on. Whoever calls it has looked whether the hand is wanted
    (trading.practice_hand). Repeating it places nothing twice.
    """
    own = signals.c
    query = sa.select(signals).where(
        own.market == market,
        own.mode == "live",
        own.slot <= as_of,
        own.expires_at > as_of - LATE_AT_MOST - _FORGOTTEN,
        own.position_size > 0,
        own.status != "executed",
    )
    report = Handed()
    if not is_red:
        for row in _read(database, query):
            intent = intent_of(row, row["position_size"])
            if intent.at <= as_of < intent.at + _FORGOTTEN:
                _place(account, intent, instruments, report)
    account.advance(as_of)
    return report


def take_history(
    account: PaperAccount,
    database: Database,
    market: str,
    instruments: Mapping[str, Instrument],
    start: datetime,
    end: datetime,
    as_of: datetime,
    *,
    base_risk: Decimal,
    also_paused: bool = True,
) -> Handed:
    """Give the account a past: what the hand would have done with the signals of start <= slot < end, up to `as_of`.

    Sizes are those of the signals. One without a size gets `base_risk` of the starting equity, unless `also_paused` is
    off. Signals of live slots are left to `take`. Repeating it places nothing twice. Raises NotOpened.
    """
    own = signals.c
    query = sa.select(signals).where(
        own.market == market, own.slot >= start, own.slot < end, own.mode == "backfill", own.status != "executed"
    )
    report = Handed()
    opened = account.opened
    equity = None if opened is None else opened.starting_equity
    intents = []
    for row in _read(database, query):
        size = row["position_size"]
        if size == 0 and also_paused:
            size = _size_of(row, instruments.get(row["coin"]), equity, base_risk, report)
        if size > 0:
            intents.append(intent_of(row, size))
    for intent in sorted(intents, key=lambda one: one.at):
        if intent.at <= as_of:
            _place(account, intent, instruments, report)
    account.advance(as_of)
    return report


def intent_of(signal: Mapping[str, Any], quantity: Decimal) -> Intent:
    """What the hand does with a signal's row: of a hundred 82 are taken, 6 late, 12 left alone.

    A quarter of those taken, and all late ones, carry a name of the hand's own.
    """
    digest = hashlib.sha256(f"practice hand:{signal['order_link_id']}".encode()).digest()
    share, other = digest[0] * 256 + digest[1], digest[2]
    percent = share * 100 // 65536
    whim: Whim = "skipped" if percent < _SKIPPED else "late" if percent < _LATE else "taken"
    if whim == "taken" and other * 100 // 256 < _UNNAMED:
        whim = "unnamed"
    seconds = int.from_bytes(digest[3:7])
    if whim == "late":
        at = signal["expires_at"] + timedelta(seconds=60 + seconds % int(LATE_AT_MOST.total_seconds() - 60))
        until = at + timedelta(minutes=15)
    else:
        at, until = signal["slot"] + timedelta(seconds=60 + seconds % 300), signal["expires_at"]
    if whim == "skipped":
        return Intent(whim, at, until, None)
    is_long = signal["direction"] == "LONG"
    order = NewOrder(
        coin=signal["coin"],
        side="Buy" if is_long else "Sell",
        quantity=quantity,
        price=signal["entry_high"] if is_long else signal["entry_low"],
        take_profit=signal["take_profit"],
        stop_loss=signal["stop_loss"],
        link_id=signal["order_link_id"] if whim == "taken" else f"hand-{digest.hex()[:24]}",
    )
    return Intent(whim, at, until, order)


def _place(account: PaperAccount, intent: Intent, instruments: Mapping[str, Instrument], report: Handed) -> None:
    order = intent.order
    if order is None:
        report.skipped += 1
        return
    if order.coin not in instruments:
        report.refused.append(f"{order.link_id}: tick and step of {order.coin} are not known")
        return
    try:
        placed = account.place_at(order, intent.at, expires_at=intent.expires_at)
    except OrderRefused as refused:
        report.refused.append(str(refused))
        return
    report.placed[intent.whim] += not placed.again


def _size_of(
    signal: Mapping[str, Any],
    instrument: Instrument | None,
    equity: Decimal | None,
    base_risk: Decimal,
    report: Handed,
) -> Decimal:
    if instrument is None:
        report.refused.append(f"{signal['order_link_id']}: tick and step of {signal['coin']} are not known")
        return Decimal(0)
    names = ("tick_size", "qty_step", "min_qty", "max_qty", "min_notional")
    increments = Increments(**{name: getattr(instrument, name) for name in names})
    edge = signal["entry_high"] if signal["direction"] == "LONG" else signal["entry_low"]
    try:
        return size_position(equity, Decimal(1), edge, signal["stop_loss"], increments, base_risk).quantity
    except SizeRefused as refused:
        report.refused.append(f"{signal['order_link_id']}: {refused}")
        return Decimal(0)


def _read(database: Database, query: sa.Select[Any]) -> list[Mapping[str, Any]]:
    with database.read() as connection:
        rows = connection.execute(query.order_by(signals.c.slot, signals.c.coin)).mappings()
        return [dict(row) for row in rows]
