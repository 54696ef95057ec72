"""Orders into the paper account's books: each link id once, one position a coin and side."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from xfg_pipeline.exchange.account import OrderRefused
from xfg_pipeline.exchange.paper_books import (
    ORDERS,
    ClosingAsked,
    PaperBooks,
    PaperOrder,
    PaperPage,
    order_in,
    write_child,
    write_order,
)
from xfg_pipeline.exchange.paper_following import changing
from xfg_pipeline.exchange.paper_records import asked_order, new_order
from xfg_pipeline.signals.slots import SLOT_SECONDS, moment, seconds
from xfg_pipeline.trading.account_records import NewOrder, Placed, Side

_PARAMETER: Final = 10001
_NOTHING_TO_CLOSE: Final = 110017
"""What Bybit answers when a reduce-only order would reduce nothing."""


def place(account: str, books: PaperBooks, order: NewOrder, at: datetime, expires_at: datetime) -> Placed:
    """Keep an order to open a position; whoever calls has followed its coin and side up to `at`.

    Raises OrderRefused where one of its coin and side is there already, as far as was known at that moment.
    """
    if expires_at <= at:
        raise OrderRefused(
            f"{order.link_id} would expire at {expires_at:%Y-%m-%d %H:%M:%S} UTC, before it is placed",
            code=_PARAMETER,
            coin=order.coin,
        )
    record = new_order(account, order, at)
    with changing(books) as page:
        known = page.order_of(order.link_id)
        if known is not None:
            before = order_in(known)
            return Placed(before.order_id, before.link_id, again=True)
        _refuse_second(page, order, at)
        write_order(page, PaperOrder(record, expires_at, _candle_of(at)))
    return Placed(record.order_id, record.link_id)


def ask_to_close(account: str, books: PaperBooks, order: NewOrder, at: datetime) -> Placed:
    """Keep a reduce-only order: the position that it closes ends at the next price. Raises OrderRefused."""
    with changing(books) as page:
        known = page.order_of(order.link_id)
        if known is not None:
            return Placed(order_in(known).order_id, order.link_id, again=True)
        last = page.last_of(order.coin, opening_side(order))
        held = None if last is None else ORDERS.validate_python(last)
        if held is None or held.entry is None or not held.is_working or held.asked is not None:
            raise OrderRefused(
                f"{order.link_id}: {order.coin} has no position that {order.side} would close",
                code=_NOTHING_TO_CLOSE,
                coin=order.coin,
            )
        if order.quantity != held.order.quantity or order.price is not None:
            raise OrderRefused(
                f"{order.link_id}: the paper account closes whole positions at market: {held.order.quantity} "
                f"{order.coin}, without a price",
                code=_PARAMETER,
                coin=order.coin,
            )
        asked = ClosingAsked(order.link_id, at)
        record = asked_order(account, held, asked)
        write_child(page, record)
        write_order(page, replace(held, asked=asked))
    return Placed(record.order_id, record.link_id)


def opening_side(order: NewOrder) -> Side:
    """Side of the order that opened what this one closes, or its own where it opens."""
    if not order.reduce_only:
        return order.side
    return "Sell" if order.side == "Buy" else "Buy"


def _refuse_second(page: PaperPage, order: NewOrder, at: datetime) -> None:
    last = page.last_of(order.coin, order.side)
    if last is None:
        return
    earlier = ORDERS.validate_python(last)
    # A position is known to be closed when its candle is; a cancelled order when it was cancelled.
    over = earlier.ended_at if earlier.entry is None else earlier.followed_to
    if over is None or earlier.is_working or over > at or earlier.order.created_at > at:
        raise OrderRefused(
            f"{order.link_id}: {order.coin} {order.side} is there already ({earlier.order.link_id}, placed "
            f"{earlier.order.created_at:%Y-%m-%d %H:%M} UTC): the paper account holds one position a coin and side",
            code=_PARAMETER,
            coin=order.coin,
        )


def _candle_of(at: datetime) -> datetime:
    """When the candle opened in which a moment lies."""
    return moment(seconds(at) // SLOT_SECONDS * SLOT_SECONDS)
